"""The bench's figures: what their artists hold is what the rows say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from poolscope.benchmarks.drawings import plot_costs, plot_operators, plot_ratios


def make_rows(*rows: tuple[str, str, str, float]) -> pd.DataFrame:
    """Rows of quantity, contender, reference and ratio; quartiles a tenth to either side."""
    frame = pd.DataFrame(rows, columns=["quantity", "contender", "reference", "ratio"])
    quartiles = {"ratio_q25": 0.9 * frame["ratio"], "ratio_q75": 1.1 * frame["ratio"]}
    medians = {"contender_median": 100 * frame["ratio"], "reference_median": 100.0}
    return frame.assign(unit="images/CPU-s", **quartiles, **medians)


def test_ratios_stand_on_the_line_of_their_reference() -> None:
    rows = make_rows(
        ("training a", "ours", "Flax", 2.0),
        ("training a", "ours", "torch", 0.5),
        ("training b", "ours", "Flax", 3.0),
        ("training b", "ours", "torch", np.nan),  # not installed
        ("training b", "ours", "scan", 1.5),
        ("training b", "ours too", "ours", 1.5),  # a contender against a contender
    )
    figure = plot_ratios(rows, ("ours", "ours too"), columns=2)
    first, second = figure.axes
    assert [ax.get_title(loc="left") for ax in (first, second)] == ["training a", "training b"]
    assert [label.get_text() for label in first.get_yticklabels()] == ["Flax", "torch", "scan"]
    marks, _, (bars,) = first.containers[0]
    assert (marks.get_xdata().tolist(), marks.get_ydata().tolist()) == ([2, 0.5], [0, 1])
    assert bars.get_segments()[0][:, 0] == pytest.approx([1.8, 2.2])
    assert second.containers[0][0].get_xdata().tolist() == [3, 1.5]
    assert first.get_xscale() == "log"


def test_operators_are_drawn_by_their_cost_relative_to_max() -> None:
    (ax,) = plot_operators(make_rows(("operator lp", "lp", "max", 0.25), ("operator avg", "avg", "max", 2.0))).axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["avg", "lp"]
    marks, _, (bars,) = ax.containers[0]
    assert marks.get_xdata().tolist() == [0.5, 4]
    assert bars.get_segments()[1][:, 0] == pytest.approx([1 / 0.275, 1 / 0.225])


def test_costs_are_the_medians_of_contenders_and_of_the_reference() -> None:
    rows = make_rows(
        ("curve: width", "8", "16", 1.5), ("curve: width", "32", "16", 0.5), ("curve: blocks", "2", "1", 1)
    )
    width, blocks = plot_costs(rows).axes
    assert [ax.get_title(loc="left") for ax in (width, blocks)] == ["width", "blocks"]
    assert width.lines[0].get_xydata().tolist() == [[8, 150], [16, 100], [32, 50]]
    assert width.get_ylabel() == "images/CPU-s"
