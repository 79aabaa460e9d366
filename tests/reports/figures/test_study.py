"""Figures: what they show can be read back from their artists, and the same figure is the same file."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import pytest
from made_records import make_config, make_record, write_study

from poolscope.reports.figures.files import save_figure
from poolscope.reports.figures.study import plot_accuracy, plot_curves, plot_feature_maps, plot_gap, plot_heat_maps
from poolscope.statistics.arms import add_arms, find_baselines
from poolscope.statistics.tables import Tables, collect


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


def test_runs_that_never_learned_and_their_differences_are_rings(tables: Tables, tmp_path: Path) -> None:
    runs = tables.runs[tables.runs["data.name"] == "mnist"].copy()
    stuck = runs["pool.name"].eq("max") & runs["seed"].eq(1)
    runs.loc[stuck, ["test_accuracy", "train_eval_accuracy", "train_eval_loss"]] = [0.1, 0.1, 2.303]
    labelled = add_arms(runs)
    figure = plot_accuracy(labelled, find_baselines(labelled))
    rings = [[int((dots.get_facecolor()[:, 3] == 0).sum()) for dots in panel.collections] for panel in figure.axes]
    assert sorted(rings[0]) == [0, 0, 1] and rings[1] == [1, 1]  # the baseline's run, and both arms' pairs with it
    save_figure(figure, tmp_path, "accuracy")
    assert (tmp_path / "accuracy.svg").read_text().count('class="run"') == 9 + 6  # a ring has its title too
    gaps = plot_gap(labelled, find_baselines(labelled))
    assert sum(int((dots.get_facecolor()[:, 3] == 0).sum()) for panel in gaps.axes for dots in panel.collections) == 3


@pytest.mark.parametrize("metric", ["accuracy", "loss"])
def test_no_mean_curve_leaves_its_panel(tables: Tables, metric: str) -> None:
    curves = tables.curves.copy()
    first = curves["epoch"] == curves["epoch"].min()
    curves.loc[first, [f"val_{metric}", f"train_eval_{metric}"]] = 0.01 if metric == "accuracy" else 9.0
    labelled = add_arms(tables.runs)
    figure = plot_curves(labelled, curves, "mnist", metric, find_baselines(labelled))
    for panel in figure.axes:
        low, high = panel.get_ylim()
        means = [line.get_ydata() for line in panel.lines if line.get_linewidth() > 1]
        assert len(means) == 2
        assert all(low < value < high for mean in means for value in mean)


def test_curves_and_maps_have_a_panel_per_arm(tables: Tables, tmp_path: Path) -> None:
    labelled = add_arms(tables.runs)
    curves = plot_curves(labelled, tables.curves, "mnist", "loss", find_baselines(labelled))
    assert [panel.get_title(loc="left") for panel in curves.axes] == ["max", "avg", "min"]
    save_figure(curves, tmp_path, "curves")
    (legend,) = curves.legends
    box, width = legend.get_window_extent(), curves.bbox.width
    assert 0 <= box.x0 < box.x1 <= width
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
