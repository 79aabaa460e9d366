"""Pooling by small learned networks: local importance, strips and lifting."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from poolscope.kernels.convolution import fast_conv
from poolscope.pooling.averages import avg_pool, sum_window
from poolscope.pooling.declare import operator
from poolscope.pooling.window_cells import take_positions, widen
from poolscope.spec.declaration import Choice, Learned
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import Window


@operator(
    "lip",
    order=25,
    family="learned",
    summary="mean weighted by a learned importance of each cell",
    formula="sum e^l x / sum e^l, l = 12 sigmoid(norm(conv x))",
    source="Gao, Wang & Wu 2019",
    recommended="where small details decide: gains on ImageNet, and at least 1.4 points of AP on COCO, most for "
    "small objects",
    learned={
        "kernel": Learned((3, 3, "C", "C")),
        "scale": Learned(("C",), "ones"),
        "bias": Learned(("C",)),
    },
    kind="map",
    macs="9*C*C*I",
)
def lip_pool(x: Array, window: Window, *, kernel: Array, scale: Array, bias: Array) -> Array:
    """Local importance pooling, y = sum e^l_i x_i / sum e^l_i with l = 12 sigmoid(scale norm(conv(x)) + bias).

    x: (N, H, W, C); kernel: (3, 3, C, C), zero outside the map; norm: each example's and channel's map to mean 0 and
    variance 1; scale, bias: (C,). Raises PoolscopeError if the window doesn't fit. (Gao, Wang & Wu 2019.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> lip_pool(x, 2, kernel=jnp.zeros((3, 3, 1, 1)), scale=jnp.ones(1), bias=jnp.zeros(1)).item()
        3.0
    """
    wide = widen(x)
    maps, pads = wide, ((1, 1), (1, 1))
    if min(x.shape[1:3]) < 3:  # padded beforehand: XLA on CPU aborts on some gradients for maps one cell wide
        maps, pads = jnp.pad(wide, ((0, 0), *pads, (0, 0))), ((0, 0), (0, 0))
    seen = fast_conv(maps, kernel.astype(wide.dtype), (1, 1), pads)
    centred = seen - seen.mean((1, 2), keepdims=True)
    normed = centred * lax.rsqrt(jnp.square(centred).mean((1, 2), keepdims=True) + 1e-5)
    importance = jnp.exp(12 * jax.nn.sigmoid(scale.astype(wide.dtype) * normed + bias.astype(wide.dtype)))
    return (sum_window(wide * importance, window) / sum_window(importance, window)).astype(x.dtype)


@operator(
    "strip",
    order=42,
    family="learned",
    summary="mean of cells gated by the means of their row and column (strip pooling)",
    formula="mean g x, g = sigmoid(conv relu(conv row means + conv column means))",
    source="Hou et al. 2020",
    recommended="for parsing scenes, where context is long and narrow: the best of its time on Cityscapes and ADE20K",
    learned={
        "rows": Learned((3, "C", "C"), "he_normal"),
        "columns": Learned((3, "C", "C"), "he_normal"),
        "mix": Learned(("C", "C"), "he_normal"),
        "bias": Learned(("C",)),
    },
    gain="learned",
    kind="map",
    macs="C*C*(I + 3*H + 3*W)",
)
def strip_pool(x: Array, window: Window, *, rows: Array, columns: Array, mix: Array, bias: Array) -> Array:
    """Strip pooling: the mean of g x over each window, where a cell's gate g looks at its whole row and column.

    g_ij = sigmoid(relu(r_i + c_j) mix + bias); r and c are the means of every row and every column, filtered along
    themselves by rows and columns, (3, C, C), zero outside the map. x: (..., H, W, C); mix: (C, C); bias: (C,). The
    paper's module keeps the map's size and normalises r and c by batch statistics: here the window's mean follows, and
    nothing is normalised. A window of one row or column by itself is `avg` with pool.window=[1,n]. Raises
    PoolscopeError if the window doesn't fit. (Hou et al. 2020. The paper claims better scene parsing by context along
    rows and columns; not measured here.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> nothing = {"rows": jnp.zeros((3, 1, 1)), "columns": jnp.zeros((3, 1, 1)), "mix": jnp.zeros((1, 1))}
        >>> strip_pool(x, 2, **nothing, bias=jnp.zeros(1)).item()
        1.5
    """
    wide = widen(x)

    def filtered(strip: Array, kernel: Array) -> Array:
        padded = jnp.pad(strip, ((0, 0), (1, 1), (0, 0)))
        taps = [padded[:, tap : tap + strip.shape[1]] @ kernel[tap].astype(strip.dtype) for tap in range(3)]
        return taps[0] + taps[1] + taps[2]

    down, across = filtered(wide.mean(2), rows), filtered(wide.mean(1), columns)
    hidden = jax.nn.relu(down[:, :, None] + across[:, None])
    gate = jax.nn.sigmoid(hidden @ mix.astype(wide.dtype) + bias.astype(wide.dtype))
    return avg_pool(wide * gate, window).astype(x.dtype)


@operator(
    "lift",
    order=32,
    family="learned",
    summary="learned lifting scheme: even cells, predicted odd ones, updated",
    formula="even + U(odd - P(even)), by columns and rows",
    source="Zhao & Snoek 2021",
    recommended="where maps are enlarged again, since it can be inverted: better classification and "
    "segmentation, more robust to corruptions",
    options={"bands": Choice(help="low, or sum of all four bands", choices=("low", "sum"))},
    learned={
        "depthwise": Learned((2, 2, 3, "C"), "uniform", bound="3^-0.5"),
        "depthwise_bias": Learned((2, 2, "C")),
        "pointwise": Learned((2, 2, "C", "C"), "uniform", bound="C^-0.5"),
        "pointwise_bias": Learned((2, 2, "C")),
    },
    gain="learned",
    kind="map",
    stride=2,
    macs="(3*C + C*C) * 6*O",
)
def lift_pool(
    x: Array,
    window: Window,
    *,
    depthwise: Array,
    depthwise_bias: Array,
    pointwise: Array,
    pointwise_bias: Array,
    bands: str = "low",
) -> Array:
    """LiftDownPool: columns, then rows, are split in two; detail d = odd - P(even), coarse s = even + U(d).

    P and U are tanh(1x1(relu(depthwise 3))), of their own on each axis: depthwise (2, 2, 3, C) and its bias (2, 2, C),
    pointwise (2, 2, C, C) and its bias (2, 2, C), indexed by axis (columns first) and P or U. bands: "low" is s of s,
    "sum" adds the three detail bands, as the paper does for classification (unverified). The paper's two auxiliary
    losses are not built. A cell past the edge is the last of its parity. Raises PoolscopeError if the stride isn't 2 or
    the window doesn't fit. (Zhao & Snoek 2021.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> first, second = jnp.zeros((2, 2, 3, 1)), jnp.zeros((2, 2, 1))
        >>> third = jnp.zeros((2, 2, 1, 1))
        >>> lift_pool(x, 2, depthwise=first, depthwise_bias=second, pointwise=third, pointwise_bias=second).item()
        1.0
    """
    if window.stride != (2, 2):
        raise PoolscopeError(
            f"lift splits maps into even and odd cells; its stride must be 2, not {list(window.stride)}."
        )
    if bands not in ("low", "sum"):
        raise PoolscopeError(f"lift bands must be low or sum, not {bands!r}.")

    def network(maps: Array, axis: int, which: int) -> Array:
        index = (2 - axis, which)
        edge = [(0, 0)] * 4
        edge[axis] = (1, 1)
        padded = jnp.pad(maps, edge, mode="edge")
        taps = [lax.slice_in_dim(padded, tap, tap + maps.shape[axis], 1, axis) for tap in range(3)]
        hidden = sum(w * tap for w, tap in zip(depthwise[index].astype(maps.dtype), taps, strict=True))
        hidden = jax.nn.relu(hidden + depthwise_bias[index].astype(maps.dtype))
        return jnp.tanh(hidden @ pointwise[index].astype(maps.dtype) + pointwise_bias[index].astype(maps.dtype))

    def split(maps: Array, axis: int) -> tuple[Array, Array]:
        n, out = maps.shape[axis], window.output(*x.shape[1:3])[axis - 1]
        even, odd = (
            take_positions(maps, axis, np.minimum(parity + 2 * np.arange(out), max(n - 1 - (n - 1 - parity) % 2, 0)))
            for parity in (0, 1)
        )
        detail = odd - network(even, axis, 0)
        return even + network(detail, axis, 1), detail

    coarse, detail = split(widen(x), 2)
    low, high = split(coarse, 1)
    if bands == "sum":
        low = low + high + sum(split(detail, 1))
    return low.astype(x.dtype)
