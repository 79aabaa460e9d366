"""The bench's figures: ratios with their quartiles on a logarithmic axis, costs of operators, cost curves."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from poolscope.reports.figures.style import COLOURS, GREY, MARKERS, WIDTH, make_grid, styled

_PLAIN = FuncFormatter(lambda value, _: f"{value:g}")


def plot_ratios(rows: pd.DataFrame, contenders: Sequence[str], columns: int, by: str = "reference") -> Figure:
    """A panel for each quantity, a line for each value of `by`; a mark for each contender, or else each reference."""
    rows = rows[rows["contender"].isin(contenders) & rows["ratio"].notna() & ~rows["reference"].isin(contenders)]
    rows = rows[rows["unit"] == rows["unit"].iloc[0]] if len(rows) else rows
    kind = "contender" if by == "reference" else "reference"
    lines, kinds, panels = (list(dict.fromkeys(rows[column])) for column in (by, kind, "quantity"))
    with styled():
        figure, axes = make_grid(max(len(panels), 1), columns, 0.9 + 0.2 * len(lines), sharey=True, sharex=True)
        for ax, panel in zip(axes, panels, strict=False):
            for number, name in enumerate(kinds):
                part = rows[(rows["quantity"] == panel) & (rows[kind] == name)]
                places = [lines.index(line) + 0.22 * (number - (len(kinds) - 1) / 2) for line in part[by]]
                draw_ratios(part, ax, places, COLOURS[number], MARKERS[number], name)
            ax.set_yticks(range(len(lines)), lines)
            ax.set_ylim(len(lines) - 0.5, -0.5)
            ax.set_title(panel)
            ax.set_xlabel("times as fast")
        _add_legend(figure, axes)
    return figure


def draw_ratios(rows: pd.DataFrame, ax: Axes, places: Sequence[float], colour: str, marker: str, label: str) -> Axes:
    """Medians with quartiles at these heights, on a logarithmic axis with a line at 1."""
    spread = [rows["ratio"] - rows["ratio_q25"], rows["ratio_q75"] - rows["ratio"]]
    ax.errorbar(
        rows["ratio"], places, xerr=spread, fmt=marker, color=colour, label=label, markersize=4, elinewidth=1, capsize=0
    )
    ax.axvline(1, color=GREY, linewidth=0.8)
    _scale(ax, 10)
    return ax


def plot_operators(rows: pd.DataFrame) -> Figure:
    """CPU time of each operator relative to max, the cheapest first."""
    rows = rows[rows["ratio"].notna()].sort_values("ratio", ascending=False, kind="stable")
    inverse = pd.DataFrame(
        {"ratio": 1 / rows["ratio"], "ratio_q25": 1 / rows["ratio_q75"], "ratio_q75": 1 / rows["ratio_q25"]}
    )
    with styled():
        figure, (ax,) = make_grid(1, 1, 0.6 + 0.12 * len(rows))
        draw_ratios(inverse, ax, range(len(rows)), COLOURS[0], MARKERS[0], "")
        ax.set_yticks(range(len(rows)), rows["contender"])
        ax.set_ylim(len(rows) - 0.5, -0.5)
        ax.set_xlabel("CPU time relative to max")
    return figure


def plot_costs(rows: pd.DataFrame) -> Figure:
    """A panel for each axis of the cost curves: the medians, against a logarithmic axis."""
    panels = list(dict.fromkeys(rows["quantity"]))
    with styled():
        figure, axes = make_grid(len(panels), 3, 1.9, WIDTH)
        for ax, panel in zip(axes, panels, strict=True):
            part = rows[(rows["quantity"] == panel) & rows["ratio"].notna()]
            points = list_points(part)
            ax.plot([x for x, _ in points], [speed for _, speed in points], color=COLOURS[0], marker=MARKERS[0])
            _scale(ax, 2)
            ax.set_ylim(0, 1.1 * max((speed for _, speed in points), default=1))
            ax.set_xticks([x for x, _ in points])
            ax.set_title(panel.removeprefix("curve: ").replace("seeds in one program", "seeds together"))
            ax.set_ylabel(part["unit"].iloc[0] if len(part) else "")
    return figure


def list_points(rows: pd.DataFrame) -> list[tuple[float, float]]:
    """Size and median speed of each contender of a cost curve and of its reference, by size."""
    speeds = dict(zip(rows["contender"], rows["contender_median"], strict=True))
    speeds |= dict(zip(rows["reference"], rows["reference_median"], strict=True))
    return sorted((float(size), speed) for size, speed in speeds.items())


def _scale(ax: Axes, base: int) -> None:
    """A logarithmic axis with plain numbers on it."""
    ax.set_xscale("log", base=base)
    ax.xaxis.set_major_formatter(_PLAIN)
    ax.xaxis.set_minor_formatter(NullFormatter())


def _add_legend(figure: Figure, axes: Sequence[Axes]) -> None:
    handles, labels = axes[0].get_legend_handles_labels()
    if len(labels) > 1:
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
