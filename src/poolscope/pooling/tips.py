"""Translation invariant polyphase sampling (TIPS): the operator, its two losses, and the bias that it is made against.

From Saha & Gokhale 2025 (arXiv 2404.07410). The losses follow the authors' published program; the paper's own formulas
weren't at hand to compare them with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from poolscope.kernels.fusion import compute_apart
from poolscope.pooling.declare import operator
from poolscope.pooling.grids import adaptive_avg_pool
from poolscope.pooling.max_min import max_pool, min_pool
from poolscope.pooling.phases import split_phases
from poolscope.pooling.window_cells import Size, Stride, widen
from poolscope.spec.declaration import Learned
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import Window, make_window


@operator(
    "tips",
    order=48,
    family="phases",
    summary="polyphase components mixed, channel by channel, by a small network",
    formula="sum t_ij x[i::s, j::s], t = softmax(scale mean relu(conv x))",
    source="Saha & Gokhale 2025",
    recommended="for classification, detection and segmentation that bear shifts: the least bias to maxima, and "
    "gains in accuracy and consistency",
    learned={"kernel": Learned((3, 3, "C"), "he_normal"), "scale": Learned(("C",), "ones")},
    no_stride1_form="the shares of its phases depend on the image",
    kind="map",
    macs="9*C*I",
)
def tips_pool(x: Array, window: Window, *, kernel: Array, scale: Array) -> Array:
    """Translation invariant polyphase sampling: y = sum_ij t_ij x[i::s, j::s], the shares t learned for each channel.

    t = softmax over (i, j) of scale * a_ij, where a is relu(conv(x)), averaged over as many bins of the map as there
    are phases; the convolution is depthwise, kernel (3, 3, C), zero outside the map; scale: (C,). x: (..., H, W, C).
    The authors' program pairs share (i, j) with phase (j, i). Since the bins have fixed places, a shift changes the
    shares: unlike aps and lps it isn't invariant by its form. In training two losses are added to the task's:
    `tips_share_loss` and `tips_undo_loss`. Raises PoolscopeError if the kernel isn't (3, 3, C) or the window doesn't
    fit. (Saha & Gokhale 2025. The paper claims the highest consistency and the least bias to maxima of all operators
    that it compares, after training with its losses.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> tips_pool(x, 2, kernel=jnp.zeros((3, 3, 1)), scale=jnp.ones(1)).item()
        3.0
    """
    wide = widen(x)
    shares = _share(wide, window.stride, kernel, scale)
    mixed = [shares[:, k, None, None] * phase for k, phase in enumerate(split_phases(wide, window))]
    return sum(mixed[1:], mixed[0]).astype(x.dtype)


def tips_shares(x: Array, stride: int | Sequence[int] = 2, *, kernel: Array, scale: Array) -> Array:
    """The shares t by which `tips_pool` mixes the phases of each example and channel.

    Args:
        x: feature maps (..., H, W, C), floating.
        stride: of the pool, a number or (s_h, s_w).
        kernel: (3, 3, C).
        scale: (C,).

    Returns:
        (..., s_h s_w, C), positive and 1 in sum over the phases, which are in row-major order of their offsets.

    Raises:
        PoolscopeError: where the kernel isn't (3, 3, C), or the stride no whole numbers.

    Example:
        >>> x = jnp.ones((4, 4, 1))
        >>> tips_shares(x, 2, kernel=jnp.zeros((3, 3, 1)), scale=jnp.ones(1))[:, 0].tolist()
        [0.25, 0.25, 0.25, 0.25]
    """
    steps = make_window(stride).stride
    maps = widen(x).reshape(-1, *x.shape[-3:])
    return _share(maps, steps, kernel, scale).reshape(*x.shape[:-3], math.prod(steps), x.shape[-1])


def tips_share_loss(shares: Array) -> Array:
    """TIPS's loss on its shares, L_FM = mean (1 - ||t||_2) over examples and channels.

    From 0, where each channel takes one phase, to 1 - 1/s, where it takes all s^2 alike. It is added to the task's loss
    with a factor of 1. (Saha & Gokhale 2025. Summaries of the paper say that L_FM discourages both skewed and uniform
    shares; this is the term of the authors' program, which discourages uniform ones.)

    Args:
        shares: (..., phases, C) of `tips_shares`.

    Example:
        >>> tips_share_loss(jnp.full((4, 1), 0.25)).item()
        0.5
    """
    return jnp.mean(1 - jnp.linalg.norm(shares, axis=-2))


def tips_undo_loss(x: Array, key: Array, *, kernel: Array, max_shift: int | Sequence[int] | None = None) -> Array:
    """TIPS's loss on shifts, L_undo = mean (relu(conv(x)) - shifted x)^2, shifted at random and circularly.

    The convolution is the operator's own, depthwise and zero outside the map; one shift is drawn for all of x. The loss
    of a network is (1 - a) task + L_FM + a L_undo, with L_undo averaged over the pools, a = 0.35, and L_undo left out
    in the first epochs. (Saha & Gokhale 2025; by the authors' program, which calls the target frozen but doesn't freeze
    it: here no gradient goes through it.)

    Args:
        x: feature maps (..., H, W, C) before the pool, floating.
        key: of the shift.
        kernel: (3, 3, C).
        max_shift: the largest shift in cells, a number or one for each axis; by default a quarter of the map's sides.

    Raises:
        PoolscopeError: where the kernel isn't (3, 3, C).

    Example:
        >>> centre = jnp.zeros((3, 3, 1)).at[1, 1].set(1.0)
        >>> x = jnp.arange(16.0).reshape(4, 4, 1)
        >>> tips_undo_loss(x, jax.random.key(0), kernel=centre, max_shift=0).item()
        0.0
    """
    maps = widen(x).reshape(-1, *x.shape[-3:])
    if max_shift is None:
        max_shift = (x.shape[-3] // 4, x.shape[-2] // 4)
    most = jnp.broadcast_to(jnp.asarray(max_shift), (2,))
    shift = jax.random.randint(key, (2,), -most, most + 1)
    moved = jnp.roll(jnp.roll(maps, shift[0], 1), shift[1], 2)
    return jnp.mean((_filter(maps, kernel) - lax.stop_gradient(moved)) ** 2)


def max_sampling_bias(
    x: Array, y: Array, window: Size, stride: Stride = None, padding: Any = "VALID", *, dilation: Any = 1
) -> Array:
    """Maximum-sampling bias (MSB): the share of windows whose output is their largest cell.

    Windows of equal cells are left out, since whatever takes one of them takes the largest. 1 for max pooling.
    (Saha & Gokhale 2025; written from the paper's summary, since neither its definition nor a program of it was found.
    Whether it counts windows of equal cells isn't known.)

    Args:
        x: feature maps before the pool, (..., H, W, C), floating.
        y: the pooled maps, (..., out_h, out_w, C).
        window, stride, padding, dilation: the pool's.

    Returns:
        A share from 0 to 1; NaN where every window is constant.

    Raises:
        PoolscopeError: where the window gives maps of another shape than y.

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> y = jnp.array([6.0]).reshape(1, 1, 1)
        >>> max_sampling_bias(x, y, 2).item()
        1.0
    """
    top, low = (pool(x, window, stride, padding, dilation=dilation) for pool in (max_pool, min_pool))
    if top.shape != y.shape:
        raise PoolscopeError(f"max_sampling_bias needs pooled maps of the shape {top.shape}, not {y.shape}.")
    varied = top > low
    near = jnp.abs(y - top) <= 1e-6 * jnp.maximum(jnp.abs(top), jnp.abs(low))
    return jnp.sum(near & varied) / jnp.sum(varied)


def _share(x: Array, stride: tuple[int, int], kernel: Array, scale: Array) -> Array:
    """Shares (N, phases, C) of maps (N, H, W, C)."""
    means = adaptive_avg_pool(_filter(x, kernel), stride)
    scores = (means * scale.astype(x.dtype)).reshape(x.shape[0], -1, x.shape[3])
    return jax.nn.softmax(scores, axis=1)


def _filter(x: Array, kernel: Array) -> Array:
    """relu(conv(x)) of maps (N, H, W, C), depthwise."""
    if kernel.shape != (3, 3, x.shape[3]):
        raise PoolscopeError(f"tips kernel must be {(3, 3, x.shape[3])}, not {tuple(kernel.shape)}.")
    height, width = x.shape[1:3]
    padded = compute_apart(lambda x: jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))), x)
    taps = [padded[:, i : i + height, j : j + width] * kernel[i, j].astype(x.dtype) for i, j in np.ndindex(3, 3)]
    return jax.nn.relu(sum(taps[1:], taps[0]))
