"""Drawings on one axes show every seed, the mean and its interval."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
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
from poolscope.reports.figures.style import style_arms, style_operator
from poolscope.statistics.inference import summarise


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


def test_each_dot_of_a_strip_names_its_run(ax: Axes) -> None:
    frame = pd.DataFrame(
        {"setting": "mnist", "arm": "max", "operator": "max", "seed": [2, 0, 1], "accuracy": [0.92, 0.90, np.nan]}
    )
    draw_strip(frame, ax, "accuracy", style_arms(frame), ["max"], scale=100)
    assert ax.collections[0].get_urls() == ["run:mnist|max|0|90.00", "run:mnist|max|2|92.00"]
    assert list(np.asarray(ax.collections[0].get_offsets())[:, 0]) == pytest.approx([90, 92])


def test_an_interval_of_an_accuracy_ends_at_100_percent(ax: Axes) -> None:
    frame = pd.DataFrame({"arm": "max", "operator": "max", "seed": [0, 1, 2], "test_accuracy": [0.98, 0.99, 1.0]})
    draw_strip(frame, ax, "test_accuracy", style_arms(frame), ["max"], scale=100)
    assert ax.lines[0].get_xdata()[1] == 100 < summarise([98, 99, 100]).high


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


def test_a_dot_of_a_run_that_never_learned_is_a_ring_in_every_drawing(ax: Axes) -> None:
    frame = _strip().assign(unlearned=False)
    frame.loc[frame["arm"].eq("min") & frame["seed"].eq(1), "unlearned"] = True
    draw_strip(frame, ax, "test_accuracy", style_arms(frame), ["min", "max", "avg"])
    faces = [dots.get_facecolor() for dots in ax.collections]
    assert faces[0][:, 3].tolist() == [0.55, 0.0, 0.55]
    assert list(ax.collections[0].get_linewidth()) == [0.0, 0.8, 0.0]
    assert [len(face) for face in faces[1:]] == [1, 1]  # one colour for all dots, as without the column
    assert ax.collections[0].get_sizes().tolist() == [8, 24, 8]
    points = pd.DataFrame({"arm": ["avg"] * 2, "seed": [0, 1], "gap": [-1.0, -2.0], "test": [1.0, 1.5]})
    other = Figure().subplots()
    draw_quadrants(points.assign(unlearned=[True, False]), other, {"avg": style_operator("avg")})
    assert other.collections[0].get_facecolor()[:, 3].tolist() == [0.0, 0.3]


def test_a_run_at_chance_outside_of_the_panel_is_named_at_its_edge(ax: Axes) -> None:
    frame = _strip().assign(unlearned=False)
    frame.loc[frame["arm"].eq("min") & frame["seed"].eq(1), ["test_accuracy", "unlearned"]] = [0.1, True]
    draw_strip(frame, ax, "test_accuracy", style_arms(frame), ["min", "max", "avg"], scale=100)
    assert "◂ 10.0 at chance" in [text.get_text().partition(", mean")[0] for text in ax.texts]


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
