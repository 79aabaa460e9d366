"""Anti-aliasing: a binomial blur between a stride-1 operator and its subsampling.

Every local operator factors as *operator at stride 1, then keep every s-th position*. `anti_aliased` puts a blur
between the two, for any operator; `max_blur_pool` is that combinator on max, `blur_pool` is a blur before `subsample`.

At the edge the map is reflected about its last cell, as often as needed, and a single cell is repeated (NumPy's
"reflect"). A dilated blur reflects each of its interleaved phases for itself, which makes the a-trous form exact up to
the edge.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from poolscope.pooling.declare import operator, take_leading_axes
from poolscope.pooling.extremes import max_pool
from poolscope.pooling.sampling import first_cells
from poolscope.pooling.window_cells import Size, check_number, dense_window, fit_window, take_positions, widen
from poolscope.spec.declaration import Whole
from poolscope.spec.geometry import Pair


@operator(
    "blur",
    order=14,
    family="blur",
    summary="binomial blur, then decimation",
    formula="(b * x)[::s]",
    source="Zhang 2019",
    options={"filter_size": Whole(help="taps of the binomial blur", most=64)},
    reads_first_cell=True,
)
def blur_pool(
    x: jax.Array,
    window: Size,
    stride: int | Sequence[int] | None = None,
    padding: Any = "VALID",
    *,
    dilation: Any = 1,
    filter_size: int = 3,
) -> jax.Array:
    """Binomial blur of the whole map, then the cells that `subsample` keeps; filter 3 is [1 2 1] / 4 on each axis.

    x: (N, H, W, C). The window decides only how many cells are kept; the filter extends (f - 1) // 2 cells back and
    f // 2 ahead. Raises PoolscopeError if filter_size isn't from 1 to 64 or the window doesn't fit. (Zhang 2019.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> blur_pool(x, 2).item()
        3.0
    """
    fitted = fit_window(x, window, stride, padding, dilation)
    return blur(x, filter_size, first_cells(fitted, *x.shape[1:3]), fitted.dilation)


@operator(
    "max_blur",
    order=15,
    family="blur",
    summary="max at stride 1, binomial blur, then decimation",
    formula="(b * max x)[::s]",
    source="Zhang 2019",
    options={"filter_size": Whole(help="taps of the binomial blur", most=64)},
)
def max_blur_pool(
    x: jax.Array,
    window: Size,
    stride: int | Sequence[int] | None = None,
    padding: Any = "VALID",
    *,
    dilation: Any = 1,
    filter_size: int = 3,
) -> jax.Array:
    """Max at stride 1, binomial blur, then every s-th position: anti-aliased max pooling (Zhang 2019).

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> max_blur_pool(x, 1, 2).item()
        3.0
    """
    return anti_aliased(max_pool)(x, window, stride, padding, dilation=dilation, filter_size=filter_size)


def anti_aliased(function: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    """The local operator with a binomial blur of `filter_size` taps (default 3) before its subsampling (Zhang 2019).

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> anti_aliased(max_pool)(x, 1, 2, filter_size=3).item()
        3.0
    """

    def pool(
        x: jax.Array,
        window: Size,
        stride: int | Sequence[int] | None = None,
        padding: Any = "VALID",
        *,
        dilation: Any = 1,
        filter_size: int = 3,
        **options: Any,
    ) -> jax.Array:
        fitted = fit_window(x, window, stride, padding, dilation)
        dense = function(x, dense_window(fitted, *x.shape[1:3]), **options)
        kept = tuple(np.arange(0, n, step) for n, step in zip(dense.shape[1:3], fitted.stride, strict=True))
        return blur(dense, filter_size, kept, fitted.dilation)

    return take_leading_axes(pool)


def blur(x: jax.Array, filter_size: int, positions: Sequence[np.ndarray], dilation: Pair = (1, 1)) -> jax.Array:
    """The blurred map at given rows and columns only; in float32 at least, returned in x's dtype."""
    check_number("blur", "filter_size", filter_size, lambda value: 1 <= value <= 64, "a whole number from 1 to 64")
    result = widen(x)
    for axis, (kept, gap) in enumerate(zip(positions, dilation, strict=True), start=1):
        taps = [
            take_positions(result, axis, reflect(kept + (tap - (filter_size - 1) // 2) * gap, x.shape[axis], gap))
            for tap in range(filter_size)
        ]
        weights = [math.comb(filter_size - 1, tap) / 2 ** (filter_size - 1) for tap in range(filter_size)]
        result = sum(weight * tap for weight, tap in zip(weights, taps, strict=True))
    return result.astype(x.dtype)


def reflect(positions: np.ndarray, size: int, gap: int = 1) -> np.ndarray:
    """The cell of an axis that stands for each position, reflecting within the phase (position mod gap) it lies in."""
    phase, cell = positions % gap, positions // gap
    last = np.maximum((size - 1 - phase) // gap, 0)
    period = np.maximum(2 * last, 1)
    folded = cell % period
    return phase + gap * np.minimum(folded, 2 * last - folded)
