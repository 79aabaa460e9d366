"""Whole figures: the drawings side by side, a row or a panel for each setting, arm or operator of a study."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from poolscope.reports.figures.axes import (
    draw_confusion,
    draw_curves,
    draw_heat_map,
    draw_map,
    draw_quadrants,
    draw_reference,
    draw_strip,
    find_limits,
    order_by_mean,
)
from poolscope.reports.figures.style import GREY, WIDTH, make_grid, style_arms, styled
from poolscope.statistics.arms import add_arms, show_value
from poolscope.statistics.at_chance import find_at_chance
from poolscope.statistics.comparison import find_unlearned_pairs
from poolscope.statistics.inference import list_differences
from poolscope.statistics.tables import read_map

Baselines = Mapping[tuple[str, str], str]
_MOST_PANELS = 24
_MOST_MAPS = 31  # arms in one figure of feature maps


def plot_accuracy(labelled: pd.DataFrame, baselines: Baselines) -> Figure:
    """Test accuracy by arm, and the paired difference to its baseline beside it; a row of panels for each setting.

    Dots of runs that never learned, and of differences with one, are hollow.
    """
    labelled = labelled.assign(unlearned=find_at_chance(labelled))
    with styled():
        figure, pairs = _make_pairs(labelled)
        differences = list_differences(labelled, baselines, "test_accuracy", scale=100)
        differences = differences.assign(unlearned=find_unlearned_pairs(differences, labelled))
        for (setting, runs), (left, right) in zip(labelled.groupby("setting", sort=False), pairs, strict=True):
            order, styles = order_by_mean(runs, "test_accuracy"), style_arms(runs)
            draw_strip(runs, left, "test_accuracy", styles, order, scale=100, bounds=(0, 100.5))
            left.set(title=str(setting), xlabel="test accuracy (%)")
            of_setting = differences[differences["setting"] == setting]
            draw_strip(of_setting, right, "difference", styles, order, zero=True)
            against = {baselines[str(setting), arm] for arm in order}
            right.set(title=_wrap(f"against {against.pop() if len(against) == 1 else 'its baseline'}"))
            right.set(xlabel="paired difference (points)")
            right.tick_params(labelleft=False)
            for row, arm in enumerate(order):
                if baselines[str(setting), arm] == arm:
                    low, high = right.get_xlim()
                    side = "left" if -low < 0.2 * (high - low) else "right"
                    looks: dict[str, Any] = {"color": GREY, "fontsize": 6.5, "fontstyle": "italic", "va": "center"}
                    right.text(0, row, " baseline ", ha=side, **looks)
    return figure


def plot_gap(labelled: pd.DataFrame, baselines: Baselines) -> Figure:
    """Generalisation gap by arm, and whether a smaller gap came with better or worse test accuracy; hollow as above."""
    labelled = labelled.assign(unlearned=find_at_chance(labelled))
    with styled():
        figure, pairs = _make_pairs(labelled, least=2.8)
        gaps = list_differences(labelled, baselines, "generalisation_gap", scale=100)
        tests = list_differences(labelled, baselines, "test_accuracy", scale=100)
        both = gaps.rename(columns={"difference": "gap"}).assign(test=tests["difference"])
        both = both.assign(unlearned=find_unlearned_pairs(gaps, labelled))
        for (setting, runs), (left, right) in zip(labelled.groupby("setting", sort=False), pairs, strict=True):
            order, styles = order_by_mean(runs, "generalisation_gap"), style_arms(runs)
            draw_strip(runs, left, "generalisation_gap", styles, order, scale=100)
            left.set(title=str(setting), xlabel="generalisation gap (points)")
            draw_quadrants(both[both["setting"] == setting], right, styles)
            right.set(xlabel="change of the gap (points)", ylabel="change of test accuracy (points)")
    return figure


def plot_curves(
    labelled: pd.DataFrame, curves: pd.DataFrame, setting: str, metric: str, baselines: Baselines
) -> Figure:
    """Learning curves of one setting, a panel per arm; the dotted line is the baseline's validation mean."""
    runs = labelled[labelled["setting"] == setting]
    joined = runs[["digest", "seed", "arm"]].merge(curves, on=["digest", "seed"])
    arms = [arm for arm in runs["arm"].unique() if (joined["arm"] == arm).any()]
    scale = 100 if metric == "accuracy" else 1
    with styled():
        columns = _balance(len(arms), 4)
        figure, axes = make_grid(len(arms), columns, 1.9, sharex=True, sharey=True)
        styles = style_arms(runs)
        for place, (arm, ax) in enumerate(zip(arms, axes, strict=True)):
            baseline = baselines[setting, arm]
            if arm != baseline:
                draw_reference(joined[joined["arm"] == baseline], ax, metric, scale)
            draw_curves(joined[joined["arm"] == arm], ax, metric, styles[arm], scale)
            ax.set_title(arm, fontsize=7.5 if len(arm) <= 18 else 6)
            if place + columns >= len(arms):
                ax.set_xlabel("epoch")
                ax.tick_params(labelbottom=True)
            if place % columns == 0:
                ax.set_ylabel("accuracy (%)" if metric == "accuracy" else "loss (nats, log)")
        _zoom(axes, joined, metric, scale)
        handles = [
            Line2D([], [], color="black", linestyle=(0, (3.5, 1.5)), label="training (train_eval)"),
            Line2D([], [], color="black", label="validation"),
            Line2D([], [], color="black", linewidth=0.4, alpha=0.6, label="one seed"),
            Patch(color="black", alpha=0.15, linewidth=0, label="95 % band"),
            Line2D([], [], color=GREY, linestyle=":", linewidth=0.9, label="validation of the baseline"),
        ]
        figure.legend(
            handles=handles[: 4 if len(arms) == 1 else 5],
            loc="outside upper left",
            ncols=5,
            handlelength=2.2,
            columnspacing=1.4,
        )
    return figure


def plot_heat_maps(runs: pd.DataFrame, x: str, y: str, value: str) -> Figure | None:
    """value over two factors, a panel per setting and remaining arm; None unless the two factors vary independently.

    The factor pool.stride is the stride in effect: the window where no stride was given.
    """
    stride = [
        w if show_value(s) == "default" else s for w, s in zip(runs["pool.window"], runs["pool.stride"], strict=True)
    ]
    runs = runs.assign(**{"pool.stride": stride})
    runs = runs.assign(**{axis: _numeric(runs[axis]) for axis in (x, y)})
    cells, across, down = len(runs[[x, y]].drop_duplicates()), runs[x].nunique(), runs[y].nunique()
    if min(across, down) < 2 or cells <= max(across, down):
        return None
    labelled = add_arms(runs, ignoring=[x, y, *(["pool.window", "pool.stride"] if x.startswith("pool.") else [])])
    labelled = labelled.drop_duplicates(["setting", "arm", x, y, "seed"])  # stride 2 beside no stride at window 2
    groups = list(labelled.groupby(["setting", "arm"], sort=False))[:_MOST_PANELS]
    with styled():
        columns = min(len(groups), 4 if across <= 4 else 2)
        figure, axes = make_grid(
            len(groups),
            columns,
            0.7 + 0.42 * down,
            min(WIDTH, columns * (0.8 + 0.62 * across)),
            sharex=True,
            sharey=True,
        )
        norms = {}
        for setting, group in labelled.groupby("setting", sort=False):
            means = 100 * group.groupby(["arm", x, y])[value].mean()
            norms[setting] = Normalize(means.min(), max(means.max(), means.min() + 1e-9))
        several = labelled["setting"].nunique() > 1
        for place, (((setting, arm), group), ax) in enumerate(zip(groups, axes, strict=True)):
            draw_heat_map(group, ax, x, y, value, norms[setting], scale=100)
            ax.set_title(f"{setting}: {arm}" if several else arm)
            if place + columns >= len(groups):
                ax.set_xlabel(_name(x))
                ax.tick_params(labelbottom=True)
            if place % columns == 0:
                ax.set_ylabel(_name(y))
    return figure


def plot_confusion(matrices: Sequence[tuple[str, np.ndarray]]) -> Figure:
    """Confusion matrices with their titles, two in a row."""
    with styled():
        columns = min(2, len(matrices))
        figure, axes = make_grid(len(matrices), columns, 3.3, 3.5 * columns)
        for (title, counts), ax in zip(matrices, axes, strict=True):
            draw_confusion(counts, ax)
            ax.set(title=_wrap(title), xlabel="predicted class", ylabel="true class")
    return figure


def plot_feature_maps(
    labelled: pd.DataFrame, feature_maps: pd.DataFrame, setting: str, stage: int = 1
) -> Figure | None:
    """One test image, and for each arm one channel before and after its pool; None where no maps were kept.

    Each arm shows, of its kept channels, the one that varies most over the image before the pool.
    """
    runs = labelled[labelled["setting"] == setting].drop_duplicates("arm")
    pairs = []
    for arm, digest in zip(runs["arm"], runs["digest"], strict=True):
        before, after = (read_map(feature_maps, digest, stage, moment) for moment in ("before", "after"))
        if set(before) & set(after):
            pairs.append((arm, digest, before, after))
    pairs = pairs[:_MOST_MAPS]
    if not pairs:
        return None
    shared = []
    for arm, _, before, after in pairs:
        channel = max(sorted(set(before) & set(after)), key=lambda index: float(before[index].std()))
        shared.append((arm, before[channel], after[channel]))
    with styled():
        columns = _balance(1 + len(shared), 8)
        blocks = -(-(1 + len(shared)) // columns)
        figure, axes = make_grid(2 * blocks * columns, columns, 1.02, min(WIDTH, 0.95 * columns))
        grid = np.array(axes, dtype=object).reshape(blocks, 2, columns)
        for ax in axes:
            ax.set_axis_off()
        draw_map(_to_picture(read_map(feature_maps, pairs[0][1], 0, "image")), _shown(grid[0, 0, 0]))
        grid[0, 0, 0].set_title("test image", fontsize=6.5, fontweight="normal")
        for place, (arm, *maps) in enumerate(shared, start=1):
            block, column = divmod(place, columns)
            low, high = float(maps[0].min()), float(maps[0].max())
            for ax, values in zip(grid[block, :, column], maps, strict=True):
                draw_map(values, _shown(ax), low, high)
                ax.set_xlabel("x".join(str(side) for side in values.shape), fontsize=6, labelpad=1.5)
            grid[block, 0, column].set_title(arm, fontsize=6.5 if len(arm) <= 14 else 4.5)
    return figure


def _make_pairs(labelled: pd.DataFrame, least: float = 1.4) -> tuple[Figure, list[tuple[Axes, Axes]]]:
    """Two panels for each setting, as high as its number of arms needs."""
    arms = labelled.groupby("setting", sort=False)["arm"].nunique().to_numpy()
    heights = np.maximum(0.75 + 0.22 * arms, least)
    figure = Figure(figsize=(WIDTH, float(heights.sum())), layout="constrained")
    axes = figure.subplots(len(arms), 2, squeeze=False, height_ratios=heights)
    return figure, [(left, right) for left, right in axes]


def _balance(panels: int, most: int) -> int:
    """How many columns, at most `most`, fill the rows that are needed anyway most evenly."""
    return -(-panels // -(-panels // most))


def _zoom(axes: Sequence[Axes], joined: pd.DataFrame, metric: str, scale: float) -> None:
    """Limits for all panels: every mean, and seeds in the last three quarters of training; losses in logs."""
    columns = [column for column in (f"train_eval_{metric}", f"val_{metric}") if column in joined]
    means = scale * joined.groupby(["arm", "epoch"])[columns].mean().to_numpy()
    least, most = np.nanmin(means), np.nanmax(means)
    later = joined[joined["epoch"] > joined["epoch"].max() / 4]
    groups = {str(arm): scale * group[columns].to_numpy(dtype=float).ravel() for arm, group in later.groupby("arm")}
    if metric == "loss":
        groups = {arm: np.log(values[values > 0]) for arm, values in groups.items()}
        low, high = np.exp(find_limits(groups))
        axes[0].set(yscale="log", ylim=(min(low, 0.97 * least), max(high, 1.03 * most)))
        for ax in axes:
            ax.yaxis.set_major_locator(LogLocator(10, (1.0, 2.0, 5.0), numticks=5))
            ax.yaxis.set_major_formatter(FuncFormatter(lambda loss, _: f"{loss:g}"))
            ax.yaxis.set_minor_locator(NullLocator())
    else:
        low, high = find_limits(groups, (0, 100))
        axes[0].set_ylim(min(low, least - 1), max(high, min(most + 1, 100)))
        axes[0].yaxis.set_major_locator(MaxNLocator(4))


def _wrap(title: str) -> str:
    """A title in lines that half of a page's width holds."""
    return textwrap.fill(title, 44)


def _numeric(values: pd.Series) -> pd.Series:
    """Numbers where all values are numbers, else their texts."""
    texts = [show_value(value) for value in values]
    try:
        return pd.Series([float(text) for text in texts], index=values.index)
    except ValueError:
        return pd.Series(texts, index=values.index)


def _name(column: str) -> str:
    return column.split(".")[1].replace("_", " ")


def _to_picture(channels: Mapping[int, np.ndarray]) -> np.ndarray:
    image = np.stack([channels[index] for index in sorted(channels)], axis=-1)
    image = (image - image.min()) / max(float(np.ptp(image)), 1e-9)
    return image[..., :3] if image.shape[-1] >= 3 else image[..., 0]


def _shown(ax: Axes) -> Axes:
    ax.set_axis_on()
    return ax
