"""The pictures of the answers: small matrices and their windows, contrasts of the ledger, bars."""

from __future__ import annotations

import html
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from building.evidence import read_results
from poolscope.reports.figures.files import save_figure
from poolscope.reports.figures.ledger import plot_verdicts
from poolscope.reports.figures.style import GREY, PALE, PLACES, WIDTH, make_grid, style_operator, styled
from poolscope.reports.pages import first_sentence, inline_svg

_BLUE, _ORANGE, _PLAIN = "#0072B2", "#E69F00", "#6B7F93"


@dataclass(frozen=True)
class Drawing:
    """A figure as a page shows it; its alternative text is the caption's first sentence."""

    figure: Figure
    caption: str

    def _repr_html_(self) -> str:
        name = _name(self.caption)
        with tempfile.TemporaryDirectory() as folder:
            path = save_figure(self.figure, folder, name, ("svg",))[0]
            svg = inline_svg(Path(path).read_text(encoding="utf-8"), name, first_sentence(self.caption))
        caption = html.escape(self.caption)
        sheet = f'<div class="sheet" tabindex="0">{svg}</div>'
        return f'<figure class="drawing">{sheet}<figcaption>{caption}</figcaption></figure>'


@dataclass(frozen=True)
class Box:
    """A number with its interval that is computed from a committed table and is no contrast of the ledger."""

    value: str
    what: str
    conditions: str

    def _repr_html_(self) -> str:
        parts = ((' class="value"', self.value), ("", self.what), (' class="conditions"', self.conditions))
        text = "".join(f"<p{attributes}>{html.escape(part)}</p>" for attributes, part in parts)
        return f'<div class="number">{text}</div>'


def show_contrasts(identities: str, caption: str) -> Drawing:
    """Draw contrasts of the ledger by their numbers, such as "3a 3b": effects in units of δ, with intervals."""
    table = read_results("ledger/verdicts.csv")
    chosen = table[table["id"].astype(str).isin(identities.split())]
    return Drawing(plot_verdicts(chosen), caption)


def show_grids(grids: Mapping[str, Any], caption: str, marked: Mapping[str, Any] | None = None) -> Drawing:
    """Draw small matrices side by side with their numbers; cells with a larger magnitude are darker.

    marked: for a matrix by its title, the cells that get a frame, as an array of booleans.
    """
    with styled():
        figure, axes = make_grid(len(grids), min(len(grids), 4), 1.75, WIDTH)
        for (title, grid), ax in zip(grids.items(), axes, strict=True):
            draw_grid(np.asarray(grid, dtype=float), ax, (marked or {}).get(title))
            ax.set_title(title, fontsize=8)
    return Drawing(figure, caption)


def draw_grid(values: np.ndarray, ax: Axes, marked: Any = None) -> Axes:
    """Draw one matrix: a cell for each number, darker where its magnitude is larger; NaN stays empty."""
    most = np.nanmax(np.abs(values)) or 1.0
    ax.imshow(np.abs(np.nan_to_num(values)) / most, cmap="Blues", vmin=0, vmax=1.6)
    for (row, column), value in np.ndenumerate(values):
        text = "" if np.isnan(value) else f"{value:.3g}" if abs(value) >= 0.1 or not value else f"{value:.2f}"
        ax.text(column, row, text, ha="center", va="center", fontsize=8, color="black" if value else GREY)
        if marked is not None and np.asarray(marked)[row, column]:
            ax.add_patch(Rectangle((column - 0.46, row - 0.46), 0.92, 0.92, fill=False, color=_ORANGE, linewidth=1.6))
    ax.set_xticks(np.arange(-0.5, values.shape[1]), labels=[])
    ax.set_yticks(np.arange(-0.5, values.shape[0]), labels=[])
    ax.tick_params(length=0)
    ax.set_xlim(-0.5, values.shape[1] - 0.5)
    return ax


def show_windows(rows: Mapping[str, tuple[int, int, int, int, int]], caption: str) -> Drawing:
    """Draw where windows lie along one side of a map.

    rows: for each title cells, window, stride, cells of padding before and after.
    """
    with styled():
        figure, axes = make_grid(len(rows), 1, 0.95, WIDTH)
        most = max(cells + before + after for cells, _, _, before, after in rows.values())
        for (title, (cells, window, stride, before, after)), ax in zip(rows.items(), axes, strict=True):
            starts = range(-before, cells + after - window + 1, stride)
            read = {cell for start in starts for cell in range(start, start + window)}
            for cell in range(-before, cells + after):
                inside = 0 <= cell < cells
                colour = "white" if not inside else "#CFE3F2" if cell in read else PALE
                style: Any = {"facecolor": colour, "edgecolor": GREY, "linewidth": 0.6}
                ax.add_patch(Rectangle((cell, 0), 1, 1, linestyle="-" if inside else ":", **style))
            for number, start in enumerate(starts):
                y = 1.25 + 0.3 * (number % 2)
                ax.plot(
                    [start + 0.12, start + window - 0.12], [y, y], color=(_BLUE, _ORANGE)[number % 2], linewidth=2.4
                )
            ax.set(xlim=(-before - 0.3, most - before + 0.3), ylim=(-0.25, 1.85))
            ax.set_title(f"{title}: {len(starts)} windows", fontsize=8)
            ax.set_axis_off()
    return Drawing(figure, caption)


def show_bars(
    bars: pd.Series, label: str, caption: str, errors: pd.DataFrame | None = None, log: bool = False
) -> Drawing:
    """Draw a horizontal bar for each entry, the first on top; operators in their colours.

    errors: columns low and high, by the same index.
    """
    with styled():
        figure, (ax,) = make_grid(1, 1, 0.7 + 0.22 * len(bars), WIDTH)
        places = np.arange(len(bars))[::-1]
        colours = [style_operator(str(name))["color"] if name in PLACES else _PLAIN for name in bars.index]
        if errors is None:
            ax.barh(places, bars.to_numpy(), height=0.62, color=colours)
        else:
            for place, name, colour in zip(places, bars.index, colours, strict=True):
                ax.plot([errors["low"][name], errors["high"][name]], [place, place], color=colour, linewidth=1.6)
                ax.plot(bars[name], place, color=colour, marker=style_operator(str(name))["marker"])
        ax.set_yticks(places, [str(name) for name in bars.index])
        ax.set_xlabel(label)
        ax.grid(axis="y", visible=False)
        ax.tick_params(axis="y", length=0)
        if log:
            ax.set_xscale("log")
    return Drawing(figure, caption)


def show_pictures(rows: Mapping[str, Mapping[str, Any]], caption: str) -> Drawing:
    """Draw grey pictures in rows, each row with one scale from its darkest to its brightest cell."""
    columns = max(len(row) for row in rows.values())
    with styled():
        figure, axes = make_grid(len(rows) * columns, columns, 1.25, WIDTH)
        for place, (name, row) in enumerate(rows.items()):
            arrays = {title: np.asarray(values, dtype=float) for title, values in row.items()}
            low, high = min(a.min() for a in arrays.values()), max(a.max() for a in arrays.values())
            for ax, (title, values) in zip(axes[place * columns :], arrays.items(), strict=False):
                ax.imshow(values, cmap="gray", vmin=low, vmax=high)
                ax.set(xticks=[], yticks=[])
                ax.set_title(title, fontsize=7, fontweight="normal")
            axes[place * columns].set_ylabel(name, fontsize=8)
    return Drawing(figure, caption)


def _name(caption: str) -> str:
    """A name for the ids of a drawing: the letters of its caption, which no two drawings of a page share."""
    return "drawing-" + "".join(letter for letter in caption.lower() if letter.isascii() and letter.isalpha())[:40]
