"""Figures: what they show can be read back from their artists, and the same figure is the same file."""

from __future__ import annotations

import math
from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_records import make_config, make_record, write_study
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, to_rgb
from matplotlib.figure import Figure

from poolscope.reports.figures.axes import (
    draw_confusion,
    draw_curves,
    draw_heat_map,
    draw_quadrants,
    draw_strip,
    find_limits,
    order_by_mean,
)
from poolscope.reports.figures.files import save_figure
from poolscope.reports.figures.study import plot_accuracy, plot_curves, plot_feature_maps, plot_gap, plot_heat_maps
from poolscope.reports.figures.style import style_arms, style_operator, styled
from poolscope.spec.operators import OPERATORS
from poolscope.statistics.arms import add_arms, find_baselines
from poolscope.statistics.inference import summarise
from poolscope.statistics.tables import Tables, collect


@pytest.fixture
def ax() -> Axes:
    return Figure().subplots()


def _strip() -> pd.DataFrame:
    values = {"max": [0.90, 0.91, 0.92], "avg": [0.93, 0.95, 0.94], "min": [0.85, 0.83, 0.87]}
    return pd.DataFrame(
        [
            {"arm": arm, "operator": arm, "seed": seed, "test_accuracy": v}
            for arm, vs in values.items()
            for seed, v in enumerate(vs)
        ]
    )


def test_every_operator_looks_different_in_colour_and_in_print() -> None:
    looks = [tuple(style_operator(name).values()) for name in OPERATORS]
    assert len(set(looks)) == len(looks)
    markers = [marker for _, marker in looks[:13]]
    assert len(set(markers)) == len(markers)


def test_an_operators_look_does_not_depend_on_what_else_is_drawn() -> None:
    frame = _strip()
    alone = style_arms(frame[frame["arm"] == "min"])
    assert alone["min"] == style_arms(frame)["min"] == style_operator("min")


def test_colours_differ_in_lightness_or_hue_for_the_colour_blind() -> None:
    """Machado, Oliveira & Fernandes' (2009) matrix of full deuteranopia keeps all pairs of colours apart."""
    matrix = np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    )
    seen = [matrix @ (np.array(to_rgb(style_operator(name)["color"])) ** 2.2) for name in list(OPERATORS)[:7]]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 0.1


def test_a_strip_shows_every_seed_the_mean_and_the_interval(ax: Axes) -> None:
    frame = _strip()
    order = order_by_mean(frame, "test_accuracy")
    assert order == ["min", "max", "avg"]
    draw_strip(frame, ax, "test_accuracy", style_arms(frame), order, scale=100)
    dots = [np.asarray(dots.get_offsets())[:, 0] for dots in ax.collections]
    assert [sorted(of_arm) for of_arm in dots] == [pytest.approx(v) for v in ([83, 85, 87], [90, 91, 92], [93, 94, 95])]
    lines = [line.get_xdata() for line in ax.lines]
    expected = summarise([90, 91, 92])
    assert lines[2] == pytest.approx([expected.low, expected.high])
    assert lines[3] == pytest.approx([91])
    assert [label.get_text() for label in ax.get_yticklabels()] == order


def test_a_stray_seed_is_written_at_the_edge_instead_of_stretching_the_axis(ax: Axes) -> None:
    rng = np.random.default_rng(0)
    values = {arm: rng.normal(92, 1, 10) for arm in ("max", "avg", "lp")}
    values["lp"][3] = 9.8
    rows = [
        {"arm": arm, "operator": arm, "seed": seed, "accuracy": v}
        for arm, vs in values.items()
        for seed, v in enumerate(vs)
    ]
    frame = pd.DataFrame(rows)
    draw_strip(frame, ax, "accuracy", style_arms(frame), ["max", "avg", "lp"], bounds=(0, 100))
    assert 80 < ax.get_xlim()[0] < 91
    assert any(text.get_text().startswith("◂ 9.8") for text in ax.texts)


@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8), min_size=1, max_size=6))
def test_limits_hold_every_median(groups: list[list[float]]) -> None:
    arrays = {str(i): np.array(values) for i, values in enumerate(groups)}
    low, high = find_limits(arrays)
    assert low < high
    assert all(low <= np.median(values) <= high for values in arrays.values())


def test_limits_of_ordinary_values_hold_all_intervals() -> None:
    groups = {"a": np.array([1.0, 2.0, 3.0]), "b": np.array([2.0, 3.0, 4.0])}
    low, high = find_limits(groups)
    assert low < summarise(groups["a"]).low
    assert high > summarise(groups["b"]).high
    assert find_limits(groups, bounds=(1.5, 3.5)) == (1.5, 3.5)
    assert find_limits({}) == (0.0, 1.0)


def test_curves_show_each_seed_and_the_mean(ax: Axes) -> None:
    rows = [
        {"seed": seed, "epoch": epoch, "train_eval_loss": 1.0 / epoch + seed, "val_loss": 2.0 / epoch + seed}
        for seed in (0, 1)
        for epoch in (1, 2, 4)
    ]
    draw_curves(pd.DataFrame(rows), ax, "loss", style_operator("max"))
    drawn = [line.get_ydata() for line in ax.lines]
    assert len(drawn) == 2 * (2 + 1)
    assert drawn[2] == pytest.approx([1.5, 1.0, 0.75])  # mean of train_eval, dashed
    assert drawn[5] == pytest.approx([2.5, 1.5, 1.0])  # mean of val, solid
    assert ax.lines[2].get_linestyle() == "--"
    assert ax.lines[5].get_linestyle() == "-"


def test_quadrants_put_the_mean_where_it_belongs(ax: Axes) -> None:
    frame = pd.DataFrame({"arm": ["avg"] * 3, "seed": [0, 1, 2], "gap": [-1.0, -2.0, -3.0], "test": [1.0, 1.5, 2.0]})
    draw_quadrants(frame, ax, {"avg": style_operator("avg")})
    marker = next(line for line in ax.lines if line.get_label() == "avg")
    assert (marker.get_xdata()[0], marker.get_ydata()[0]) == (-2.0, 1.5)
    assert ax.get_xlim()[1] >= 0 >= ax.get_ylim()[0]


def test_a_heat_map_writes_mean_interval_and_n(ax: Axes) -> None:
    frame = pd.DataFrame({"x": [2, 2, 3], "y": [1, 1, 2], "value": [0.5, 0.7, 0.9]})
    draw_heat_map(frame, ax, "x", "y", "value", Normalize(0, 100), scale=100)
    half = summarise([50, 70]).high - 60
    assert sorted(text.get_text() for text in ax.texts) == [f"60.0\n±{half:.1f}\nn=2", "90.0\nn=1"]
    shown = ax.images[0].get_array()
    np.testing.assert_allclose(np.ma.filled(shown, math.nan), [[60, math.nan], [math.nan, 90]])


def test_confusion_is_shown_in_per_cent_of_the_true_class(ax: Axes) -> None:
    draw_confusion(np.array([[9, 1], [0, 40]]), ax)
    assert [text.get_text() for text in ax.texts] == ["90", "10", "100"]


@pytest.fixture
def tables(results: Path) -> Tables:
    configs = [make_config(pool, data) for data in ("mnist", "cifar10") for pool in ("max", "avg", "min")]
    write_study(results, [make_record(config, seed) for config in configs for seed in range(3)])
    return collect(results, "made")


def test_labels_never_overlap_or_leave_the_page(results: Path, tables: Tables, tmp_path: Path) -> None:
    long = [
        make_config("max", model__blocks=b, optim__learning_rate=0.00125 * b, train__batch_size=32 * b) for b in (1, 2)
    ]
    also = [make_config("avg", model__blocks=b, train__flip=flip) for b in (1, 2) for flip in (True, False)]
    write_study(tmp_path, [make_record(config, seed) for config in [*long, *also] for seed in range(3)])
    for runs in (tables.runs, collect(tmp_path, "made").runs):
        labelled = add_arms(runs)
        for figure in (plot_accuracy(labelled, find_baselines(labelled)), plot_gap(labelled, find_baselines(labelled))):
            save_figure(figure, tmp_path, "checked")
            width, height = figure.canvas.get_width_height()
            for panel in figure.axes:
                for axis in (panel.xaxis, panel.yaxis):
                    low, high = axis.get_view_interval()
                    labels = [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
                    boxes = [label.get_window_extent() for label in labels if label.get_visible() and label.get_text()]
                    assert all(box.x0 >= -1 and box.y0 >= -1 for box in boxes)
                    assert all(box.x1 <= width + 1 and box.y1 <= height + 1 for box in boxes)
                    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))


def test_a_figure_has_a_row_of_panels_per_setting(tables: Tables) -> None:
    labelled = add_arms(tables.runs)
    figure = plot_accuracy(labelled, find_baselines(labelled))
    assert [panel.get_title(loc="left") for panel in figure.axes] == ["cifar10", "against max", "mnist", "against max"]


def test_curves_and_maps_have_a_panel_per_arm(tables: Tables) -> None:
    labelled = add_arms(tables.runs)
    curves = plot_curves(labelled, tables.curves, "mnist", "loss", find_baselines(labelled))
    assert [panel.get_title(loc="left") for panel in curves.axes] == ["max", "avg", "min"]
    maps = plot_feature_maps(labelled, tables.feature_maps, "mnist")
    assert maps is not None
    assert [panel.get_title(loc="left") for panel in maps.axes[:4]] == ["test image", "max", "avg", "min"]
    assert plot_feature_maps(labelled, tables.feature_maps.iloc[:0], "mnist") is None


def test_heat_maps_need_two_independent_factors(results: Path, tmp_path: Path, tables: Tables) -> None:
    assert plot_heat_maps(tables.runs, "pool.window", "pool.stride", "test_accuracy") is None
    diagonal = [make_config(pool__window=w) for w in (2, 3)]  # stride follows the window
    write_study(tmp_path / "a", [make_record(config, 0) for config in diagonal])
    assert plot_heat_maps(collect(tmp_path / "a", "made").runs, "pool.window", "pool.stride", "test_accuracy") is None
    crossed = [
        make_config(pool, pool__window=w, pool__stride=s) for pool in ("max", "avg") for w in (2, 3) for s in (1, 2)
    ]
    write_study(tmp_path / "b", [make_record(config, seed) for config in crossed for seed in (0, 1)])
    figure = plot_heat_maps(collect(tmp_path / "b", "made").runs, "pool.window", "pool.stride", "test_accuracy")
    assert figure is not None
    assert [panel.get_title(loc="left") for panel in figure.axes] == ["max", "avg"]
    assert all(len(panel.texts) == 4 and "n=2" in panel.texts[0].get_text() for panel in figure.axes)


def test_the_same_figure_is_the_same_file_whatever_the_users_settings(tables: Tables, tmp_path: Path) -> None:
    labelled = add_arms(tables.runs)
    baselines = find_baselines(labelled)
    first = [path.read_bytes() for path in save_figure(plot_accuracy(labelled, baselines), tmp_path / "a", "accuracy")]
    with mpl.rc_context({"font.size": 20, "axes.grid": False, "savefig.dpi": 30, "lines.linewidth": 9}):
        again = [
            path.read_bytes() for path in save_figure(plot_accuracy(labelled, baselines), tmp_path / "b", "accuracy")
        ]
    assert again == first
    svg = first[0].decode()
    assert "<dc:date>" not in svg
    assert ">test accuracy (%)</text>" in svg  # text stays text


def test_styling_leaves_the_users_settings_alone() -> None:
    before = dict(mpl.rcParams)
    with styled():
        assert mpl.rcParams["font.size"] == 8
    assert dict(mpl.rcParams) == before
