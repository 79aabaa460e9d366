"""Operators on the sorted window: median, ordinal, rank-based and T-Max-Avg pooling.

Windows are sorted by a network of comparators, each on a whole map of cells, which vectorises on every back end; cells
that tie share their gradient.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from poolscope.pooling.declare import operator
from poolscope.pooling.max_min import max_pool
from poolscope.pooling.sampling import need_key
from poolscope.pooling.window_cells import WindowCells, check_number, reduce_cells, widen
from poolscope.spec.declaration import Learned, Real, Whole
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
def median_pool(x: Array, window: Window) -> Array:
    """Median of each window's real cells; of an even number, the mean of the two in the middle.

    x: (N, H, W, C). (PyTorch takes the lower of the two instead.) Raises PoolscopeError if the window doesn't fit.

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> median_pool(x, 2).item()
        2.5
    """

    def median(cells: WindowCells) -> Array:
        ranked = sort_cells(cells)
        lower, upper = (cells.counts - 1) // 2, cells.counts // 2
        terms = [
            jnp.where(np.equal(lower, rank), cell, 0) + jnp.where(np.equal(upper, rank), cell, 0)
            for rank, cell in enumerate(ranked)
            if rank in lower or rank in upper
        ]
        return sum(terms[1:], terms[0]) / 2

    return reduce_cells(x, window, median)


@operator(
    "ordinal",
    order=17,
    family="ranks",
    summary="sorted window weighted rank by rank, learned for each channel",
    formula="sum_r w_r x_(r), w = softmax",
    source="Deliege et al. 2021",
    recommended="in small and quantised networks above all: more accurate than max or average throughout, and "
    "faster to train",
    also="one-hot weights: max, min or median",
    learned={"weights": Learned(("K", "C"), "draw_simplex", value="normalise_ranks")},
)
def ordinal_pool(x: Array, window: Window, *, weights: Array) -> Array:
    """Weighted sum of the window sorted from the largest, y = sum_r w_r x_(r), with w >= 0 and sum w = 1.

    x: (N, H, W, C); weights: (K,) or one column per channel (K, C). A window with padding uses the weights of its first
    ranks, scaled to sum to 1. Raises PoolscopeError if weights don't match or the window doesn't fit.
    (Deliege et al. 2021.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> ordinal_pool(x, 2, weights=jnp.array([0.5, 0.5, 0.0, 0.0])).item()
        4.5
    """
    if weights.shape not in ((window.cells,), (window.cells, x.shape[3])):
        raise PoolscopeError(
            f"ordinal weights must be {(window.cells,)} or {(window.cells, x.shape[3])}, not {weights.shape}."
        )

    def ranked_sum(cells: WindowCells) -> Array:
        ranked = sort_cells(cells)  # of -x, so that rank 0 is the largest and padding comes last
        real = [cells.counts > rank for rank in range(window.cells)]
        shares = [jnp.where(known, w, 0) for known, w in zip(real, weights.astype(ranked[0].dtype), strict=True)]
        total = sum(shares[1:], shares[0])
        kept = [share * jnp.where(known, cell, 0) for share, known, cell in zip(shares, real, ranked, strict=True)]
        return jnp.where(total > 0, sum(kept[1:], kept[0]) / jnp.where(total > 0, total, 1), 0)

    return -reduce_cells(-x, window, ranked_sum)


@operator(
    "rank_avg",
    order=36,
    family="ranks",
    summary="mean of the largest values of the window (top-k average)",
    formula="mean of x_(1) .. x_(top)",
    source="Shi, Ye & Wu 2016",
    recommended="as a trade-off of max and average that values' scale can't disturb, with a medium top: better "
    "than earlier pools",
    also="Avg-TopK (Ozdemir 2023); top=1: max",
    options={"top": Whole(help="how many of the largest cells are averaged")},
)
def rank_avg_pool(x: Array, window: Window, *, top: int = 2) -> Array:
    """Mean of the `top` largest cells of each window, or of all its real cells where it has fewer.

    x: (..., H, W, C). top=1 is the maximum, top=K the mean. Raises PoolscopeError if top isn't at least 1 or the window
    doesn't fit. (Shi, Ye & Wu 2016, rank-based average pooling; Avg-TopK of Ozdemir 2023 is the same.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> rank_avg_pool(x, 2, top=2).item()
        4.5
    """
    check_number("rank_avg", "top", top, lambda value: value >= 1, "at least 1")
    return ordinal_pool(x, window, weights=jnp.asarray(np.arange(window.cells) < top, widen(x).dtype))


@operator(
    "rank_weighted",
    order=37,
    family="ranks",
    summary="sorted window weighted exponentially by rank",
    formula="sum_r w_r x_(r), w_r ~ alpha (1 - alpha)^(r - 1)",
    source="Shi, Ye & Wu 2016",
    recommended="to weigh cells by rank, which values' scale can't disturb: better than earlier pools on several sets",
    options={"alpha": Real(help="weight of the largest cell", least=0, open=True, most=1)},
)
def rank_weighted_pool(x: Array, window: Window, *, alpha: float = 0.5) -> Array:
    """Weighted sum of the window sorted from the largest, w_r = alpha (1 - alpha)^(r - 1) over the sum of the weights.

    x: (..., H, W, C); 0 < alpha <= 1, where 1 is the maximum. The authors' code doesn't divide by the sum, which makes
    its gain 1 - (1 - alpha)^K. Raises PoolscopeError on another alpha or a window that doesn't fit.
    (Shi, Ye & Wu 2016, rank-based weighted pooling.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> round(rank_weighted_pool(x, 2, alpha=0.5).item(), 4)
        4.3333
    """
    return ordinal_pool(x, window, weights=jnp.asarray(rank_weights("rank_weighted", alpha, window), widen(x).dtype))


@operator(
    "rank_stochastic",
    order=38,
    family="ranks",
    summary="one cell drawn by its rank, large ones more often; its expectation when evaluated",
    formula="x_(r), r ~ alpha (1 - alpha)^(r - 1); evaluated: its mean",
    source="Shi, Ye & Wu 2016",
    recommended="to regularise, by ranks instead of values: better than earlier pools on several sets",
    options={"alpha": Real(help="weight of the largest cell", least=0, open=True, most=1)},
    stochastic=True,
)
def rank_stochastic_pool(
    x: Array, window: Window, *, alpha: float = 0.5, key: Array | None = None, deterministic: bool = False
) -> Array:
    """One cell drawn by its rank r with the probabilities of `rank_weighted_pool`, which is the deterministic form.

    x: (..., H, W, C). Scope of the randomness: every window, channel and example draws for itself. In training only the
    drawn cell gets a gradient. Raises PoolscopeError without a key unless deterministic, on an alpha that isn't above 0
    and at most 1, or if the window doesn't fit. (Shi, Ye & Wu 2016, rank-based stochastic pooling.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> rank_stochastic_pool(x, 2, key=jax.random.key(0)).item() in (1.0, 2.0, 3.0, 6.0)
        True
    """
    weights = rank_weights("rank_stochastic", alpha, window)
    if deterministic:
        return rank_weighted_pool(x, window, alpha=alpha)

    def draw(cells: WindowCells) -> Array:
        ranked = sort_cells(cells)  # of -x, so that rank 0 is the largest and padding comes last
        dtype = ranked[0].dtype
        shares = [jnp.asarray(np.where(cells.counts > rank, w, 0), dtype) for rank, w in enumerate(weights)]
        uniform = jax.random.uniform(need_key("rank_stochastic", key), ranked[0].shape, dtype)
        threshold = uniform * sum(shares[1:], shares[0])
        drawn, passed = ranked[0], shares[0]
        for cell, share in zip(ranked[1:], shares[1:], strict=True):
            chosen = (passed <= threshold) & (passed + share > threshold)
            drawn = jnp.where(chosen, cell, drawn)
            passed = passed + share
        return drawn

    return -reduce_cells(-x, window, draw)


@operator(
    "t_max_avg",
    order=39,
    family="ranks",
    summary="the maximum where it reaches a threshold, else the mean of the largest values",
    formula="x_(1) where x_(1) >= threshold, else mean of x_(1) .. x_(top)",
    source="Zhao & Zhang 2024",
    recommended="in LeNet-5: more accurate than average, max and top-k average on CIFAR-10, CIFAR-100 and MNIST",
    also="a threshold above all cells: rank_avg",
    options={
        "top": Whole(help="how many of the largest cells are averaged"),
        "threshold": Real(least=-1e6, most=1e6, help="from which value on the maximum passes alone"),
    },
)
def t_max_avg_pool(x: Array, window: Window, *, top: int = 2, threshold: float = 0.5) -> Array:
    """T-Max-Avg: the largest cell where it is at least `threshold`, else the mean of the `top` largest cells.

    x: (..., H, W, C). top=1 is the maximum; a threshold above every cell makes it `rank_avg_pool`. The output jumps at
    the threshold, which gets no gradient and so is a setting. Raises PoolscopeError if top isn't at least 1 or the
    window doesn't fit. (Zhao & Zhang 2024. The paper claims the best accuracy of LeNet-5 on MNIST, CIFAR-10 and
    CIFAR-100 beside max, average and top-k; not measured here. The rule was taken from
    secondary sources and agrees with three third-party implementations.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> [t_max_avg_pool(x, 2, threshold=level).item() for level in (6.0, 7.0)]
        [6.0, 4.5]
    """
    check_number("t_max_avg", "top", top, lambda value: value >= 1, "at least 1")
    largest = max_pool(x, window)
    return jnp.where(largest >= threshold, largest, rank_avg_pool(x, window, top=top))


def rank_weights(operator: str, alpha: float, window: Window) -> np.ndarray:
    """alpha (1 - alpha)^(r - 1) for the ranks 1 to K, from the largest cell."""
    check_number(operator, "alpha", alpha, lambda value: 0 < value <= 1, "above 0 and at most 1")
    return alpha * (1 - alpha) ** np.arange(window.cells)


def sort_cells(cells: WindowCells) -> list[Array]:
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


def draw_simplex(window: Window, channels: int, options: Mapping[str, Any], key: Array) -> Array:
    """Initial weights: logarithms of uniform numbers, which `normalise_ranks` makes add up to 1."""
    return jnp.log(jax.random.uniform(key, (window.cells, channels), minval=1e-3))


def normalise_ranks(parameter: Array) -> Array:
    """Weights of the ranks, (K, C), above 0 and adding up to 1 in each channel."""
    return jax.nn.softmax(parameter, axis=0)
