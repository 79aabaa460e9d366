"""Figures of a factorial study: its effects with their intervals, and the means of its cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from poolscope.reports.figures.style import COLOURS, GREY, WIDTH, make_grid, style_operator, styled
from poolscope.statistics.inference import summarise

_ROW = 0.24  # inches for an effect


def plot_effects(labels: Sequence[str], effects: pd.DataFrame, delta: float) -> Figure:
    """Draw a row per effect in points, from the top: its interval, the band (-δ, δ), and what it says in words.

    effects: effect, low, high and says, a row for each label.
    """
    with styled():
        figure = Figure(figsize=(WIDTH, 0.7 + _ROW * len(effects)), layout="constrained")
        ax = figure.subplots()
        ax.axvspan(-delta, delta, color="#EDEDED", linewidth=0, zorder=0)
        ax.axvline(0, color=GREY, linewidth=0.8)
        for place, row in enumerate(effects.to_dict("records")):
            ax.plot([row["low"], row["high"]], [place, place], color=COLOURS[0], solid_capstyle="butt")
            ax.plot(row["effect"], place, color=COLOURS[0], marker="o", markeredgecolor="white", markeredgewidth=0.5)
            says: dict[str, Any] = {"va": "center", "fontsize": 7, "transform": ax.get_yaxis_transform()}
            ax.text(1.02, place, row["says"], **says)
        ax.set_yticks(range(len(labels)), labels)
        ax.set(ylim=(len(labels) - 0.4, -0.6), xlabel="effect on test accuracy (points)")
        ax.grid(axis="y", visible=False)
    return figure


def plot_cells(runs: pd.DataFrame, factors: Mapping[str, tuple[Any, Any]], names: Mapping[str, str]) -> Figure:
    """Draw the mean test accuracy of each of sixteen cells, in per cent, with its 95 % t interval over seeds.

    runs: finished ones. factors: four columns with two levels each: an operator, drawn as a line; what the horizontal
    axis shows, a window's size; and two whose levels have a panel each. names: a format of the last three's levels,
    such as "{} blocks".
    """
    (lines, of_lines), (across, of_across), *others = factors.items()
    panels = list(product(*(levels for _, levels in others)))
    with styled():
        figure, axes = make_grid(len(panels), len(panels), 2.3, sharey=True)
        for panel, ax in zip(panels, axes, strict=True):
            chosen = runs
            for (column, _), level in zip(others, panel, strict=True):
                chosen = chosen[chosen[column] == level]
            for shift, operator in zip((-0.03, 0.03), of_lines, strict=True):
                found = [
                    summarise(
                        100 * chosen.loc[(chosen[lines] == operator) & (chosen[across] == level), "test_accuracy"]
                    )
                    for level in of_across
                ]
                means, places = [one.mean for one in found], [place + shift for place in range(len(found))]
                errors = [[one.mean - one.low for one in found], [one.high - one.mean for one in found]]
                ax.errorbar(places, means, errors, **style_operator(operator), label=operator, elinewidth=0.9)
            ax.set_xticks(range(len(of_across)), [names[across].format(level) for level in of_across])
            titled = (names[column].format(level) for (column, _), level in zip(others, panel, strict=True))
            ax.set(title=", ".join(titled), xlabel="window", xlim=(-0.4, len(of_across) - 0.6))
        axes[0].set(ylabel="test accuracy (%)")
        axes[0].legend(loc="best")
    return figure
