"""Averages and the Haar band, worked by hand."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from hand_maps import TUTORIAL, close, maps, normal, rows

from poolscope.pooling import avg_pool, haar_pool

pytestmark = pytest.mark.usefixtures("compiled_calls")


def test_average_leaves_padding_out_or_counts_it() -> None:
    x = maps([[2, 4], [6, 8]])
    assert rows(avg_pool(x, 2, 2, 1)) == [[2, 4], [6, 8]]
    assert rows(avg_pool(x, 2, 2, 1, count_include_pad=True)) == [[0.5, 1], [1.5, 2]]
    assert rows(avg_pool(x, 3, 1, "SAME")) == [[5, 5], [5, 5]]


def test_the_tutorial_s_average() -> None:
    assert rows(avg_pool(maps(TUTORIAL), 2, 2)) == [[3.75, 5.25], [11.5, 13.5]]  # the tutorial's own average is wrong


def test_haar_is_one_band_of_one_level_and_of_two_put_back_together() -> None:
    """Two levels down, first details dropped, one level up: the first low band again (Williams & Li 2018)."""

    def down(x: np.ndarray) -> list[np.ndarray]:
        a, b, c, d = x[:, ::2, ::2], x[:, ::2, 1::2], x[:, 1::2, ::2], x[:, 1::2, 1::2]
        return [(a + b + c + d) / 2, (a - b + c - d) / 2, (a + b - c - d) / 2, (a - b - c + d) / 2]

    def up(low: np.ndarray, across: np.ndarray, along: np.ndarray, both: np.ndarray) -> np.ndarray:
        x = np.zeros((len(low), 2 * low.shape[1], 2 * low.shape[2], low.shape[3]))
        x[:, ::2, ::2], x[:, ::2, 1::2] = (low + across + along + both) / 2, (low - across + along - both) / 2
        x[:, 1::2, ::2], x[:, 1::2, 1::2] = (low + across - along - both) / 2, (low - across - along + both) / 2
        return x

    x = normal(2, 8, 8, 3)
    close(haar_pool(x, 2), jnp.asarray(down(np.asarray(x))[0]))
    close(haar_pool(x, 2), jnp.asarray(up(*down(down(np.asarray(x))[0]))))
    close(haar_pool(x, 4), jnp.asarray(down(down(np.asarray(x))[0])[0]))
    close(haar_pool(x, 2), 2 * avg_pool(x, 2))
