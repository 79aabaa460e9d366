"""Operators on the sorted window: median and ordinal pooling.

Windows are sorted by a network of comparators, each on a whole map of cells, which vectorises on every back end; cells
that tie share their gradient.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from poolscope.pooling.declare import operator
from poolscope.pooling.taps import Size, WindowCells, fit_window, reduce_cells
from poolscope.spec.declaration import Learned
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import Window


@operator(
    "median",
    order=16,
    family="ranks",
    summary="median of the window",
    formula="median x",
    source="Tukey 1977",
)
def median_pool(
    x: jax.Array, window: Size, stride: int | Sequence[int] | None = None, padding: Any = "VALID", *, dilation: Any = 1
) -> jax.Array:
    """Median of each window's real cells; of an even number, the mean of the two in the middle.

    x: (N, H, W, C). (PyTorch takes the lower of the two instead.) Raises PoolscopeError if the window doesn't fit.

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> median_pool(x, 2).item()
        2.5
    """

    def median(cells: WindowCells) -> jax.Array:
        ranked = sort_cells(cells)
        lower, upper = (cells.counts - 1) // 2, cells.counts // 2
        terms = [
            jnp.where(np.equal(lower, rank), cell, 0) + jnp.where(np.equal(upper, rank), cell, 0)
            for rank, cell in enumerate(ranked)
            if rank in lower or rank in upper
        ]
        return sum(terms[1:], terms[0]) / 2

    return reduce_cells(x, fit_window(x, window, stride, padding, dilation), median)


@operator(
    "ordinal",
    order=17,
    family="ranks",
    summary="sorted window weighted rank by rank, learned for each channel",
    formula="sum_r w_r x_(r), w = softmax",
    source="Deliege et al. 2021",
    learned={"weights": Learned(("K", "C"), "draw_simplex", value="normalise_ranks")},
)
def ordinal_pool(
    x: jax.Array,
    window: Size,
    stride: int | Sequence[int] | None = None,
    padding: Any = "VALID",
    *,
    dilation: Any = 1,
    weights: jax.Array,
) -> jax.Array:
    """Weighted sum of the window sorted from the largest, y = sum_r w_r x_(r), with w >= 0 and sum w = 1.

    x: (N, H, W, C); weights: (K,) or one column per channel (K, C). A window with padding uses the weights of its first
    ranks, scaled to sum to 1. Raises PoolscopeError if weights don't match or the window doesn't fit.
    (Deliege et al. 2021.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> ordinal_pool(x, 2, weights=jnp.array([0.5, 0.5, 0.0, 0.0])).item()
        4.5
    """
    fitted = fit_window(x, window, stride, padding, dilation)
    if weights.shape not in ((fitted.cells,), (fitted.cells, x.shape[3])):
        raise PoolscopeError(
            f"ordinal weights must be {(fitted.cells,)} or {(fitted.cells, x.shape[3])}, not {weights.shape}."
        )

    def ranked_sum(cells: WindowCells) -> jax.Array:
        ranked = sort_cells(cells)  # of -x, so that rank 0 is the largest and padding comes last
        real = [cells.counts > rank for rank in range(fitted.cells)]
        shares = [jnp.where(known, w, 0) for known, w in zip(real, weights.astype(ranked[0].dtype), strict=True)]
        total = sum(shares[1:], shares[0])
        kept = [share * jnp.where(known, cell, 0) for share, known, cell in zip(shares, real, ranked, strict=True)]
        return jnp.where(total > 0, sum(kept[1:], kept[0]) / jnp.where(total > 0, total, 1), 0)

    return -reduce_cells(-x, fitted, ranked_sum)


def sort_cells(cells: WindowCells) -> list[jax.Array]:
    """The cells of each window from the smallest; padding comes last, as infinity."""
    ranked = cells.keep(cells.values, jnp.inf)
    for low, high in comparators(len(ranked)):
        ranked[low], ranked[high] = jnp.minimum(ranked[low], ranked[high]), jnp.maximum(ranked[low], ranked[high])
    return ranked


def comparators(count: int) -> Iterator[tuple[int, int]]:
    """Pairs to compare and exchange that sort any `count` values (Batcher 1968, odd-even merge sort)."""
    span = 1
    while span < count:
        step = span
        while step >= 1:
            for start in range(step % span, count - step, 2 * step):
                for low in range(start, min(start + step, count - step)):
                    if low // (2 * span) == (low + step) // (2 * span):
                        yield low, low + step
            step //= 2
        span *= 2


def draw_simplex(window: Window, channels: int, options: Mapping[str, Any], key: jax.Array) -> jax.Array:
    """Initial weights: logarithms of uniform numbers, which `normalise_ranks` makes add up to 1."""
    return jnp.log(jax.random.uniform(key, (window.cells, channels), minval=1e-3))


def normalise_ranks(parameter: jax.Array) -> jax.Array:
    """Weights of the ranks, (K, C), above 0 and adding up to 1 in each channel."""
    return jax.nn.softmax(parameter, axis=0)
