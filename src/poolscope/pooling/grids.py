"""Operators that divide each axis into as many parts as the output has: adaptive, fractional and S3 pooling."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from poolscope.pooling.averages import avg_pool
from poolscope.pooling.declare import operator
from poolscope.pooling.max_min import max_pool
from poolscope.pooling.sampling import need_key
from poolscope.pooling.spectral import apply_axes, check_output
from poolscope.pooling.window_cells import dense_window, take_positions, widen
from poolscope.spec.declaration import Switch, Whole
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import Window


@operator(
    "adaptive_avg",
    order=34,
    family="grids",
    summary="mean over bins that cover the map evenly",
    formula="mean over [i n / o, (i + 1) n / o)",
    source="Paszke et al. 2019",
    kind="map",
    sized=True,
)
def adaptive_avg_pool(x: Array, output_size: int | Sequence[int]) -> Array:
    """Mean over bins: bin i of o on an axis of n covers cells floor(i n / o) to ceil((i + 1) n / o) - 1.

    x: (N, H, W, C); output_size: height and width. Bins overlap where o doesn't divide n, and repeat where o > n.
    Raises PoolscopeError if output_size isn't at least 1.

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> adaptive_avg_pool(x, output_size=1).item()
        3.0
    """
    matrices = []
    for n, out in zip(x.shape[1:3], check_output("adaptive_avg", output_size), strict=True):
        start, end = bins(n, out)
        inside = (np.arange(n) >= start[:, None]) & (np.arange(n) < end[:, None])
        matrices.append(jnp.asarray(inside / (end - start)[:, None], widen(x).dtype))
    return apply_axes(x, *matrices)


@operator(
    "adaptive_max",
    order=35,
    family="grids",
    summary="max over bins that cover the map evenly",
    formula="max over [i n / o, (i + 1) n / o)",
    source="Paszke et al. 2019",
    kind="map",
    sized=True,
)
def adaptive_max_pool(x: Array, output_size: int | Sequence[int]) -> Array:
    """Largest cell of each bin of `adaptive_avg_pool`; the gradient goes to the first of equals, row by row.

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> adaptive_max_pool(x, output_size=1).item()
        6.0
    """
    rows, columns = check_output("adaptive_max", output_size)
    for axis, out in ((2, columns), (1, rows)):  # so that the first of equals is the first in row-major order
        start, end = bins(x.shape[axis], out)
        cells = [np.minimum(start + tap, end - 1) for tap in range(int((end - start).max()))]
        x = first_largest([take_positions(x, axis, cell) for cell in cells])
    return x


def bins(size: int, output: int) -> tuple[np.ndarray, np.ndarray]:
    """First cell and end of each of `output` bins on an axis."""
    number = np.arange(output)
    return number * size // output, -(-(number + 1) * size // output)


def first_largest(taps: Sequence[Array]) -> Array:
    """The largest of the taps; of equals the first gets the gradient, and NaN stays NaN."""
    top = taps[0]
    for tap in taps[1:]:
        top = jnp.where((tap > top) | jnp.isnan(tap), tap, top)
    return top


@operator(
    "fractional_max",
    order=28,
    family="grids",
    summary="max over regions of random size that average to the stride",
    formula="max over [a_i, a_(i+1)]",
    source="Graham 2014",
    recommended="to shrink maps by less than two at a time: less overfitting, and the best of its time on "
    "CIFAR-100 without dropout",
    options={
        "overlapping": Switch(help="regions share their border"),
        "pseudorandom": Switch(help="evenly spread cuts with a random start, not a random order"),
    },
    stochastic=True,
    no_stride1_form="its regions are drawn",
    kind="map",
    sized=True,
)
def fractional_max_pool(
    x: Array,
    ratio: float | Sequence[float] | None = None,
    key: Array | None = None,
    *,
    deterministic: bool = False,
    output_size: int | Sequence[int] | None = None,
    overlapping: bool = True,
    pseudorandom: bool = True,
) -> Array:
    """Largest cell of regions whose heights and widths are random, on average `ratio` cells.

    x: (N, H, W, C); the output is floor(H / ratio), floor(W / ratio), or output_size where that is given. Cuts a_0 = 0
    <= a_1 <= ... fall at floor((i T + u) / o) - floor(u / o) with u uniform (pseudorandom), or after steps of
    floor(T / o) and one more in random order; disjoint regions end before the next cut and have T = n, overlapping ones
    include it and have T = n - 1. An axis that keeps its size is left as it is. Scope of the randomness: one draw for
    rows and one for columns, for the whole batch. The paper has no deterministic form (it averages many draws); ours is
    u = T / 2. Raises PoolscopeError without a key unless deterministic, or if ratio is below 1. (Graham 2014.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> fractional_max_pool(x, ratio=2.0, deterministic=True).item()
        6.0
    """
    if output_size is None:
        if ratio is None:
            raise PoolscopeError("fractional_max needs a ratio or an output_size.")
        ratios = (ratio, ratio) if isinstance(ratio, (int, float)) else tuple(ratio)
        if min(ratios) < 1:
            raise PoolscopeError(f"fractional_max ratio must be at least 1, not {ratio!r}.")
        output_size = [max(1, int(n / r)) for n, r in zip(x.shape[1:3], ratios, strict=True)]
    keys = (None, None) if deterministic else jax.random.split(need_key("fractional_max", key))
    sizes = check_output("fractional_max", output_size)
    for axis, out, part in ((2, sizes[1], keys[1]), (1, sizes[0], keys[0])):  # as in adaptive_max_pool
        n = x.shape[axis]
        if out == n:
            continue
        total = n - overlapping
        cuts = _random_cuts(total, out, part) if part is not None and not pseudorandom else _even_cuts(total, out, part)
        last = jnp.maximum(cuts[1:] - (0 if overlapping else 1), cuts[:-1])
        extent = total // out + (1 if total % out else 0) + overlapping
        cells = [jnp.minimum(cuts[:-1] + tap, last) for tap in range(max(extent, 1))]
        x = first_largest([jnp.take(x, cell, axis, mode="clip") for cell in cells])
    return x


def _even_cuts(total: int, output: int, key: Array | None) -> Array:
    start = total // 2 if key is None else jax.random.randint(key, (), 0, max(total, 1))
    return (jnp.arange(output + 1) * total + start) // output - start // output


def _random_cuts(total: int, output: int, key: Array) -> Array:
    steps = jnp.asarray(total // output + (np.arange(output) < total % output))
    return jnp.concatenate([jnp.zeros(1, steps.dtype), jnp.cumsum(jax.random.permutation(key, steps))])


@operator(
    "s3",
    order=29,
    family="grids",
    summary="max at stride 1, then random rows and columns of a grid; averaged when evaluated",
    formula="(max x)[rows, columns]",
    source="Zhai et al. 2017",
    recommended="as a strong regulariser, like augmentation of the maps: better than its baselines on several sets",
    options={"grid": Whole(help="cells of the grid, a multiple of the stride, null for the stride")},
    stochastic=True,
    no_stride1_form="the cells that it keeps are drawn",
    kind="map",
)
def s3_pool(
    x: Array, window: Window, *, grid: int | None = None, key: Array | None = None, deterministic: bool = False
) -> Array:
    """Max at stride 1, then random rows and columns: of every `grid` of them, grid / stride are kept in order.

    x: (N, H, W, C); grid: a multiple of the stride, by default the stride itself (the least distortion). The last cell
    of the grid may be shorter and keeps its share. Deterministic: the mean over each stride's positions, which is the
    exact expectation where grid is the stride and the authors' approximation else (their code shifts it by half a
    window). Scope of the randomness: one choice of rows and one of columns for the whole batch and all channels.
    Raises PoolscopeError without a key unless deterministic, or if grid is no multiple. (Zhai et al. 2017.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> s3_pool(x, 2, deterministic=True).item()
        6.0
    """
    for step in window.stride:
        if grid is not None and (grid < step or grid % step):
            raise PoolscopeError(f"s3 grid must be a multiple of the stride, not {grid}.")
    dense = max_pool(x, dense_window(window, *x.shape[1:3]))
    if deterministic:
        return avg_pool(dense, Window(window.stride, window.stride, _remainder(window, dense)))
    for axis, (step, part) in enumerate(
        zip(window.stride, jax.random.split(need_key("s3", key)), strict=True), start=1
    ):
        dense = jnp.take(dense, _draw_positions(dense.shape[axis], step, grid or step, part), axis, mode="clip")
    return dense


def _remainder(window: Window, dense: Array) -> tuple[tuple[int, int], tuple[int, int]]:
    """Padding that lets the last, shorter cell of each axis count."""
    rows, columns = (-n % step for n, step in zip(dense.shape[1:3], window.stride, strict=True))
    return ((0, rows), (0, columns))


def _draw_positions(size: int, stride: int, grid: int, key: Array) -> Array:
    """ceil(size / stride) increasing positions: grid / stride of each full cell, the last cell's share of its own."""
    full, rest = divmod(size, grid)
    order = jnp.argsort(jax.random.uniform(key, (full, grid)), axis=1)
    kept = jnp.sort(order[:, : grid // stride], axis=1) + grid * jnp.arange(full)[:, None]
    last = jnp.sort(jax.random.permutation(jax.random.fold_in(key, 1), rest)[: -(-rest // stride)]) + grid * full
    return jnp.concatenate([kept.ravel(), last])
