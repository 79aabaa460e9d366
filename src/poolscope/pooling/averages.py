"""Arithmetic mean of the window, and the Haar wavelet's low band, which is a multiple of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from poolscope.geometry import Window
from poolscope.pooling.taps import Size, cell_counts, fit_window, slice_taps, widen


def avg_pool(
    x: jax.Array,
    window: Size,
    stride: int | Sequence[int] | None = None,
    padding: Any = "VALID",
    *,
    dilation: Any = 1,
    count_include_pad: bool = False,
) -> jax.Array:
    """Mean of each window, y = sum x_i / D with D its real cells, or all K with `count_include_pad`.

    x: (N, H, W, C). Raises PoolscopeError if the window doesn't fit. (LeCun et al. 1990.)
    """
    fitted = fit_window(x, window, stride, padding, dilation)
    total = sum_window(widen(x), fitted)
    if count_include_pad or not any(map(any, fitted.pads(*x.shape[1:3]))):
        return (total / fitted.cells).astype(x.dtype)
    counts = jnp.asarray(cell_counts(fitted, *x.shape[1:3])[..., None], total.dtype)
    return (total / counts).astype(x.dtype)


def haar_pool(
    x: jax.Array, window: Size, stride: int | Sequence[int] | None = None, padding: Any = "VALID", *, dilation: Any = 1
) -> jax.Array:
    """Low band of the orthonormal Haar wavelet, y = sqrt(K) mean x_i: one level at window 2, two at window 4.

    x: (N, H, W, C); the gain on a constant is sqrt(K). Wavelet pooling's two levels, first details dropped, then one
    level back, are by perfect reconstruction the same map; its own non-adjoint backward pass is not built. Raises
    PoolscopeError if the window doesn't fit. (Williams & Li 2018.)
    """
    fitted = fit_window(x, window, stride, padding, dilation)
    return (math.sqrt(fitted.cells) * avg_pool(widen(x), fitted)).astype(x.dtype)


def sum_window(x: jax.Array, window: Window) -> jax.Array:
    """Sum of each window of a fitted geometry, padding counting as 0."""
    if max(window.dilation) > 1:
        return _sum_slices(x, window)
    return lax.platform_dependent(
        x, cpu=partial(_sum_slices, window=window), default=partial(_reduce_window, window=window)
    )


def _reduce_window(x: jax.Array, window: Window) -> jax.Array:
    pads = ((0, 0), *window.pads(*x.shape[1:3]), (0, 0))
    return lax.reduce_window(x, 0.0, lax.add, (1, *window.size, 1), (1, *window.stride, 1), pads)


def _sum_slices(x: jax.Array, window: Window) -> jax.Array:
    """Sum of the taps; of large windows first along columns, then along rows."""
    if max(window.size) <= 3 or min(window.size) == 1:
        return sum(slice_taps(x, window, 0.0)[1:], slice_taps(x, window, 0.0)[0])
    rows, columns = window.pads(*x.shape[1:3])
    (size_h, size_w), (step_h, step_w), (gap_h, gap_w) = window.size, window.stride, window.dilation
    wide = _sum_slices(x, Window((1, size_w), (1, step_w), ((0, 0), columns), (1, gap_w)))
    return _sum_slices(lax.optimization_barrier(wide), Window((size_h, 1), (step_h, 1), (rows, (0, 0)), (gap_h, 1)))
