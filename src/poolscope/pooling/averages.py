"""Arithmetic mean of the window, and the Haar wavelet's low band, which is a multiple of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial, reduce

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from poolscope.kernels.fusion import compute_apart
from poolscope.kernels.linear import call_linear
from poolscope.pooling.declare import operator
from poolscope.pooling.max_min import interleave
from poolscope.pooling.window_cells import cell_counts, slice_taps, widen
from poolscope.spec.declaration import Switch
from poolscope.spec.geometry import Pair, Window


@operator(
    "avg",
    order=1,
    family="averages",
    summary="mean of the window, padding left out",
    formula="mean x",
    source="LeCun et al. 1990",
    options={"count_include_pad": Switch(help="divide by the whole window where it overlaps padding")},
    numpy="mean",
)
def avg_pool(x: Array, window: Window, *, count_include_pad: bool = False) -> Array:
    """Mean of each window, y = sum x_i / D with D its real cells, or those of the padding too with `count_include_pad`.

    What `ceil_mode` adds to the padding is never counted.

    x: (N, H, W, C). Raises PoolscopeError if the window doesn't fit. (LeCun et al. 1990.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> avg_pool(x, 2).item()
        3.0
    """
    total = sum_window(widen(x), window)
    height, width = x.shape[1:3]
    counted = replace(window, ceil_mode=False).pads(height, width) if count_include_pad else ((0, 0), (0, 0))
    if window.pads(height, width) == counted:
        return (total / window.cells).astype(x.dtype)
    counts = jnp.asarray(cell_counts(window, height, width, counted)[..., None], total.dtype)
    return (total / counts).astype(x.dtype)


@operator(
    "haar",
    order=24,
    family="averages",
    summary="low band of the orthonormal Haar wavelet: a scaled average",
    formula="sqrt(K) mean x",
    source="Williams & Li 2018",
    recommended="against the overfitting of max: better than or close to max, mean, mixed and stochastic on four sets",
    also="wavelet with moments=1",
    gain="K^(1/2)",
)
def haar_pool(x: Array, window: Window) -> Array:
    """Low band of the orthonormal Haar wavelet, y = sqrt(K) mean x_i: one level at window 2, two at window 4.

    x: (N, H, W, C); the gain on a constant is sqrt(K). Wavelet pooling's two levels, first details dropped, then one
    level back, are by perfect reconstruction the same map; its own non-adjoint backward pass is not built. Raises
    PoolscopeError if the window doesn't fit. (Williams & Li 2018.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> haar_pool(x, 2).item()
        6.0
    """
    return (math.sqrt(window.cells) * avg_pool(widen(x), window)).astype(x.dtype)


def sum_window(x: Array, window: Window) -> Array:
    """Sum of each window of a fitted geometry, padding counting as 0."""
    if max(window.dilation) > 1:
        return _sum_slices(x, window)
    return lax.platform_dependent(
        x, cpu=partial(_sum_slices, window=window), default=partial(_reduce_window, window=window)
    )


def _reduce_window(x: Array, window: Window) -> Array:
    pads = ((0, 0), *window.pads(*x.shape[1:3]), (0, 0))
    return lax.reduce_window(x, 0.0, lax.add, (1, *window.size, 1), (1, *window.stride, 1), pads)


def _sum_slices(x: Array, window: Window) -> Array:
    """Sum of the taps: differentiated by JAX if they are few; in two passes, along columns, then rows, if many."""
    if window.cells <= 4:
        return reduce(jnp.add, slice_taps(x, window, 0.0))
    if max(window.size) <= 7 or min(window.size) == 1:
        return _sum_taps(x, replace(window, padding=window.pads(*x.shape[1:3])), (x.shape[1], x.shape[2]))
    rows, columns = window.pads(*x.shape[1:3])
    (size_h, size_w), (step_h, step_w), (gap_h, gap_w) = window.size, window.stride, window.dilation
    across = Window((1, size_w), (1, step_w), ((0, 0), columns), (1, gap_w))
    down = Window((size_h, 1), (step_h, 1), (rows, (0, 0)), (gap_h, 1))
    return _sum_slices(compute_apart(partial(_sum_slices, window=across), x), down)


def _sum_taps(x: Array, window: Window, size: Pair) -> Array:
    """Sum of the taps of each window of a map of this size, with a gradient read from one padded map."""
    output = (x.shape[0], *window.output(*size), x.shape[3])
    return call_linear(_add_taps, _spread_taps, [], x, jax.ShapeDtypeStruct(output, x.dtype), window, size)


def _add_taps(fixed: Sequence[Array], x: Array, window: Window, size: Pair) -> Array:
    return reduce(jnp.add, slice_taps(x, window, 0.0))


def _spread_taps(fixed: Sequence[Array], gradient: Array, window: Window, size: Pair) -> Array:
    """For each phase of the stride the sum over its taps, read from one padded map; then the phases interleaved.

    Tap i of output o is the cell i d + o s = phase + s (o + shift), with phase = i d mod s and shift = i d div s.
    """
    (height, width), ((top, _), (left, _)) = size, window.pads(*size)
    (step_h, step_w), (gap_h, gap_w) = window.stride, window.dilation
    blocks_h, blocks_w = -(-(height + top) // step_h), -(-(width + left) // step_w)
    reach_h, reach_w = (window.size[0] - 1) * gap_h // step_h, (window.size[1] - 1) * gap_w // step_w
    around = [(reach_h, blocks_h - gradient.shape[1], 0), (reach_w, blocks_w - gradient.shape[2], 0)]

    def spread(gradient: Array) -> Array:
        padded = lax.pad(gradient, jnp.zeros((), gradient.dtype), [(0, 0, 0), *around, (0, 0, 0)])
        phases: dict[Pair, Array] = {}
        for i, j in np.ndindex(window.size):
            (shift_h, phase_h), (shift_w, phase_w) = divmod(i * gap_h, step_h), divmod(j * gap_w, step_w)
            rows, columns = reach_h - shift_h, reach_w - shift_w
            read = padded[:, rows : rows + blocks_h, columns : columns + blocks_w]
            at = (phase_h, phase_w)
            phases[at] = phases[at] + read if at in phases else read
        empty = jnp.zeros((padded.shape[0], blocks_h, blocks_w, padded.shape[3]), padded.dtype)
        whole = interleave([[phases.get((a, b), empty) for b in range(step_w)] for a in range(step_h)])
        return whole[:, top : top + height, left : left + width]

    return compute_apart(spread, gradient)
