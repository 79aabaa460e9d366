"""Averages and the Haar band, worked by hand."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hand_maps import TUTORIAL, close, maps, normal, rows

from poolscope.pooling import avg_pool, haar_pool
from poolscope.pooling.averages import _sum_slices
from poolscope.spec.geometry import make_window

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


@pytest.mark.parametrize(
    ("window", "stride", "padding"), [((9, 8), 2, 3), (5, 3, 1), (5, 1, 1), ((3, 8), (2, 1), "VALID")]
)
def test_sums_of_many_cells_and_their_gradients_equal_loops(window: Any, stride: Any, padding: Any) -> None:
    """Windows of more than four cells have passes of their own, above seven along an axis two of them."""
    fitted = make_window(window, stride, padding)
    x = np.asarray(normal(1, 12, 11, 1), np.float64)
    (top, _), (left, _) = fitted.pads(12, 11)
    weights = np.asarray(normal(1, *fitted.output(12, 11), 1), np.float64)
    sums, gradient = np.zeros_like(weights), np.zeros_like(x)
    for row, column in np.ndindex(fitted.output(12, 11)):
        first = row * fitted.stride[0] - top, column * fitted.stride[1] - left
        rows, columns = (slice(max(0, f), f + k) for f, k in zip(first, fitted.size, strict=True))
        sums[0, row, column] = x[0, rows, columns].sum((0, 1))
        gradient[0, rows, columns] += weights[0, row, column]
    found, pull = jax.vjp(lambda x: _sum_slices(x, fitted), jnp.asarray(x, "float32"))
    close(found, sums, 1e-4)
    close(pull(jnp.asarray(weights, "float32"))[0], gradient, 1e-4)
