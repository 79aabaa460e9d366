"""The backward pass of operators on a small matrix: input and windows, output and cotangent, and where gradients go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from poolscope.reports.figures.style import COLOURS, GREY, PALE, styled

_SIGNED = LinearSegmentedColormap.from_list("signed", [COLOURS[1], "#FFFFFF", COLOURS[0]])
_VALUES = LinearSegmentedColormap.from_list("values", ["#FFFFFF", "#D9D9D9"])
_MOST_NUMBERS = 12  # rows or columns; numbers of larger maps wouldn't be legible
_MOST_OUTLINES = 9  # windows; more would only be a grid


def draw_routing(panels: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw a row of three maps for each operator: input, output, gradient.

    Args:
        panels: for each operator a mapping with
            heading: its title;
            x, gradient: (H, W);
            output, cotangent: (out_h, out_w, channels);
            unread: bool (H, W), the cells that no output reads;
            ties: groups of cells (row, column);
            pads: ((top, bottom), (left, right));
            boxes: (top, left, height, width) of what each output reads, row by row.

    Outlines are windows, in the colour of their output's; hatched cells are padding, crossed ones those that no output
    reads; a star marks a tie.
    """
    with styled():
        tallest = max(panel["x"].shape[0] + sum(panel["pads"][0]) for panel in panels)
        height = 0.9 + 0.26 * min(max(tallest, 4), 16)
        figure = Figure(figsize=(7.2, height * len(panels)), layout="constrained")
        rows = figure.subplots(len(panels), 3, squeeze=False)
        for axes, panel in zip(rows, panels, strict=True):
            _draw_input(axes[0], panel)
            _draw_output(axes[1], panel)
            _draw_gradient(axes[2], panel)
        return figure


def _draw_input(ax: Axes, panel: Mapping[str, Any]) -> None:
    _draw_cells(ax, panel["x"], _VALUES, Normalize(*_widened(panel["x"])))
    _frame(ax, panel)
    for number, box in enumerate(panel["boxes"] if len(panel["boxes"]) <= _MOST_OUTLINES else ()):
        _outline(ax, number, *box)
    for cells in panel["ties"]:
        for row, column in cells:
            ax.text(column + 0.34, row - 0.28, "*", ha="center", va="center", color=COLOURS[1], fontweight="bold")
    ax.set_title(panel["heading"], fontsize=7.5)
    ax.set_xlabel("input" + (" (* tie)" if panel["ties"] else ""))


def _draw_output(ax: Axes, panel: Mapping[str, Any]) -> None:
    output, weights = panel["output"], panel["cotangent"]
    flat = np.concatenate([output[:, :, channel] for channel in range(output.shape[2])], axis=1)
    _draw_cells(ax, flat, _VALUES, Normalize(*_widened(flat)), np.concatenate([*np.moveaxis(weights, 2, 0)], axis=1))
    for number, (row, column) in enumerate(np.ndindex(*output.shape[:2])):
        if output[:, :, 0].size <= _MOST_OUTLINES:
            for channel in range(output.shape[2]):
                _outline(ax, number, row, channel * output.shape[1] + column, 1, 1)
    for border in range(1, output.shape[2]):
        ax.axvline(border * output.shape[1] - 0.5, color=GREY, linewidth=1.5)
    ax.set_xlabel("output, (cotangent)" + (f", {output.shape[2]} channels" if output.shape[2] > 1 else ""))


def _draw_gradient(ax: Axes, panel: Mapping[str, Any]) -> None:
    gradient = panel["gradient"]
    most = float(np.abs(gradient).max()) or 1.0
    _draw_cells(ax, gradient, _SIGNED, TwoSlopeNorm(0, -1.6 * most, 1.6 * most))
    _frame(ax, panel)
    ax.set_xlabel("gradient")


def _draw_cells(ax: Axes, values: np.ndarray, colours: Any, norm: Normalize, below: np.ndarray | None = None) -> None:
    """One cell for each value, with the number in it and, in brackets, that of `below`."""
    ax.imshow(values, cmap=colours, norm=norm)
    ax.set_xticks(np.arange(-0.5, values.shape[1]), [])
    ax.set_yticks(np.arange(-0.5, values.shape[0]), [])
    ax.tick_params(length=0)
    ax.grid(color=PALE)
    if max(values.shape) > _MOST_NUMBERS:
        return
    size = 7.0 if max(values.shape) <= 6 else 5.0
    for (row, column), value in np.ndenumerate(values):
        text = f"{value + 0.0:.4g}" + ("" if below is None else f"\n({below[row, column]:.4g})")
        ax.text(column, row, text, ha="center", va="center", fontsize=size)


def _outline(ax: Axes, number: int, top: float, left: float, height: float, width: float) -> None:
    """The outline, just inside its cells, of a window or of its output."""
    place, colour = (left - 0.44, top - 0.44), COLOURS[number % len(COLOURS)]
    ax.add_patch(Rectangle(place, width - 0.12, height - 0.12, fill=False, edgecolor=colour, linewidth=1.4))


def _frame(ax: Axes, panel: Mapping[str, Any]) -> None:
    """Padding hatched, cells that no output reads crossed out."""
    height, width = panel["x"].shape
    (top, bottom), (left, right) = panel["pads"]
    for row in range(-top, height + bottom):
        for column in range(-left, width + right):
            padded = not (0 <= row < height and 0 <= column < width)
            if padded or panel["unread"][row, column]:
                place, hatch = (column - 0.5, row - 0.5), "////" if padded else "xx"
                ax.add_patch(Rectangle(place, 1, 1, fill=False, linewidth=0, edgecolor=PALE, hatch=hatch))
    ax.set(xlim=(-left - 0.5, width + right - 0.5), ylim=(height + bottom - 0.5, -top - 0.5))


def _widened(values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return low, high if high > low else low + 1
