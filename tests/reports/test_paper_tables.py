"""The same cells as LaTeX, Markdown and Typst: signs, intervals, n and level, letter by letter."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from poolscope.reports.paper_tables import (
    find_digits,
    list_texts,
    quote_typst,
    write_caption,
    write_figure_caption,
    write_latex,
    write_markdown,
    write_typst,
)
from poolscope.statistics.selection import Selection

NAN = float("nan")


def make_selection(scale: float = 100.0, pairs: int = 3, second: str = "max") -> Selection:
    """Two arms with numbers given by hand."""
    rows = [
        ("digits", "max", 3, 90.0, 88.5, 91.5, "max", 0, NAN, NAN, NAN),
        ("digits", "a_vg", 3, 91.25, 89.0, 93.5, second, pairs, 1.25, -0.5, 3.0),
    ]
    columns = ["setting", "arm", "n", "mean", "low", "high", "baseline", "pairs"]
    columns += ["difference", "difference_low", "difference_high"]
    summary = pd.DataFrame(rows, columns=columns).assign(level=0.95)
    done = pd.DataFrame({"setting": "digits", "arm": ["max", "a_vg"] * 3, "seed": [0, 0, 1, 1, 2, 2]})
    return Selection("test_accuracy", scale, done, {}, summary, pd.DataFrame())


def test_latex_by_hand() -> None:
    text = write_latex(make_selection(), "100 % of a_b", "x")
    assert r"\caption{100 \% of a\_b}" in text
    assert r"arm & $n$ & \multicolumn{3}{c}{test accuracy} & \multicolumn{3}{c}{difference to max} \\" in text
    assert r" &  & \multicolumn{3}{c}{(\%)} & \multicolumn{3}{c}{(points)} \\" in text
    assert r"a\_vg & 3 & $91.25$ & $89.00$ & $93.50$ & $+1.25$ & $-0.50$ & $+3.00$ \\" in text
    assert r"max & 3 & $90.00$ & $88.50$ & $91.50$ & \multicolumn{3}{c}{baseline} \\" in text
    assert text.index("a\\_vg & 3") < text.index("max & 3")  # best first


def test_every_row_has_as_many_columns_as_the_head() -> None:
    for selection in (make_selection(), make_selection(pairs=2), make_selection(second="other"), make_selection(1.0)):
        text = write_latex(selection, "x", "x")
        spec = next(line for line in text.splitlines() if "begin{tabular}" in line)
        columns = sum(spec.partition("}{")[2].count(letter) for letter in "lr") - spec.count(r"\tabcolsep") * 1
        for line in text.splitlines():
            if line.endswith(r"\\"):
                spans = line.count(r"\multicolumn{3}")
                assert line.count(" & ") + 1 + 2 * spans == columns, line


def test_pairs_are_said_where_they_are_fewer_than_runs() -> None:
    assert "pairs" not in list_texts(make_selection())[0]
    heads, rows = list_texts(make_selection(pairs=2))
    assert heads == ["arm", "n", "test accuracy (%)", "pairs", "difference to max (points)"]
    assert rows[0] == ["a_vg", "3", "91.25 [89.00, 93.50]", "2", "+1.25 [−0.50, +3.00]"]


def test_a_caption_has_level_n_and_protocol() -> None:
    caption = write_caption(make_selection())
    assert "Test accuracy in %: mean over n seeds with its 95 % t interval" in caption
    assert "difference to max, paired by seed" in caption
    assert "n = 3 seeds per arm" in caption


def test_a_figure_s_caption_explains_hollow_dots() -> None:
    selection = make_selection()
    assert "Hollow" not in write_figure_caption(selection)
    done = selection.done.assign(status="done", train_eval_accuracy=[0.1, *[0.9] * 5], train_eval_loss=2.303)
    assert " (lines). Hollow dots (outside of a panel: at chance): 1 run that" in write_figure_caption(
        replace(selection, done=done)
    )


def test_markdown_by_hand() -> None:
    lines = write_markdown(make_selection(), "Caption.", "f.svg", "Below.").splitlines()
    assert lines[:3] == [
        "| arm | n | test accuracy (%) | difference to max (points) |",
        "| --- | ---: | ---: | ---: |",
        "| a_vg | 3 | 91.25 [89.00, 93.50] | +1.25 [−0.50, +3.00] |",
    ]
    assert lines[-3:] == ["![test accuracy by arm](f.svg)", "", "Below."]


def test_typst_never_reads_a_text_as_markup() -> None:
    assert quote_typst('a "b" \\ #c') == '"a \\"b\\" \\\\ #c"'
    text = write_typst(make_selection(), "#title", "*caption*", "f.pdf", "below")
    assert '[#"a_vg"]' in text and '"#title"' in text and 'image("f.pdf")' in text


@pytest.mark.parametrize(("low", "high", "digits"), [(0.1, 0.3, 2), (1, 3, 1), (100, 500, 0), (0.5, 0.5005, 5)])
def test_decimals_give_the_shortest_interval_two_digits(low: float, high: float, digits: int) -> None:
    selection = make_selection(1.0)
    selection.summary[["low", "high"]] = [low, high]
    assert find_digits(selection) == digits
