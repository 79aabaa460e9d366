"""One image and its feature maps before and after each pool of a network."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from poolscope.reports.figures.axes import draw_map
from poolscope.reports.figures.style import make_grid, styled

_CHANNELS = 4


def plot_maps(image: np.ndarray, stages: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Draw an image, and for each pool the channels that vary most before it: above before, below after the pool.

    Args:
        image: (height, width, channels), uint8.
        stages: {name of the pool: maps before and after, (height, width, channels) each}. Where a pool changes the
            number of channels, the channels after it are those that vary most by themselves.
    """
    with styled():
        figure, axes = make_grid(2 * max(1, len(stages)) * (1 + _CHANNELS), 1 + _CHANNELS, 1.15, 1.15 * (1 + _CHANNELS))
        grid = np.array(axes, dtype=object).reshape(-1, 2, 1 + _CHANNELS)
        for ax in axes:
            ax.set_axis_off()
        picture = image[..., 0] if image.shape[2] == 1 else image
        grid[0, 0, 0].set_axis_on()
        draw_map(picture / 255, grid[0, 0, 0], 0, 1)
        grid[0, 0, 0].set_title("image", fontsize=6.5)
        for row, (name, (before, after)) in zip(grid, stages.items(), strict=False):
            chosen = _find_varied(before)
            pairs = (chosen, chosen if after.shape[2] == before.shape[2] else _find_varied(after))
            for line, maps, channels, words in zip(row, (before, after), pairs, ("before", "after"), strict=True):
                for ax, channel, first in zip(line[1:], channels, chosen, strict=False):
                    ax.set_axis_on()
                    low, high = float(before[..., first].min()), float(before[..., first].max())
                    draw_map(maps[..., channel].astype(float), ax, low, high)
                    ax.set_title(f"{words} {name}: {channel}", fontsize=6)
    return figure


def _find_varied(maps: np.ndarray) -> list[int]:
    order = np.argsort(-maps.astype(float).std((0, 1)), kind="stable")
    return [int(channel) for channel in order[:_CHANNELS]]
