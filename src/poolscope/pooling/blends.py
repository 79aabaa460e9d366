"""Learned blends of maximum and average (Lee, Gallagher & Tu 2016)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from poolscope.errors import PoolscopeError
from poolscope.geometry import Window
from poolscope.pooling.averages import avg_pool
from poolscope.pooling.extremes import max_pool
from poolscope.pooling.taps import Size, fit_window, read_taps, widen


def mixed_pool(
    x: jax.Array,
    window: Size,
    stride: int | Sequence[int] | None = None,
    padding: Any = "VALID",
    *,
    dilation: Any = 1,
    alpha: float | jax.Array = 0.5,
) -> jax.Array:
    """A fixed blend, y = alpha max + (1 - alpha) avg; learned, alpha may leave [0, 1].

    x: (N, H, W, C); alpha: a number or one per channel (C,). Raises PoolscopeError if the window doesn't fit.
    (Lee, Gallagher & Tu 2016.)
    """
    return blend_max_avg(x, fit_window(x, window, stride, padding, dilation), jnp.asarray(alpha, widen(x).dtype))


def gated_pool(
    x: jax.Array,
    window: Size,
    stride: int | Sequence[int] | None = None,
    padding: Any = "VALID",
    *,
    dilation: Any = 1,
    kernel: jax.Array,
) -> jax.Array:
    """A blend that looks at the window, y = g max + (1 - g) avg with g = sigmoid(sum w_i x_i).

    x: (N, H, W, C); kernel w: (h, w), one for all channels, or (h, w, C). Padding adds nothing to the gate. Raises
    PoolscopeError if the kernel isn't of the window's size or the window doesn't fit. (Lee, Gallagher & Tu 2016.)
    """
    fitted = fit_window(x, window, stride, padding, dilation)
    return blend_max_avg(x, fitted, jax.nn.sigmoid(filter_taps("gated", x, fitted, kernel)))


def blend_max_avg(x: jax.Array, window: Window, share: jax.Array) -> jax.Array:
    """share * max + (1 - share) * avg, computed in share's dtype and returned in x's."""
    largest, mean = max_pool(x, window).astype(share.dtype), avg_pool(x.astype(share.dtype), window)
    return (share * largest + (1 - share) * mean).astype(x.dtype)


def filter_taps(operator: str, x: jax.Array, window: Window, kernel: jax.Array) -> jax.Array:
    """sum w_i x_i over each window, in float32 at least; kernel: (h, w) or (h, w, C)."""
    if tuple(kernel.shape[:2]) != window.size or tuple(kernel.shape[2:]) not in ((), (x.shape[3],)):
        raise PoolscopeError(
            f"{operator} kernel must be {window.size} or {(*window.size, x.shape[3])}, not {tuple(kernel.shape)}."
        )
    taps = read_taps(x, window)
    weights = kernel.astype(taps.cells[0].dtype).reshape(window.cells, *kernel.shape[2:])
    return taps.sum(weight * cell for weight, cell in zip(weights, taps.cells, strict=True))
