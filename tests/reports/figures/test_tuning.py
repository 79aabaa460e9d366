"""The curves of a tuning."""

from __future__ import annotations

import pandas as pd

from poolscope.reports.figures.tuning import plot_tuning
from poolscope.statistics.tuning import RATE, average_trials, choose_rates


def test_each_arm_has_a_panel_with_its_trials_means_and_choice() -> None:
    values = {"max": {0.1: (0.5, 0.5), 0.2: (0.75, 0.25), 0.4: (0.75, 0.5)}, "avg": {0.1: (None, 0.5)}}
    trials = pd.DataFrame(
        {"setting": "mnist", "arm": arm, RATE: rate, "seed": seed, "status": "done" if share else "failed"}
        | {"val_accuracy": share, "val_loss": 1.0}
        for arm, rates in values.items()
        for rate, shares in rates.items()
        for seed, share in enumerate(shares)
    )
    means = average_trials(trials)
    figure = plot_tuning(trials, means, choose_rates(means))
    left, right = figure.axes
    assert [ax.get_title(loc="left") for ax in (left, right)] == ["max", "avg"]
    chosen, curve = left.lines
    assert list(chosen.get_xdata()) == [0.4, 0.4]
    assert list(curve.get_ydata()) == [50.0, 50.0, 62.5]
    assert len(left.collections[0].get_offsets()) == 6 and len(right.collections[0].get_offsets()) == 1
    assert len(right.lines) == 1  # nothing chosen


def test_a_trial_at_chance_is_a_ring() -> None:
    rows = [(0.1, 0.5, 1.0), (0.2, 0.1, 2.3026)]
    trials = pd.DataFrame(
        {"setting": "mnist", "arm": "max", RATE: rate, "seed": 100, "status": "done"}
        | {"val_accuracy": share, "val_loss": loss}
        for rate, share, loss in rows
    )
    means = average_trials(trials)
    (ax,) = plot_tuning(trials, means, choose_rates(means)).axes
    (dots,) = ax.collections
    assert dots.get_facecolor()[:, 3].tolist() == [0.5, 0.0]
    assert list(dots.get_linewidth()) == [0.0, 0.8]
