"""The curves of a tuning: validation accuracy against the learning rate, a panel for each arm."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from poolscope.reports.figures.axes import hollow_out
from poolscope.reports.figures.style import COLOURS, GREY, make_grid, styled
from poolscope.statistics.tuning import RATE, find_unlearned_trials


def plot_tuning(trials: pd.DataFrame, means: pd.DataFrame, best: pd.DataFrame) -> Figure:
    """Draw every trial (a dot, hollow where it never learned), the mean at every rate, and a line at the chosen one.

    Args:
        trials: from `list_trials`.
        means: from `average_trials`.
        best: from `choose_rates`.
    """
    groups = list(means.groupby(["setting", "arm"], sort=False))
    several = means["setting"].nunique() > 1
    rates = sorted(means[RATE].unique())
    with styled():
        columns = min(len(groups), 3)
        figure, axes = make_grid(len(groups), columns, 1.9, 2.4 * max(columns, 2), sharex=True, sharey=True)
        for place, (((setting, arm), of_arm), ax) in enumerate(zip(groups, axes, strict=True)):
            own = trials[(trials["setting"] == setting) & (trials["arm"] == arm) & (trials["status"] == "done")]
            chosen = best[(best["setting"] == setting) & (best["arm"] == arm)].iloc[0]
            if chosen[RATE] == chosen[RATE]:
                ax.axvline(chosen[RATE], color=GREY, linewidth=0.9, linestyle=":")
            ordered = of_arm.sort_values(RATE)
            ax.plot(ordered[RATE], 100 * ordered["val_accuracy"], color=COLOURS[0], marker="o", markersize=3.5)
            looks: dict[str, Any] = {"color": "black", "alpha": 0.5, "linewidths": 0, "zorder": 3}
            dots = ax.scatter(own[RATE], 100 * own["val_accuracy"], s=6, **looks)
            hollow_out(dots, find_unlearned_trials(own).to_numpy(), "black")
            ax.set_title(f"{setting}: {arm}" if several else str(arm), fontsize=7.5)
            if place + columns >= len(groups):
                ax.set_xlabel("learning rate")
                ax.tick_params(labelbottom=True)
            if place % columns == 0:
                ax.set_ylabel("validation accuracy (%)")
        axes[0].set_xscale("log")
        for ax in axes:
            ax.xaxis.set_major_locator(FixedLocator(rates))
            ax.xaxis.set_minor_locator(NullLocator())
            ax.xaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{rate:.4g}"))
            ax.tick_params(axis="x", labelsize=6, labelrotation=45)
    return figure
