"""The gallery's pictures: maps, what was lost, impulse and frequency responses, for figures and for a page."""

from __future__ import annotations

import base64
import io

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from PIL import Image

from poolscope.reports.figures.axes import draw_map
from poolscope.reports.figures.style import COLOURS, GREY, PALE, make_grid, style_operator, styled
from poolscope.reports.gallery_tables import Gallery

LOSS = 0.25  # of the grey range [0, 1]; the strongest colour in pictures of what was lost
NEAR = (-4, 6)  # rows and columns of the impulse response that are drawn, in pixels from the output's first cell
_SIGNED = LinearSegmentedColormap.from_list("signed", [COLOURS[1], "#FFFFFF", COLOURS[0]])


def draw_response(frame: pd.DataFrame, ax: Axes, name: str) -> Axes:
    """Gain (solid) and its fundamental (dashed) over frequency; beyond the new Nyquist frequency waves are folded."""
    ax.axvspan(0.25, 0.5, color="#F2F2F2", linewidth=0)
    ax.axvline(0.25, color=GREY, linewidth=0.8)
    ax.plot(frame["frequency"], frame["fundamental"], color=GREY, linewidth=0.9, linestyle=(0, (3, 1.5)))
    ax.plot(frame["frequency"], frame["gain"], color=style_operator(name)["color"])
    ax.set(xlim=(0, 0.5), ylim=(0, 1.1 * max(1.0, frame["gain"].max())), xticks=[0, 0.125, 0.25, 0.375, 0.5])
    return ax


def draw_impulse(frame: pd.DataFrame, ax: Axes) -> Axes:
    """The answers to an impulse by its place; the frame is the window."""
    grid = _impulse_grid(frame)
    draw_map(_SIGNED(0.5 + 0.5 * grid / (np.abs(grid).max() or 1))[..., :3], ax)
    left = -NEAR[0] - 0.5
    ax.plot(left + np.array([0, 2, 2, 0, 0]), left + np.array([0, 0, 2, 2, 0]), color="black", linewidth=0.8)
    return ax


def show_response(frame: pd.DataFrame, name: str) -> Markup:
    """The frequency response as a small SVG of its own, 200 by 120."""
    top = 1.1 * max(1.0, float(frame["gain"].max()))

    def line(column: str) -> str:
        points = zip(frame["frequency"], frame[column], strict=True)
        return " ".join(f"{24 + 336 * f:.1f},{100 - 94 * g / top:.1f}" for f, g in points)

    ticks = "".join(
        f'<text x="{24 + 336 * f:g}" y="113" text-anchor="middle">{label}</text>'
        for f, label in ((0, "0"), (0.125, "⅛"), (0.25, "¼"), (0.375, "⅜"), (0.5, "½"))
    )
    levels = "".join(
        f'<line x1="24" x2="192" y1="{y:.1f}" y2="{y:.1f}" stroke="{PALE}" stroke-width=".5"/>'
        f'<text x="20" y="{y + 3:.1f}" text-anchor="end">{level}</text>'
        for level in range(int(top) + 1)
        for y in [100 - 94 * level / top]
    )
    return Markup(
        f'<svg class="response" viewBox="0 0 200 120" role="img" aria-label="gain of {name} by frequency">'
        f'<rect x="108" y="6" width="84" height="94" fill="#f2f2f2"/>{levels}{ticks}'
        f'<line x1="108" x2="108" y1="6" y2="100" stroke="{GREY}"/>'
        f'<polyline points="{line("fundamental")}" stroke="{GREY}" stroke-dasharray="4 2"/>'
        f'<polyline points="{line("gain")}" stroke="{style_operator(name)["color"]}" stroke-width="2"/></svg>'
    )


def show_impulse(frame: pd.DataFrame) -> Markup:
    """The impulse response as a small SVG of its own: a square per pixel, the window framed."""
    grid = _impulse_grid(frame)
    largest = np.abs(grid).max() or 1
    squares = "".join(
        f'<rect x="{column}" y="{row}" width="1" height="1" fill="{COLOURS[0] if value > 0 else COLOURS[1]}" '
        f'fill-opacity="{abs(value) / largest:.2f}"/>'
        for (row, column), value in np.ndenumerate(grid)
        if abs(value) >= 0.005 * largest
    )
    size, corner = len(grid), -NEAR[0]
    return Markup(
        f'<svg class="impulse" viewBox="-.1 -.1 {size}.2 {size}.2" role="img" aria-label="impulse response">'
        f'<rect width="{size}" height="{size}" fill="none" stroke="{PALE}" stroke-width=".1"/>{squares}'
        f'<rect x="{corner}" y="{corner}" width="2" height="2" fill="none" stroke="#000" stroke-width=".12"/></svg>'
    )


def _impulse_grid(frame: pd.DataFrame) -> np.ndarray:
    first, end = NEAR
    grid = np.zeros((end - first, end - first))
    near = frame[frame["row"].between(first, end - 1) & frame["column"].between(first, end - 1)]
    grid[near["row"] - first, near["column"] - first] = near["response"]
    return grid


def exceeds_unit(values: np.ndarray) -> bool:
    """Whether values lie so far outside [0, 1] that they are shown rescaled."""
    return bool(values.min() < -0.2 or values.max() > 1.2)


def to_unit(values: np.ndarray) -> np.ndarray:
    """Values in [0, 1]: a small excess is cut off, a larger one rescaled."""
    if exceeds_unit(values):
        low = min(0.0, float(values.min()))
        values = (values - low) / (float(values.max()) - low)
    return np.clip(values, 0, 1)


def colour_lost(values: np.ndarray) -> np.ndarray:
    """Colours of a map of what was lost: blue where the image was brighter, white where nothing is missing."""
    colours: np.ndarray = _SIGNED(0.5 + 0.5 * values[..., 0] / LOSS)[..., :3]
    return colours


def show_picture(values: np.ndarray, description: str, signed: bool = False) -> Markup:
    """An <img> of one pixel per number, enlarged by the browser; grey maps are ink on paper."""
    if signed:
        colours = colour_lost(values)
    else:
        colours = to_unit(values) if values.shape[2] == 3 else np.repeat(1 - to_unit(values), 3, axis=2)
    file = io.BytesIO()
    Image.fromarray(np.rint(255 * colours).astype(np.uint8)).save(file, "PNG", optimize=True)
    source = base64.b64encode(file.getvalue()).decode()
    return Markup('<img class="pixels" alt="{}" src="data:image/png;base64,{}">').format(description, source)


def plot_family(gallery: Gallery, names: list[str]) -> Figure:
    """A row for each operator: pooled photograph, what was lost of it, pooled digit, impulse and frequency response."""
    shown = [name for name in names if (name, "photo") in gallery.maps]
    with styled():
        figure, axes = make_grid(5 * len(shown), 5, height=1.35, gridspec_kw={"width_ratios": [1, 1, 1, 1, 1.9]})
        for row, name in enumerate(shown):
            photo, lost, digit, impulse, response = axes[5 * row : 5 * row + 5]
            draw_map(to_unit(gallery.maps[name, "photo"]), photo)
            draw_map(colour_lost(gallery.maps[name, "photo_residual"]), lost)
            draw_map(1 - to_unit(gallery.maps[name, "digit"])[..., 0], digit, 0, 1)
            photo.set_ylabel(name, fontweight="bold")
            answers = gallery.impulse[(gallery.impulse["name"] == name) & (gallery.impulse["form"] == "evaluated")]
            draw_impulse(answers, impulse)
            draw_response(gallery.response[gallery.response["name"] == name], response, name)
            if row == 0:
                for ax, title in zip(axes, ("pooled", "lost", "digit", "impulse", "gain by frequency"), strict=False):
                    ax.set_title(title)
            if row == len(shown) - 1:
                response.set_xlabel("cycles per pixel")
    return figure
