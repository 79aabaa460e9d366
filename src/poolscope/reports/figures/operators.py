"""Figures on information: operators on raw images, and what a network's stages keep. From tables only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from poolscope.reports.figures.axes import draw_map
from poolscope.reports.figures.style import COLOURS, GREY, MARKERS, PALE, WIDTH, make_grid, style_operator, styled

SPECTRA_SHOWN = ("subsample", "max", "avg", "blur", "max_blur", "spectral")
OTHERS: dict[str, Any] = {"color": PALE, "marker": "o", "markersize": 2.5}
_MOST_ROWS = 8
_MOMENTS = {"input": "input", "pooled": "pooled", "rebuilt": "rebuilt", "residual": "residual"}


def plot_all(tables: Mapping[str, pd.DataFrame]) -> dict[str, Figure]:
    """Every figure of operators on raw images, by the name of its files."""
    operators = tables["operators"]
    standard = operators[operators["window"].astype(str).isin(("1", "2")) & operators["options"].isin(("",))]
    figures = {"operators": plot_operators(standard)}
    if len(rebuilt := operators[operators["r2_global"].notna() & (operators["kept"] <= 1)]):
        figures["kept"] = plot_kept(rebuilt, tables["ceiling"])
    figures["spectra"] = plot_spectra(tables["spectra"])
    for data in operators["data"].unique():
        if figure := plot_reconstructions(tables["gallery"], str(data)):
            figures[f"gallery_{data}"] = figure
    if len(tables["caution"]):
        figures["caution"] = plot_caution(tables["caution"])
    return figures


def plot_operators(operators: pd.DataFrame) -> Figure:
    """Operators by aliasing (least on top) and by efficiency (most on top); a row of panels for each data set."""
    data = list(operators["data"].unique())
    with styled():
        height = 0.6 + 0.15 * operators.groupby("data")["pool"].nunique().max()
        figure, axes = make_grid(2 * len(data), 2, height)
        for place, name in enumerate(data):
            rows = operators[operators["data"] == name]
            left, right = axes[2 * place : 2 * place + 2]
            draw_ranking(rows, left, "aliasing", ascending=False)
            left.set(title=f"{name}: aliasing", xlabel="share of AC energy above the new Nyquist frequency")
            draw_ranking(rows, right, "efficiency", ascending=True)
            right.set(title=f"{name}: efficiency", xlabel="R² / R² of the best linear code of that size")
    return figure


def draw_ranking(rows: pd.DataFrame, ax: Axes, value: str, ascending: bool) -> Axes:
    """A marker for each operator, ordered by value with the last on top; operators without a value are left out.

    rows: columns pool and `value`.
    """
    known = rows.dropna(subset=[value]).sort_values(value, ascending=ascending, kind="stable")
    for place, (pool, number) in enumerate(zip(known["pool"], known[value], strict=True)):
        ax.plot(number, place, linestyle="none", markersize=4.5, **style_operator(str(pool)))
    ax.set_yticks(range(len(known)), known["pool"].tolist(), fontsize=6)
    ax.set_ylim(-0.6, len(known) - 0.4)
    ax.tick_params(axis="y", length=0)
    return ax


def plot_kept(operators: pd.DataFrame, ceiling: pd.DataFrame) -> Figure:
    """Global R^2 against the share of numbers kept, under the ceiling of linear codes; a panel for each data set.

    operators: those that have an R^2, and keep at most as many numbers as an image has.
    """
    data = list(operators["data"].unique())
    with styled():
        figure, axes = make_grid(len(data), len(data), 3.0, WIDTH, sharey=True)
        for name, ax in zip(data, axes, strict=True):
            best = ceiling[ceiling["data"] == name].sort_values("kept")
            ax.plot(best["kept"], best["r2"], color=GREY, linewidth=1.0)
            ax.fill_between(best["kept"], best["r2"], 1.02, color="#F0F0F0", linewidth=0)
            rows = operators[operators["data"] == name]
            single = rows.groupby("pool")["kept"].transform("nunique") == 1
            ax.plot(rows.loc[single, "kept"], rows.loc[single, "r2_global"], linestyle="none", **OTHERS)
            for pool, group in rows[~single].groupby("pool", sort=False):
                group = group.sort_values("kept")
                look = style_operator(str(pool))
                ax.plot(group["kept"], group["r2_global"], linewidth=0.9, markersize=4, label=str(pool), **look)
            ax.set_xscale("log")
            ax.set(title=name, xlabel="numbers kept, share of the image's")
            low = min(rows["r2_global"].min(), best.loc[best["kept"] >= rows["kept"].min(), "r2"].min())
            ax.set_xlim(rows["kept"].min() / 1.4, 1.15)
            ax.set_ylim(low - 0.04, 1.02)
            ticks = sorted(rows["kept"].unique())
            ax.set_xticks(ticks, [f"1/{round(1 / kept)}" if kept < 1 else "1" for kept in ticks], minor=False)
            ax.xaxis.set_minor_locator(NullLocator())
        axes[0].set_ylabel("R² of linear reconstruction")
        axes[0].text(0.03, 0.97, "above any linear code", transform=axes[0].transAxes, va="top", color=GREY, fontsize=7)
        handles, labels = axes[0].get_legend_handles_labels()
        others = Line2D([], [], linestyle="none", label="other operators", **OTHERS)
        figure.legend([*handles, others], [*labels, "other operators"], loc="outside lower center", ncols=8)
    return figure


def plot_spectra(spectra: pd.DataFrame) -> Figure:
    """Power before and after each operator at stride 1, and the share that is rebuilt, by frequency.

    The dashed line is the new Nyquist frequency 1/(2s); power right of it folds onto the frequencies left of it.
    """
    data = list(spectra["data"].unique())
    chosen = spectra[(spectra["window"].astype(str) == "2") & (spectra["options"] == "")]
    with styled():
        figure, axes = make_grid(2 * len(data), 2, 2.3)
        for place, name in enumerate(data):
            rows = chosen[chosen["data"] == name]
            left, right = axes[2 * place : 2 * place + 2]
            before = rows[rows["curve"] == "before"].drop_duplicates("frequency").sort_values("frequency")
            left.plot(before["frequency"], before["value"], color="black", linewidth=1.6, label="input")
            for pool in SPECTRA_SHOWN:
                mine = rows[rows["pool"] == pool].sort_values("frequency")
                for ax, curve in ((left, "after"), (right, "rebuilt")):
                    line = mine[mine["curve"] == curve]
                    if len(line):
                        look = style_operator(pool)
                        ax.plot(line["frequency"], line["value"], linewidth=0.9, markersize=3, label=pool, **look)
            for ax in (left, right):
                ax.axvline(0.25, color=GREY, linestyle=(0, (4, 2)), linewidth=0.9)
                ax.axvspan(0.25, 0.5, color="#F4F4F4", zorder=0, linewidth=0)
                ax.set_xlim(0, 0.5)
            floor = rows.loc[rows["curve"].isin(("before", "after")) & (rows["value"] > 0), "value"].quantile(0.02)
            if floor > 0:  # NaN where no image varies
                left.set_yscale("log")
                left.set_ylim(bottom=float(floor))
            left.set(title=f"{name}: power at stride 1", xlabel="cycles per pixel", ylabel="power")
            right.set_ylim(-0.05, 1.05)
            right.set(title=f"{name}: share rebuilt", xlabel="cycles per pixel", ylabel="γ²")
            left.text(0.255, 0.95, "folds", transform=left.get_xaxis_transform(), fontsize=6.5, color=GREY, va="top")
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=7)
    return figure


def plot_caution(caution: pd.DataFrame) -> Figure:
    """Plug-in mutual information of images and pooled codes stays at its ceiling while what can be read falls."""
    data = list(caution["data"].unique())
    with styled():
        figure, axes = make_grid(len(data), len(data), 2.6, WIDTH)
        for name, ax in zip(data, axes, strict=True):
            rows = caution[caution["data"] == name]
            rows = rows.assign(cells=rows["window"].astype(int)).sort_values("cells")
            most = float(np.log2(rows["n"].iloc[0]))
            for place, (column, label, scale) in enumerate(
                (
                    ("plug_in", f"plug-in mutual information / {most:.2f} bits", most or 1.0),
                    ("r2_global", "R² of linear reconstruction", 1.0),
                    ("location_r2", "R² of the place", 1.0),
                )
            ):
                look = {"color": COLOURS[place], "marker": MARKERS[place]}
                ax.plot(rows["cells"], rows[column] / scale, markersize=4, label=label, **look)
            ax.set_xscale("log")
            ax.set_xticks(rows["cells"], rows["window"])
            ax.xaxis.set_minor_locator(NullLocator())
            ax.set(title=name, xlabel="window of average pooling", ylim=(-0.05, 1.08))
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def plot_reconstructions(gallery: pd.DataFrame, data: str) -> Figure | None:
    """An image, its pooled map, its linear reconstruction and what that lacks, a row for each operator."""
    rows = gallery[(gallery["data"] == data) & (gallery["window"].astype(str) == "2") & (gallery["options"] == "")]
    pools = list(rows["pool"].unique())[:_MOST_ROWS]
    images = sorted(rows["image"].unique())[:2]
    if not pools:
        return None
    with styled():
        columns = len(_MOMENTS) * len(images)
        figure, axes = make_grid(len(pools) * columns, columns, 0.98)
        for place, ax in enumerate(axes):
            pool = pools[place // columns]
            image, moment = images[place % columns // len(_MOMENTS)], list(_MOMENTS)[place % len(_MOMENTS)]
            values = read_picture(rows, pool, image, moment)
            draw_map(values, ax, *((-0.5, 0.5) if moment == "residual" else (0, 1)))
            if place < columns:
                ax.set_title(_MOMENTS[moment], fontsize=6.5, fontweight="normal")
            if place % columns == 0:
                ax.set_ylabel(pool, fontsize=6.5)
    return figure


def read_picture(gallery: pd.DataFrame, pool: str, image: int, moment: str) -> np.ndarray:
    """A picture from its table rows, (height, width)."""
    chosen = gallery[(gallery["pool"] == pool) & (gallery["image"] == image) & (gallery["moment"] == moment)]
    lines = chosen.sort_values("row")["values"]
    return np.array([[float(value) for value in line.split()] for line in lines])
