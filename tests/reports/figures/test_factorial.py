"""A factorial study's figures show the numbers that they are given, each where it belongs."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from matplotlib.lines import Line2D

from poolscope.reports.figures.factorial import plot_cells, plot_effects

FACTORS = {"operator": ("avg", "max"), "window": (2, 3), "placement": ("early", "late"), "blocks": (3, 5)}
NAMES = {"window": "{0}x{0}", "placement": "{}", "blocks": "{} blocks"}


def test_each_effect_has_its_interval_its_words_and_the_band() -> None:
    effects = pd.DataFrame(
        {"effect": [2.0, -0.2], "low": [1.5, -0.6], "high": [2.75, 0.1], "says": ["more than a point", "less"]}
    )
    (ax,) = plot_effects(["window", "depth"], effects, 1.0).axes
    lines = [np.asarray(line.get_xdata()).tolist() for line in ax.lines if len(np.atleast_1d(line.get_xdata())) == 2]
    assert [1.5, 2.75] in lines
    assert [-0.6, 0.1] in lines
    assert [text.get_text() for text in ax.texts] == ["more than a point", "less"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["window", "depth"]
    (band,) = ax.patches
    assert (band.get_x(), band.get_x() + band.get_width()) == (-1, 1)
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first on top


def test_the_cells_stand_at_their_means() -> None:
    rows = [
        {**dict(zip(FACTORS, cell, strict=True)), "seed": seed, "test_accuracy": 0.5 + 0.01 * number + 0.002 * seed}
        for number, cell in enumerate(product(*FACTORS.values()))
        for seed in (-1, 0, 1)
    ]
    axes = plot_cells(pd.DataFrame(rows), FACTORS, NAMES).axes
    assert [ax.get_title(loc="left") for ax in axes] == [
        "early, 3 blocks",
        "early, 5 blocks",
        "late, 3 blocks",
        "late, 5 blocks",
    ]
    for place, ax in enumerate(axes):
        drawn = [container.lines[0] for container in ax.containers]
        for first, line in zip((0, 8), drawn, strict=True):  # cells 0 to 7 are average's, 2x2 before 3x3
            assert isinstance(line, Line2D)
            assert line.get_ydata() == pytest.approx([50 + first + place, 50 + first + 4 + place])
        assert [label.get_text() for label in ax.get_xticklabels()] == ["2x2", "3x3"]
    assert [text.get_text() for text in axes[0].get_legend().get_texts()] == ["avg", "max"]
