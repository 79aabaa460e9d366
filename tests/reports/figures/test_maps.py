"""An image and its maps."""

from __future__ import annotations

import numpy as np

from poolscope.reports.figures.maps import plot_maps


def test_the_channels_that_vary_most_stand_above_their_pooled_ones() -> None:
    before = np.random.default_rng(0).random((8, 8, 6)) * np.array([1, 6, 2, 5, 3, 4])
    figure = plot_maps(np.zeros((8, 8, 1), np.uint8), {"pool1": (before, before[::2, ::2])})
    shown = [ax.get_title(loc="left") for ax in figure.axes if ax.images]
    assert shown == ["image", *(f"{side} pool1: {channel}" for side in ("before", "after") for channel in (1, 3, 5, 4))]


def test_a_network_without_pools_and_one_that_makes_channels() -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    assert sum(bool(ax.images) for ax in plot_maps(image, {}).axes) == 1
    maps = np.random.default_rng(0).random((8, 8, 2))
    figure = plot_maps(image, {"pool1": (maps, np.concatenate([maps] * 4, axis=2)[::2, ::2])})
    assert sum(bool(ax.images) for ax in figure.axes) == 1 + 2 + 2
