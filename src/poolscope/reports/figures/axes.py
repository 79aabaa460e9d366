"""The drawings: each `draw_*` puts one tidy frame on one Axes, with every seed visible and its interval beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import Normalize, PowerNorm
from matplotlib.ticker import MaxNLocator

from poolscope.reports.figures.style import GREY, PALE, RUN
from poolscope.statistics.inference import find_bounds, summarise

Styles = Mapping[str, Mapping[str, Any]]
_ABOVE = (0.14, 0.40)  # where in its row, counted from the mean's line, an arm's seeds lie: never under the line


def order_by_mean(runs: pd.DataFrame, value: str) -> list[str]:
    """The arms from the lowest to the highest mean; ties stay in order."""
    return runs.groupby("arm", sort=False)[value].mean().sort_values(kind="stable").index.tolist()


def find_limits(
    groups: Mapping[str, np.ndarray],
    bounds: tuple[float, float] = (-math.inf, math.inf),
    margin: float = 0.06,
    zero: bool = False,
) -> tuple[float, float]:
    """Find axis limits that one outlier can't stretch, from the values of each arm.

    They hold all values and 95 % t intervals up to three interquartile ranges beyond the quartiles of all values
    (Tukey's far-out fences, 1977), in any case every arm's median and, with `zero`, 0; never more than `bounds`.
    """
    given = [values[~np.isnan(values)] for values in groups.values()]
    given = [values for values in given if len(values)]
    if not given:
        return 0.0, 1.0
    pooled = np.concatenate(given)
    always = [*(float(np.median(values)) for values in given), *([0.0] if zero else [])]
    summaries = [summarise(values) for values in given]
    low, high = np.quantile(pooled, [0.25, 0.75])
    fences = low - 3 * (high - low), high + 3 * (high - low)
    low = np.nanmin([max(np.nanmin([pooled.min(), *(s.low for s in summaries)]), fences[0]), *always])
    high = np.nanmax([min(np.nanmax([pooled.max(), *(s.high for s in summaries)]), fences[1]), *always])
    space = margin * (high - low) or 1.0
    return float(max(low - space, bounds[0])), float(min(high + space, bounds[1]))


def name_runs(runs: pd.DataFrame, texts: Sequence[str]) -> list[str]:
    """Name the run behind each point of a scatter, as its `urls`; `save_figure` makes them titles of the points.

    runs: columns arm, seed and, for several, setting, a row for each point. texts: what each point shows.
    """
    settings = runs["setting"] if "setting" in runs else [""] * len(runs)
    return [
        f"{RUN}{setting}|{arm}|{seed}|{text}"
        for setting, arm, seed, text in zip(settings, runs["arm"], runs["seed"], texts, strict=True)
    ]


def hollow_out(dots: PathCollection, hollow: np.ndarray, color: str) -> None:
    """Draw dots of a scatter as larger rings, as those of runs that never learned are. hollow: a boolean for each."""
    if hollow.any():
        dots.set_sizes(np.where(hollow, 3, 1) * dots.get_sizes()[0])
        dots.set_facecolor(["none" if one else color for one in hollow])
        dots.set_edgecolor([color if one else "none" for one in hollow])
        dots.set_linewidth([0.8 if one else 0.0 for one in hollow])


def draw_strip(
    frame: pd.DataFrame,
    ax: Axes,
    value: str,
    styles: Styles,
    order: Sequence[str],
    scale: float = 1.0,
    bounds: tuple[float, float] = (-math.inf, math.inf),
    zero: bool = False,
) -> Axes:
    """One row per arm (the last of `order` on top): a dot per seed, and the mean with its 95 % t interval.

    frame: columns arm, seed and `value`; where it has unlearned, dots of runs that never learned are hollow. zero: mark
    0, for differences. Seeds and means outside of the panel (`find_limits`) are written at its edge, with "at chance"
    behind those of runs that never learned.
    """
    shown = frame.dropna(subset=[value]).sort_values("seed")
    runs = {arm: shown[shown["arm"] == arm] for arm in order}
    groups = {arm: scale * of_arm[value].to_numpy(float) for arm, of_arm in runs.items()}
    low, high = find_limits(groups, bounds, zero=zero)
    possible = tuple(scale * bound for bound in find_bounds(value))
    if zero:
        ax.axvline(0, color=GREY, linewidth=0.8)
    ax.set_xlim(low, high)
    for row, (arm, values) in enumerate(groups.items()):
        if not len(values):
            continue
        look, summary = styles[arm], summarise(values, bounds=(possible[0], possible[1]))
        dots = ax.scatter(
            values,
            row + np.linspace(*_ABOVE, len(values)),
            s=8,
            color=look["color"],
            alpha=0.55,
            linewidths=0,
            zorder=2,
            urls=name_runs(runs[arm], [f"{one:+.2f}" if zero else f"{one:.2f}" for one in values]),
        )
        stuck = np.asarray(runs[arm].get("unlearned", [False] * len(values)), dtype=bool)
        hollow_out(dots, stuck, look["color"])
        if summary.n > 1:
            ax.plot([summary.low, summary.high], [row, row], color=look["color"], solid_capstyle="butt", zorder=3)
        ax.plot(summary.mean, row, **look, markeredgecolor="white", markeredgewidth=0.6, markersize=6.5, zorder=4)
        for edge, text, side in ((low, "◂ {}", "left"), (high, "{} ▸", "right")):
            outside = [
                f"{v:.1f}{' at chance' if marked else ''}"
                for v, marked in zip(values, stuck, strict=True)
                if (v < low if side == "left" else v > high)
            ]
            if summary.mean < low if side == "left" else summary.mean > high:
                outside.append(f"mean {summary.mean:.1f}")
            if outside:
                ax.text(edge, row - 0.12, text.format(", ".join(outside)), fontsize=6, color=GREY, ha=side, va="top")
    ax.set_yticks(range(len(order)), order)
    ax.set_ylim(-0.5, len(order) - 0.35)
    ax.grid(axis="y", visible=False)
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_locator(MaxNLocator(5))
    return ax


def draw_mean(ax: Axes, x: Sequence[float] | np.ndarray, seeds: np.ndarray, alpha: float, **style: Any) -> None:
    """The mean over seeds as a line, with its 95 % t interval as a band. seeds: (points of x, seeds)."""
    summaries = [summarise(values) for values in seeds]
    low, high = ([getattr(summary, end) for summary in summaries] for end in ("low", "high"))
    ax.fill_between(x, low, high, color=style["color"], alpha=alpha, linewidth=0)
    ax.plot(x, [summary.mean for summary in summaries], **style)


def draw_curves(frame: pd.DataFrame, ax: Axes, metric: str, style: Mapping[str, str], scale: float = 1.0) -> Axes:
    """Learning curves of one arm over epochs: train_eval dashed, val solid; mean, 95 % t band, every seed thin.

    frame: columns seed, epoch, train_eval_<metric> and val_<metric>.
    """
    for split, line in (("train_eval", (0, (3.5, 1.5))), ("val", "-")):
        column = f"{split}_{metric}"
        if column not in frame:
            continue
        seeds = scale * frame.groupby(["epoch", "seed"])[column].mean().dropna().unstack()  # a pivot table takes longer
        epochs = seeds.index.to_numpy(dtype=float)
        ax.plot(epochs, seeds.to_numpy(), color=style["color"], linewidth=0.4, alpha=0.35, linestyle=line, zorder=2)
        draw_mean(ax, epochs, seeds.to_numpy(), 0.15, color=style["color"], linestyle=line, zorder=3)
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    return ax


def draw_reference(frame: pd.DataFrame, ax: Axes, metric: str, scale: float = 1.0) -> Axes:
    """The mean validation curve of another arm, thin and grey, to compare with."""
    mean = scale * frame.groupby("epoch")[f"val_{metric}"].mean()
    ax.plot(mean.index.to_numpy(dtype=float), mean.to_numpy(), color=GREY, linewidth=0.9, linestyle=":", zorder=1.5)
    return ax


def draw_quadrants(frame: pd.DataFrame, ax: Axes, styles: Styles) -> Axes:
    """Change of test accuracy (up) against change of the generalisation gap (right), each against its baseline.

    frame: columns arm, seed, gap and test, in percentage points, and unlearned as in `draw_strip`. A cross spans both
    95 % t intervals.
    """
    ax.axhline(0, color=GREY, linewidth=0.8)
    ax.axvline(0, color=GREY, linewidth=0.8)
    for arm, group in frame.groupby("arm", sort=False):
        look = styles[str(arm)]
        names = name_runs(
            group, [f"gap {gap:+.2f}, test {test:+.2f}" for gap, test in group[["gap", "test"]].to_numpy()]
        )
        looks: dict[str, Any] = {"color": look["color"], "alpha": 0.3, "linewidths": 0}
        dots = ax.scatter(group["gap"], group["test"], s=5, zorder=1.5, urls=names, **looks)
        if "unlearned" in group:
            hollow_out(dots, group["unlearned"].to_numpy(dtype=bool), look["color"])
        gap, test = summarise(group["gap"].to_numpy()), summarise(group["test"].to_numpy())
        ax.plot([gap.low, gap.high], [test.mean, test.mean], color=look["color"], linewidth=0.7, alpha=0.7, zorder=3)
        ax.plot([gap.mean, gap.mean], [test.low, test.high], color=look["color"], linewidth=0.7, alpha=0.7, zorder=3)
        ax.plot(
            gap.mean,
            test.mean,
            **look,
            markeredgecolor="white",
            markeredgewidth=0.6,
            linestyle="none",
            label=str(arm),
            zorder=4,
        )
    for column, set_limits in (("gap", ax.set_xlim), ("test", ax.set_ylim)):
        groups = {str(arm): group[column].to_numpy() for arm, group in frame.groupby("arm")}
        set_limits(find_limits(groups, margin=0.12, zero=True))
    means = frame.groupby("arm", sort=False)[["gap", "test"]].mean()
    inside = means["gap"].between(*ax.get_xlim()) & means["test"].between(*ax.get_ylim())
    if not inside.all():
        others = ", ".join(str(arm) for arm in means.index[~inside])
        ax.text(0.5, 0.08, f"outside: {others}", transform=ax.transAxes, color=GREY, fontsize=6, ha="center")
    corners = (
        (0.01, 0.99, "generalises better"),
        (0.99, 0.99, "fits better"),
        (0.01, 0.01, "underfits"),
        (0.99, 0.01, "overfits more"),
    )
    for x, y, text in corners:
        ax.text(
            x,
            y,
            text,
            transform=ax.transAxes,
            color=GREY,
            fontstyle="italic",
            fontsize=7,
            ha="left" if x < 0.5 else "right",
            va="top" if y > 0.5 else "bottom",
        )
    return ax


def draw_heat_map(
    frame: pd.DataFrame, ax: Axes, x: str, y: str, value: str, norm: Normalize, scale: float = 1.0, digits: int = 1
) -> Axes:
    """A cell per (x, y): the mean over seeds, its half interval, and n; cells without a run stay empty.

    frame: columns x, y and `value`, a row per run.
    """
    columns, rows = _levels(frame[x]), _levels(frame[y])
    means = np.full((len(rows), len(columns)), math.nan)
    notes: dict[tuple[int, int], str] = {}
    for (column, row), group in frame.groupby([x, y]):
        place = rows.index(row), columns.index(column)
        summary = summarise(scale * group[value].to_numpy(dtype=float))
        means[place] = summary.mean
        spread = f"\n±{(summary.high - summary.low) / 2:.{digits}f}" if summary.n > 1 else ""
        notes[place] = f"{summary.mean:.{digits}f}{spread}\nn={summary.n}"
    ax.imshow(means, norm=norm, aspect="auto")
    for (down, across), note in notes.items():
        dark = norm(means[down, across]) < 0.5
        ax.text(across, down, note, ha="center", va="center", fontsize=6.5, color="white" if dark else "black")
    ax.set_xticks(range(len(columns)), [f"{level:g}" if isinstance(level, float) else str(level) for level in columns])
    ax.set_yticks(range(len(rows)), [f"{level:g}" if isinstance(level, float) else str(level) for level in rows])
    _bare(ax)
    return ax


def draw_confusion(counts: np.ndarray, ax: Axes) -> Axes:
    """Share of each true class (rows) predicted as each class (columns), in per cent; counts[true][predicted]."""
    shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    ax.imshow(shares, cmap="Greys", norm=PowerNorm(0.5, 0, 100))
    classes = len(counts)
    if classes <= 20:
        for true, predicted in np.ndindex(*counts.shape):
            if shares[true, predicted] >= 0.05:
                share = shares[true, predicted]
                colour = "white" if share > 30 else "black"
                text = f"{share:.0f}" if share >= 9.95 else f"{share:.1f}"
                ax.text(predicted, true, text, ha="center", va="center", fontsize=5.5, color=colour)
        ax.set_xticks(range(classes))
        ax.set_yticks(range(classes))
    _bare(ax)
    return ax


def draw_map(values: np.ndarray, ax: Axes, low: float | None = None, high: float | None = None) -> Axes:
    """One image: (height, width) as grey levels between low and high, or (height, width, 3) as colours in [0, 1]."""
    ax.imshow(values, cmap="gray", vmin=low, vmax=high)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(visible=False)
    for spine in ax.spines.values():
        spine.set(visible=True, color=PALE)
    return ax


def _levels(values: pd.Series) -> list[Any]:
    return sorted(values.unique().tolist(), key=lambda level: (isinstance(level, str), level))


def _bare(ax: Axes) -> None:
    ax.grid(visible=False)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
