"""Blends of maximum and average: random, learned, gated; and the tree of learned filters that generalises them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from poolscope.pooling.averages import avg_pool
from poolscope.pooling.declare import operator
from poolscope.pooling.max_min import max_pool
from poolscope.pooling.sampling import need_key
from poolscope.pooling.window_cells import WindowCells, read_cells, widen
from poolscope.spec.declaration import Learned, Real, Switch, Whole
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import Window


@operator(
    "mixed",
    order=8,
    family="blends",
    summary="learned blend of max and average, one number a layer",
    formula="alpha max + (1 - alpha) avg",
    source="Lee, Gallagher & Tu 2016",
    recommended="in place of max or average: more accurate and less sensitive to transformations than either, "
    "for few more parameters",
    also="alpha-blend: learn=false with a fixed alpha",
    options={
        "alpha": Real(help="initial share of max", least=0, most=1),
        "learn": Switch(True, help="learn the operator's own numbers by gradient descent"),
    },
    learned={"alpha": Learned(initial="option")},
)
def mixed_pool(x: Array, window: Window, *, alpha: float | Array = 0.5) -> Array:
    """A fixed blend, y = alpha max + (1 - alpha) avg; learned, alpha may leave [0, 1].

    x: (N, H, W, C); alpha: a number or one per channel (C,). Raises PoolscopeError if the window doesn't fit.
    (Lee, Gallagher & Tu 2016.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> mixed_pool(x, 2, alpha=0.5).item()
        4.5
    """
    return blend_max_avg(x, window, jnp.asarray(alpha, widen(x).dtype))


@operator(
    "gated",
    order=9,
    family="blends",
    summary="blend of max and average that a learned filter gates, window by window",
    formula="g max + (1 - g) avg, g = sigmoid(sum w x)",
    source="Lee, Gallagher & Tu 2016",
    recommended="in place of max or average: more accurate and less sensitive to transformations than either, "
    "for few more parameters",
    learned={"kernel": Learned(("h", "w"))},
)
def gated_pool(x: Array, window: Window, *, kernel: Array) -> Array:
    """A blend that looks at the window, y = g max + (1 - g) avg with g = sigmoid(sum w_i x_i).

    x: (N, H, W, C); kernel w: (h, w), one for all channels, or (h, w, C). Padding adds nothing to the gate. Raises
    PoolscopeError if the kernel isn't of the window's size or the window doesn't fit. (Lee, Gallagher & Tu 2016.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> gated_pool(x, 2, kernel=jnp.zeros((2, 2))).item()
        4.5
    """
    return blend_max_avg(x, window, jax.nn.sigmoid(filter_taps("gated", read_cells(x, window), window, kernel)))


@operator(
    "random_mixed",
    order=19,
    family="blends",
    summary="max or average by a coin for each example and channel; their mean when evaluated",
    formula="b max + (1 - b) avg, b ~ {0, 1}",
    source="Yu et al. 2014",
    recommended="against overfitting: better than max, average and others on three sets",
    stochastic=True,
)
def random_mixed_pool(x: Array, window: Window, *, key: Array | None = None, deterministic: bool = False) -> Array:
    """Max or average by a fair coin; deterministic: the mean of both, the coin's expectation.

    x: (N, H, W, C). Scope of the randomness: every example and channel draws one coin for its whole map. Raises
    PoolscopeError without a key unless deterministic. (Yu et al. 2014, mixed pooling.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> random_mixed_pool(x, 2, deterministic=True).item()
        4.5
    """
    dtype = widen(x).dtype
    if deterministic:
        return blend_max_avg(x, window, jnp.asarray(0.5, dtype))
    coin = jax.random.bernoulli(need_key("random_mixed", key), 0.5, (x.shape[0], 1, 1, x.shape[3]))
    return blend_max_avg(x, window, coin.astype(dtype))


@operator(
    "tree",
    order=18,
    family="blends",
    summary="binary tree of learned filters and gates",
    formula="g left + (1 - g) right, g = sigmoid(sum w x), leaves sum v x",
    source="Lee, Gallagher & Tu 2016",
    recommended="in place of max or average: more accurate and less sensitive to transformations than either, "
    "for few more parameters",
    options={"depth": Whole(1, help="levels of gates", most=8)},
    learned={
        "leaves": Learned(("2^depth", "h", "w"), "draw_near_mean"),
        "gates": Learned(("2^depth - 1", "h", "w")),
    },
    gain="learned",
)
def tree_pool(x: Array, window: Window, *, leaves: Array, gates: Array) -> Array:
    """A binary tree of learned filters: leaf v . x, inner node g left + (1 - g) right with g = sigmoid(w . x).

    x: (N, H, W, C); leaves: (2^d, h, w), gates: (2^d - 1, h, w), top gate first; with a last axis C, each channel has
    its own. Padding adds nothing. Raises PoolscopeError if they don't match or the window doesn't fit.
    (Lee, Gallagher & Tu 2016; details unverified, no code was published.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> tree_pool(x, 2, leaves=jnp.ones((2, 2, 2)), gates=jnp.zeros((1, 2, 2))).item()
        12.0
    """
    if len(leaves) < 2 or len(leaves) & (len(leaves) - 1) or len(gates) != len(leaves) - 1:
        raise PoolscopeError(
            f"tree needs 2, 4, 8, ... leaves and one gate less than leaves, not {len(leaves)} and {len(gates)}."
        )
    cells = read_cells(x, window)  # once: their gradients are summed before they go to the map
    nodes = [filter_taps("tree", cells, window, leaf) for leaf in leaves]
    while len(nodes) > 1:
        level = gates[len(nodes) // 2 - 1 : len(nodes) - 1]
        opened = [jax.nn.sigmoid(filter_taps("tree", cells, window, gate)) for gate in level]
        nodes = [g * left + (1 - g) * right for g, left, right in zip(opened, nodes[::2], nodes[1::2], strict=True)]
    return nodes[0].astype(x.dtype)


def blend_max_avg(x: Array, window: Window, share: Array) -> Array:
    """share * max + (1 - share) * avg, computed in share's dtype and returned in x's."""
    largest, mean = max_pool(x, window).astype(share.dtype), avg_pool(x.astype(share.dtype), window)
    return (share * largest + (1 - share) * mean).astype(x.dtype)


def filter_taps(operator: str, cells: WindowCells, window: Window, kernel: Array) -> Array:
    """sum w_i x_i over each window, in the cells' precision; kernel: (h, w) or (h, w, C)."""
    channels = cells.values[0].shape[3]
    if tuple(kernel.shape[:2]) != window.size or tuple(kernel.shape[2:]) not in ((), (channels,)):
        raise PoolscopeError(
            f"{operator} kernel must be {window.size} or {(*window.size, channels)}, not {tuple(kernel.shape)}."
        )
    weights = kernel.astype(cells.values[0].dtype).reshape(window.cells, *kernel.shape[2:])
    return cells.sum(weight * cell for weight, cell in zip(weights, cells.values, strict=True))


def draw_near_mean(window: Window, channels: int, options: Mapping[str, Any], key: Array) -> Array:
    """Initial leaves: filters close to the mean, apart enough to learn different things."""
    noise = jax.random.normal(key, (2 ** options["depth"], *window.size))
    return (1 + 0.1 * noise) / window.cells
