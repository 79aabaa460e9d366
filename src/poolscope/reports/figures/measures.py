"""Figures of a study whose runs were measured in full: what stages keep, what shifts and corruptions do, what it costs.

All from the runs table with its arms (columns setting, arm, operator); each returns None where nothing was measured.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from poolscope.reports.figures.axes import draw_mean, name_runs
from poolscope.reports.figures.style import GREY, WIDTH, make_grid, style_arms, styled

STAGE_MEASURES = {
    "image_r2": "I1 image, R²",
    "label_bits": "I3 label, bits",
    "location_rmse": "I4 place, RMSE (pixels)",
    "dimensions": "I5 dimensions of a map",
}
FILLS = {"circular": "wrapped", "zero": "zero-filled"}
_MOST_ARMS = 8


def plot_stage_information(labelled: pd.DataFrame, setting: str) -> Figure | None:
    """Information before and after each pool, stage by stage: trained solid, at initialisation dotted; mean over seeds
    with every seed thin."""
    runs = labelled[labelled["setting"] == setting]
    stages = sorted({found[1] for column in runs if (found := re.fullmatch(r"(pool\d+)_image_r2_before", str(column)))})
    if not stages:
        return None
    styles = _style_lines(runs)
    places = [f"{stage}_{{measure}}_{moment}" for stage in stages for moment in ("before", "after")]
    names = [f"{stage.removeprefix('pool')}\n{moment}" for stage in stages for moment in ("before", "after")]
    with styled():
        figure, axes = make_grid(2 * len(STAGE_MEASURES), len(STAGE_MEASURES), 2.1, WIDTH, sharex=True)
        for (measure, title), column in zip(STAGE_MEASURES.items(), range(len(STAGE_MEASURES)), strict=True):
            for row, (suffix, moment) in enumerate((("_init", "at initialisation"), ("", "trained"))):
                ax = axes[row * len(STAGE_MEASURES) + column]
                columns = [place.format(measure=measure) + suffix for place in places]
                for arm, group in runs.groupby("arm", sort=False):
                    draw_stages(group, ax, columns, styles[str(arm)], str(arm))
                ax.set_xticks(range(len(names)), names, fontsize=6)
                if column == 0:
                    ax.set_ylabel(moment)
            low = min(axes[row * len(STAGE_MEASURES) + column].get_ylim()[0] for row in (0, 1))
            high = max(axes[row * len(STAGE_MEASURES) + column].get_ylim()[1] for row in (0, 1))
            for row in (0, 1):
                axes[row * len(STAGE_MEASURES) + column].set_ylim(low, high)
                axes[row * len(STAGE_MEASURES) + column].set_title(title if row == 0 else "", fontsize=7)
        _add_legend(figure, "outside lower center")
    return figure


def draw_stages(runs: pd.DataFrame, ax: Axes, columns: Sequence[str], style: Mapping[str, Any], label: str) -> Axes:
    """One line for an arm's means over the given columns in order, every seed thin behind it."""
    values = runs.reindex(columns=columns).to_numpy(dtype=float)
    ax.plot(values.T, color=style["color"], linewidth=0.4, alpha=0.4)
    ax.plot(np.nanmean(values, axis=0), linewidth=1.1, markersize=3.5, label=label, **style)
    return ax


def plot_shift_curves(labelled: pd.DataFrame) -> Figure | None:
    """Accuracy against the distance that images are moved, over rows, columns and diagonal; a row for each setting."""
    distances = sorted(
        int(found[1]) for column in labelled if (found := re.fullmatch(r"shift_accuracy_zero_(\d+)", str(column)))
    )
    if not distances:
        return None
    settings = list(labelled["setting"].unique())
    fills = {fill: title for fill, title in FILLS.items() if f"shift_accuracy_{fill}_{distances[0]}" in labelled}
    with styled():
        figure, axes = make_grid(len(fills) * len(settings), len(fills), 2.2, sharey="row", sharex=True)
        for row, setting in enumerate(settings):
            runs = labelled[labelled["setting"] == setting]
            styles = _style_lines(runs)
            for ax, (fill, title) in zip(axes[len(fills) * row :], fills.items(), strict=False):
                for arm, group in runs.groupby("arm", sort=False):
                    values = 100 * group[[f"shift_accuracy_{fill}_{distance}" for distance in distances]].to_numpy(
                        float
                    )
                    draw_mean(ax, distances, values.T, 0.12, markersize=3, label=str(arm), **styles[str(arm)])
                ax.set(title=f"{setting}: {title}", xlabel="moved by (pixels)")
            axes[len(fills) * row].set_ylabel("accuracy (%)")
        _add_legend(figure, "outside upper center")
    return figure


def plot_agreement(labelled: pd.DataFrame, setting: str, fill: str = "circular") -> Figure | None:
    """Share of images predicted as unshifted, by shift; a panel for each arm, all on one scale."""
    pattern = re.compile(rf"agreement_{fill}_(-?\d+)_(-?\d+)")
    shifts = {
        column: (int(found[1]), int(found[2])) for column in labelled if (found := pattern.fullmatch(str(column)))
    }
    if not shifts:
        return None
    most = max(down for down, _ in shifts.values())
    runs = labelled[labelled["setting"] == setting]
    arms = list(runs["arm"].unique())[:_MOST_ARMS]
    maps = {}
    for arm in arms:
        maps[arm] = np.full((2 * most + 1,) * 2, np.nan)
        for column, (down, right) in shifts.items():
            maps[arm][down + most, right + most] = 100 * runs.loc[runs["arm"] == arm, column].mean()
    low = min(float(np.nanmin(values)) for values in maps.values())
    with styled():
        columns = min(4, len(arms))
        figure, axes = make_grid(len(arms), columns, 2.3, WIDTH * columns / 4 + 0.8, sharex=True, sharey=True)
        for ax, (arm, values) in zip(axes, maps.items(), strict=True):
            picture = ax.imshow(values, vmin=low, vmax=100, extent=(-most - 0.5, most + 0.5, most + 0.5, -most - 0.5))
            ax.set_title(arm, fontsize=7)
            ax.grid(visible=False)
            ax.set_xticks(range(-most, most + 1))
            ax.set_yticks(range(-most, most + 1))
        axes[0].set_ylabel(f"{setting}: moved down (pixels)", fontsize=7)
        figure.supxlabel("moved right (pixels)", fontsize=7)
        figure.colorbar(picture, ax=list(axes), label="agreement (%)", shrink=0.7)
    return figure


def plot_corruptions(labelled: pd.DataFrame, baselines: Mapping[tuple[str, str], str], setting: str) -> Figure | None:
    """Accuracy under each corruption relative to clean images, less the baseline's, in percentage points."""
    columns = [str(column) for column in labelled if str(column).startswith("accuracy_under_")]
    runs = labelled[labelled["setting"] == setting]
    columns = [column for column in columns if runs[column].notna().any()]
    if not columns:
        return None
    arms = list(runs["arm"].unique())
    relative = {
        arm: 100
        * runs.loc[runs["arm"] == arm, columns].div(runs.loc[runs["arm"] == arm, "accuracy_uncorrupted"], axis=0)
        for arm in arms
    }
    means = np.array([relative[arm].mean().to_numpy() for arm in arms])
    base = np.array([relative[baselines[setting, arm]].mean().to_numpy() for arm in arms])
    difference = means - base
    largest = max(float(np.nanmax(np.abs(difference))), 1e-6)
    with styled():
        figure = Figure(figsize=(WIDTH, 1.1 + 0.24 * len(arms)), layout="constrained")
        ax = figure.subplots()
        norm = TwoSlopeNorm(0, -largest, largest)
        picture = ax.imshow(difference, cmap="PuOr", norm=norm, aspect="auto")
        for (row, column), value in np.ndenumerate(difference):
            text = f"{value:+.0f}\n({means[row, column]:.0f})"
            colour = "white" if abs(value) > 0.6 * largest else "black"
            ax.text(column, row, text, ha="center", va="center", fontsize=5, color=colour)
        labels = [column.removeprefix("accuracy_under_").replace("_", "\n") for column in columns]
        ax.set_xticks(range(len(columns)), labels, fontsize=6)
        ax.set_yticks(range(len(arms)), arms)
        ax.grid(visible=False)
        ax.tick_params(length=0)
        ax.set_title(f"{setting}: accuracy under corruption (% of clean), less the baseline's", fontsize=7.5)
        figure.colorbar(picture, ax=ax, label="percentage points", shrink=0.9)
    return figure


def plot_cost(labelled: pd.DataFrame) -> Figure:
    """Test accuracy against multiply-accumulates of one image, area by parameters; a panel for each setting."""
    settings = list(labelled["setting"].unique())
    with styled():
        figure, axes = make_grid(len(settings), min(2, len(settings)), 2.6)
        for setting, ax in zip(settings, axes, strict=True):
            runs = labelled[labelled["setting"] == setting]
            styles = style_arms(runs)
            for arm, group in runs.groupby("arm", sort=False):
                look, macs = styles[str(arm)], float(group["macs"].iloc[0]) / 1e6
                accuracy = 100 * group["test_accuracy"].to_numpy(float)
                place, names = np.full(len(accuracy), macs), name_runs(group, [f"{one:.2f}" for one in accuracy])
                ax.scatter(place, accuracy, s=6, color=look["color"], alpha=0.35, linewidths=0, urls=names)
                area = 30 * (float(group["parameters"].iloc[0]) / runs["parameters"].min())
                ax.scatter(macs, accuracy.mean(), s=area, **look, label=str(arm), edgecolors="white", linewidths=0.5)
            ax.set(title=str(setting), xlabel="million multiply-accumulates per image")
            ax.margins(0.15)
        axes[0].set_ylabel("test accuracy (%)")
        axes[0].text(0.98, 0.02, "area: parameters", transform=axes[0].transAxes, ha="right", color=GREY, fontsize=6.5)
        _add_legend(figure, "outside lower center")
    return figure


def _style_lines(runs: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """The arms' styles, dashed where an earlier arm has the colour."""
    styles, seen = {}, set()
    for arm, style in style_arms(runs).items():
        styles[arm] = {**style, **({"linestyle": (0, (3, 1.5))} if style["color"] in seen else {})}
        seen.add(style["color"])
    return styles


def _add_legend(figure: Figure, place: Literal["outside upper center", "outside lower center"]) -> None:
    """One entry for every arm that any panel shows."""
    handles: dict[str, Any] = {}
    for ax in figure.axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    figure.legend(handles.values(), handles.keys(), loc=place, ncols=6)
