"""Figures at the width and in the type of a paper's column: one quantity by arm, and its paired differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from poolscope.reports.figures.axes import draw_curves, draw_strip, order_by_mean
from poolscope.reports.figures.style import style_arms, styled
from poolscope.spec.errors import PoolscopeError
from poolscope.statistics.at_chance import find_at_chance
from poolscope.statistics.comparison import find_unlearned_pairs
from poolscope.statistics.selection import Selection

WIDTHS = {"column": 3.25, "page": 6.75}  # inches, as in most two-column templates
KINDS = ("strip", "curves")
_WIDEST = 30  # inches
_WIDE = 5.0  # from which two panels stand side by side
FONTS: dict[str, dict[str, Any]] = {
    "serif": {"font.family": ["STIXGeneral"], "mathtext.fontset": "stix"},
    "computer-modern": {
        "font.family": ["cmr10"],
        "mathtext.fontset": "cm",
        "axes.formatter.use_mathtext": True,
        "axes.unicode_minus": False,
        "axes.titleweight": "normal",
    },
    "sans": {},
}


def check_drawing(kind: str, width: float, font: str) -> None:
    """Refuse a kind of figure, a width in inches or a font that can't be drawn."""
    if kind not in KINDS or font not in FONTS:
        raise PoolscopeError(
            f"A figure is one of {', '.join(KINDS)} in one of {', '.join(FONTS)}, not {kind!r} in {font!r}."
        )
    if not 1 <= width <= _WIDEST:
        raise PoolscopeError(f"The width of a figure must be 1 to {_WIDEST} inches, not {width}.")


def make_style(font: str) -> dict[str, Any]:
    """Make the settings of a font: 8 pt type, embedded as outlines that can be searched (Type 42, no Type 3)."""
    return FONTS[font] | {
        "font.size": 8.0,
        "axes.titlesize": 8.0,
        "axes.labelsize": 8.0,
        "ytick.labelsize": 8.0,
        "pdf.fonttype": 42,
    }


def plot_selection(selection: Selection, width: float, font: str = "serif") -> Figure:
    """Draw a quantity by arm, every seed, mean and t interval, and its paired difference where arms are compared.

    Dots of runs that never learned, and of differences with one, are hollow.

    Args:
        selection: what is drawn.
        width: in inches, as it is printed.
        font: a key of FONTS.
    """
    done = selection.done.assign(unlearned=find_at_chance(selection.done))
    groups = list(done.groupby("setting", sort=False))
    compared = len(selection.summary) > len(groups)
    across = 2 if compared and width >= _WIDE else 1
    down = (2 if compared and across == 1 else 1) * len(groups)
    arms = [runs["arm"].nunique() for _, runs in groups]
    heights = np.repeat([0.62 + 0.16 * count for count in arms], down // len(groups))
    with styled(make_style(font)):
        figure = Figure(figsize=(width, float(heights.sum())), layout="constrained")
        axes = figure.subplots(down, across, squeeze=False, height_ratios=heights.tolist()).ravel().tolist()
        unit = f" ({selection.unit})" if selection.unit else ""
        for setting, runs in groups:
            order, styles = order_by_mean(runs, selection.metric), style_arms(runs)
            ax = axes.pop(0)
            draw_strip(runs, ax, selection.metric, styles, order, scale=selection.scale)
            ax.set(xlabel=f"{selection.words}{unit}", title=str(setting) if len(groups) > 1 else "")
            if compared:
                ax = axes.pop(0)
                values = selection.values[selection.values["setting"] == setting]
                values = values.assign(baseline=[selection.baselines[str(setting), arm] for arm in values["arm"]])
                values = values.assign(unlearned=find_unlearned_pairs(values, runs))
                draw_strip(values, ax, "difference", styles, order, zero=True)
                against = {selection.baselines[str(setting), arm] for arm in order}
                points = " (points)" if selection.scale != 1 else ""
                ax.set(xlabel=f"difference to {against.pop() if len(against) == 1 else 'baseline'}{points}")
                ax.tick_params(labelleft=across == 1)
    return figure


def plot_learning(selection: Selection, curves: pd.DataFrame, width: float, font: str = "serif") -> Figure:
    """Draw learning curves of the arms of a selection: mean and t band of accuracy on training and validation images.

    Raises:
        PoolscopeError: where the runs kept no curves.
    """
    joined = selection.done[["digest", "seed", "setting", "arm"]].merge(curves, on=["digest", "seed"])
    if joined.empty or "val_accuracy" not in joined:
        raise PoolscopeError("These runs have no learning curves; draw --figure strip.")
    groups = list(joined.groupby("setting", sort=False))
    with styled(make_style(font)):
        figure = Figure(figsize=(width, 2.1 * len(groups)), layout="constrained")
        axes = figure.subplots(len(groups), 1, squeeze=False).ravel()
        for (setting, kept), ax in zip(groups, axes, strict=True):
            styles = style_arms(selection.done[selection.done["setting"] == setting])
            for arm, of_arm in kept.groupby("arm", sort=False):
                draw_curves(of_arm, ax, "accuracy", styles[str(arm)], 100)
                ax.plot([], [], color=styles[str(arm)]["color"], label=str(arm))
            ax.set(xlabel="epoch", ylabel="accuracy (%)", title=str(setting) if len(groups) > 1 else "")
            ax.legend(loc="lower right", ncols=1 + (kept["arm"].nunique() > 4))
    return figure
