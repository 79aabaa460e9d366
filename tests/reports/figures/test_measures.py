"""Figures of fully measured runs: they show the numbers of the table, and nothing where nothing was measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from poolscope.reports.figures.files import save_figure
from poolscope.reports.figures.measures import (
    plot_agreement,
    plot_corruptions,
    plot_cost,
    plot_shift_curves,
    plot_stage_information,
)


@pytest.fixture
def labelled() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = []
    for arm in ("max", "avg"):
        for seed in (0, 1):
            row = {"setting": "mnist", "arm": arm, "operator": arm, "seed": seed, "test_accuracy": 0.9}
            row |= {"macs": 2e6, "parameters": 1000, "accuracy_uncorrupted": 0.9}
            for stage in ("pool1", "pool2"):
                for measure in ("image_r2", "label_bits", "location_rmse", "dimensions"):
                    for moment in ("before", "after"):
                        for suffix in ("", "_init"):
                            row[f"{stage}_{measure}_{moment}{suffix}"] = rng.random()
            for fill in ("circular", "zero"):
                row |= {f"shift_accuracy_{fill}_{t}": 1 - t / 10 - seed / 10 for t in range(9)}
                row |= {f"agreement_{fill}_{i}_{j}": 1.0 - abs(i) / 9 for i in range(-3, 4) for j in range(-3, 4)}
            row |= {"accuracy_under_blur": 0.45 if arm == "max" else 0.54, "accuracy_under_noise": 0.81}
            rows.append(row)
    return pd.DataFrame(rows)


def test_ledger_shows_each_arm_before_and_after_each_pool(labelled: pd.DataFrame) -> None:
    figure = plot_stage_information(labelled, "mnist")
    assert figure is not None
    axes = figure.axes
    assert len(axes) == 8
    assert [text.get_text() for text in axes[4].get_xticklabels()] == ["1\nbefore", "1\nafter", "2\nbefore", "2\nafter"]
    drawn = {line.get_label(): line.get_ydata() for line in axes[4].lines if not line.get_label().startswith("_")}
    expected = labelled[labelled["arm"] == "avg"][
        [f"{stage}_image_r2_{moment}" for stage in ("pool1", "pool2") for moment in ("before", "after")]
    ].mean()
    assert drawn["avg"] == pytest.approx(expected.to_numpy())


def test_shift_curves_show_means_over_seeds(labelled: pd.DataFrame) -> None:
    figure = plot_shift_curves(labelled)
    assert figure is not None
    line = figure.axes[0].lines[0]
    assert line.get_ydata() == pytest.approx([95 - 10 * t for t in range(9)])


def test_shift_curves_of_zero_filled_images_alone(labelled: pd.DataFrame) -> None:
    figure = plot_shift_curves(labelled.drop(columns=[name for name in labelled if "circular" in name]))
    assert figure is not None
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["mnist: zero-filled"]


def test_agreement_lies_with_rows_down(labelled: pd.DataFrame) -> None:
    figure = plot_agreement(labelled, "mnist")
    assert figure is not None
    values = np.asarray(figure.axes[0].images[0].get_array())
    assert values[0].tolist() == pytest.approx([100 * (1 - 3 / 9)] * 7)
    assert values[3, 0] == pytest.approx(100)


def test_corruptions_are_compared_with_the_baseline(labelled: pd.DataFrame) -> None:
    figure = plot_corruptions(labelled, {("mnist", "max"): "max", ("mnist", "avg"): "max"}, "mnist")
    assert figure is not None
    values = np.asarray(figure.axes[0].images[0].get_array())
    assert values == pytest.approx(np.array([[0, 0], [10, 0]]), abs=1e-9)


def test_figures_save_alike(labelled: pd.DataFrame, tmp_path: Path) -> None:
    paths = [save_figure(plot_cost(labelled), tmp_path / name, "cost") for name in ("a", "b")]
    assert paths[0][0].read_bytes() == paths[1][0].read_bytes()


def test_nothing_is_drawn_where_nothing_was_measured() -> None:
    runs = pd.DataFrame({"setting": ["mnist"], "arm": ["max"], "operator": ["max"], "seed": [0]})
    assert plot_stage_information(runs, "mnist") is None
    assert plot_shift_curves(runs) is None
    assert plot_agreement(runs, "mnist") is None
    assert plot_corruptions(runs, {}, "mnist") is None
