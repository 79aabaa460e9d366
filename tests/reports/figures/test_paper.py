"""Figures for a column: their size in inches, their fonts in the file, what is drawn."""

from __future__ import annotations

import re
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from made_records import make_config, make_record, write_study

from poolscope.reports.figures.files import save_pdf
from poolscope.reports.figures.paper import FONTS, WIDTHS, make_style, plot_learning, plot_selection
from poolscope.spec.errors import PoolscopeError
from poolscope.statistics.selection import select
from poolscope.statistics.tables import Tables, collect


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    results = tmp_path_factory.mktemp("results")
    records = [
        make_record(make_config(pool), seed, effect) for pool, effect in (("max", 0), ("avg", -0.05)) for seed in (0, 1)
    ]
    write_study(results, records)
    return collect(results, "made")


@pytest.mark.parametrize(("width", "across"), [(WIDTHS["column"], 1), (WIDTHS["page"], 2)])
def test_a_figure_has_the_column_s_width_and_every_seed(tables: Tables, width: float, across: int) -> None:
    figure = plot_selection(select(tables), width)
    assert figure.get_figwidth() == width
    left, right = figure.axes
    assert bool(left.get_position().y0 == pytest.approx(right.get_position().y0)) is (across == 2)
    assert left.get_xlabel() == "test accuracy (%)"
    assert right.get_xlabel() == "difference to max (points)"
    assert sum(len(dots.get_offsets()) for dots in left.collections) == 4
    assert sum(len(dots.get_offsets()) for dots in right.collections) == 2


def test_a_run_that_never_learned_is_a_ring_beside_its_difference(tables: Tables) -> None:
    runs = tables.runs.copy()
    stuck = runs["pool.name"].eq("max") & runs["seed"].eq(1)
    runs.loc[stuck, ["test_accuracy", "train_eval_accuracy", "train_eval_loss"]] = [0.1, 0.1, 2.303]
    left, right = plot_selection(select(replace(tables, runs=runs)), WIDTHS["page"]).axes
    rings = [sum((dots.get_facecolor()[:, 3] == 0).sum() for dots in ax.collections) for ax in (left, right)]
    assert rings == [1, 1]


@pytest.mark.parametrize(("font", "name"), [("serif", b"STIX"), ("computer-modern", b"Cmr10"), ("sans", b"DejaVuSans")])
def test_the_file_has_the_font_as_outlines(tables: Tables, tmp_path: Path, font: str, name: bytes) -> None:
    assert font in FONTS
    path = save_pdf(plot_selection(select(tables), 3.25, font), tmp_path, font, make_style(font))
    content = path.read_bytes()
    parts = [content, *(_inflate(part) for part in re.findall(rb"stream\r?\n(.*?)endstream", content, re.S))]
    fonts = b"".join(re.findall(rb"/BaseFont /(\S+)", b"".join(parts)))
    assert name in fonts
    assert b"/Type3" not in content.replace(b" ", b"")


def test_learning_curves_have_a_line_for_each_arm(tables: Tables) -> None:
    (ax,) = plot_learning(select(tables), tables.curves, 3.25).axes
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["max", "avg"]
    with pytest.raises(PoolscopeError, match="no learning curves; draw --figure strip"):
        plot_learning(select(tables), tables.curves.iloc[:0], 3.25)


def _inflate(part: bytes) -> bytes:
    try:
        return zlib.decompress(part)
    except zlib.error:
        return b""
