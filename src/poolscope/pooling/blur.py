"""Anti-aliasing: a binomial blur between a stride-1 operator and its subsampling.

Every local operator factors as *operator at stride 1, then keep every s-th position*. `anti_aliased` puts a blur
between the two, for any operator; `max_blur_pool` is that combinator on max, `blur_pool` is a blur before `subsample`.

At the edge the map is reflected about its last cell, as often as needed, and a single cell is repeated (NumPy's
"reflect"). A dilated blur reflects each of its interleaved phases for itself, which makes the a-trous form exact up to
the edge.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from poolscope.pooling.declare import operator, take_window
from poolscope.pooling.max_min import max_pool
from poolscope.pooling.sampling import first_cells
from poolscope.pooling.window_cells import check_number, dense_window, take_positions, widen
from poolscope.spec.declaration import Real, Whole
from poolscope.spec.geometry import Pair, Window


@operator(
    "blur",
    order=14,
    family="blur",
    summary="binomial blur, then decimation",
    formula="(b * x)[::s]",
    source="Zhang 2019",
    recommended="wherever maps are subsampled: more stable under shifts and corruptions, and more accurate on ImageNet",
    options={"filter_size": Whole(help="taps of the binomial blur", most=64)},
    reads="1",
)
def blur_pool(x: Array, window: Window, *, filter_size: int = 3) -> Array:
    """Binomial blur of the whole map, then the cells that `subsample` keeps; filter 3 is [1 2 1] / 4 on each axis.

    x: (N, H, W, C). The window decides only how many cells are kept; the filter extends (f - 1) // 2 cells back and
    f // 2 ahead. Raises PoolscopeError if filter_size isn't from 1 to 64 or the window doesn't fit. (Zhang 2019.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> blur_pool(x, 2).item()
        3.0
    """
    return blur(x, filter_size, first_cells(window, *x.shape[1:3]), window.dilation)


@operator(
    "max_blur",
    order=15,
    family="blur",
    summary="max at stride 1, binomial blur, then decimation",
    formula="(b * max x)[::s]",
    source="Zhang 2019",
    recommended="in place of max: more stable under shifts and corruptions, and more accurate on ImageNet",
    options={"filter_size": Whole(help="taps of the binomial blur", most=64)},
)
def max_blur_pool(x: Array, window: Window, *, filter_size: int = 3) -> Array:
    """Max at stride 1, binomial blur, then every s-th position: anti-aliased max pooling (Zhang 2019).

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> max_blur_pool(x, 1, 2).item()
        3.0
    """
    return anti_aliased(max_pool)(x, window, filter_size=filter_size)


@operator(
    "edge_blur",
    order=40,
    family="blur",
    summary="binomial blur except at edges, then decimation",
    formula="(e x + (1 - e) b * x)[::s], e = 1 near edges",
    source="Riba et al. 2020",
    options={
        "filter_size": Whole(help="taps of the binomial blur", most=64),
        "threshold": Real(help="ratio of cells four apart from which on they are an edge", least=1, most=1e6),
    },
    reads="1",
)
def edge_blur_pool(x: Array, window: Window, *, filter_size: int = 3, threshold: float = 1.25) -> Array:
    """`blur_pool` that leaves edges as they are: the cell itself where it or one beside it is an edge.

    A cell is an edge where the cells two before and two behind it, along a row or a column, differ by more than the
    factor `threshold`, as geometric mean over channels: |mean_c log2(a + 1e-6) - log2(b + 1e-6)| > log2 threshold.
    x: (..., H, W, C); negative cells count as 0 there (Kornia's logarithm of them is NaN). The edges, 0 or 1, get no
    gradient. Raises PoolscopeError if filter_size isn't from 1 to 64, threshold is below 1 or the window doesn't fit.
    (Kornia's `edge_aware_blur_pool2d`, Riba et al. 2020, which doesn't decimate. It has no paper of its own and so no
    claim; not measured here.)

    Example:
        >>> step = jnp.array([[1.0, 1, 1, 1, 8, 8, 8, 8]])[..., None]
        >>> blur_pool(step, (1, 2)).ravel().tolist(), edge_blur_pool(step, (1, 2)).ravel().tolist()
        ([1.0, 1.0, 6.25, 8.0], [1.0, 1.0, 8.0, 8.0])
    """
    check_number("edge_blur", "threshold", threshold, lambda value: value >= 1, "at least 1")
    kept, gaps, levels = first_cells(window, *x.shape[1:3]), window.dilation, jnp.log2(jnp.maximum(widen(x), 0) + 1e-6)
    near = jnp.zeros((x.shape[0], *x.shape[1:3], 1), bool)
    for axis, gap in enumerate(gaps, start=1):
        behind, before = (
            take_positions(levels, axis, reflect(np.arange(x.shape[axis]) + 2 * side * gap, x.shape[axis], gap))
            for side in (1, -1)
        )
        near |= jnp.abs((behind - before).mean(3, keepdims=True)) > math.log2(threshold)
    own = x
    for axis, (positions, gap) in enumerate(zip(kept, gaps, strict=True), start=1):
        beside = [reflect(positions + side * gap, x.shape[axis], gap) for side in (-1, 0, 1)]
        near = functools.reduce(jnp.logical_or, [take_positions(near, axis, cells) for cells in beside])
        own = take_positions(own, axis, positions)
    return jnp.where(near, own, blur(x, filter_size, kept, gaps))


def anti_aliased(function: Callable[..., Array]) -> Callable[..., Array]:
    """The local operator with a binomial blur of `filter_size` taps (default 3) before its subsampling (Zhang 2019).

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> anti_aliased(max_pool)(x, 1, 2, filter_size=3).item()
        3.0
    """

    def pool(x: Array, window: Window, *, filter_size: int = 3, **options: Any) -> Array:
        dense = function(x, dense_window(window, *x.shape[1:3]), **options)
        kept = tuple(np.arange(0, n, step) for n, step in zip(dense.shape[1:3], window.stride, strict=True))
        return blur(dense, filter_size, kept, window.dilation)

    return take_window(pool)


def blur(x: Array, filter_size: int, positions: Sequence[np.ndarray], dilation: Pair = (1, 1)) -> Array:
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
