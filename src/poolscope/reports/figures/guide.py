"""The figure of the guide: each choice's difference to max against the number of training images."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from poolscope.reports.figures.style import GREY, WIDTH, style_operator, styled

_FEWEST = 3  # seeds that an interval is drawn from
_APART = 0.035  # between the arms at one size, as a share of it


def plot_effects(effects: pd.DataFrame, names: Mapping[str, str]) -> Figure:
    """Draw a line for each arm over sizes on a logarithmic axis; the legend has them in the order of their right ends.

    Args:
        effects: a row for each arm and size: arm (its first word the operator), baseline, images, n, difference,
            difference_low and difference_high in points.
        names: what an arm or baseline is called; one that isn't there by its own name.
    """
    ends = effects.sort_values("images").groupby("arm")["difference"].last()
    arms = ends.sort_values(ascending=False).index
    baseline = effects["baseline"].iloc[0]
    seeds = effects.groupby("images")["n"].agg(["min", "max"])
    with styled():
        figure = Figure(figsize=(WIDTH, 3.4), layout="constrained")
        ax = figure.subplots()
        ax.axhline(0, color=GREY, linewidth=0.8)
        for place, arm in enumerate(arms):
            rows = effects[effects["arm"] == arm].sort_values("images")
            x = rows["images"] * (1 + _APART * (place - (len(arms) - 1) / 2))
            look = style_operator(arm.split()[0])
            ax.plot(x, rows["difference"], **look, label=names.get(arm, arm))
            enough = rows["n"] >= _FEWEST
            low, high = rows["difference_low"][enough], rows["difference_high"][enough]
            ax.vlines(x[enough], low, high, color=look["color"])
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(FixedLocator(list(seeds.index)))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(
            FuncFormatter(lambda size, _: f"{size:,.0f}\n{_say_seeds(*seeds.loc[round(size)])}")
        )
        ax.set_xlabel("training images, and seeds")
        ax.set_ylabel(f"test accuracy minus {names.get(baseline, baseline)} (points)")
        figure.legend(loc="outside right upper")
    return figure


def _say_seeds(fewest: int, most: int) -> str:
    return f"n = {fewest}" if fewest == most else f"n = {fewest} to {most}"
