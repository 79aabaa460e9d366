"""The guide's figure: lines, intervals from three seeds on, and what the axes say."""

from __future__ import annotations

import pandas as pd

from poolscope.reports.figures.guide import plot_effects


def test_a_line_for_each_arm_and_an_interval_from_three_seeds_on() -> None:
    arms = pd.DataFrame({"arm": ["avg 2", "avg 2", "max 3/2"], "images": [1000, 4000, 1000], "n": [3, 2, 3]})
    effects = arms.assign(baseline="max 2", difference=[1.0, 2.0, 3.0])
    intervals = {"difference_low": [0.0, 1.0, 2.5], "difference_high": [2.0, 3.0, 3.5]}
    figure = plot_effects(effects.assign(**intervals), {"avg 2": "average", "max 2": "max 2x2"})
    (ax,) = figure.axes
    drawn = {line.get_label(): list(line.get_ydata()) for line in ax.lines[1:]}
    assert list(drawn.items()) == [("max 3/2", [3.0]), ("average", [1.0, 2.0])]
    bars = [segment[:, 1].tolist() for collection in ax.collections for segment in collection.get_segments()]
    assert bars == [[2.5, 3.5], [0.0, 2.0]]
    figure.draw_without_rendering()
    assert [text.get_text() for text in ax.get_xticklabels()] == ["1,000\nn = 3", "4,000\nn = 2"]
    assert ax.get_ylabel() == "test accuracy minus max 2x2 (points)"
