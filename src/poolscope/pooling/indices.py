"""Max pooling with the places of its maxima, and back: what encoders and decoders of segmentation networks exchange."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from poolscope.pooling.max_min import max_pool
from poolscope.pooling.spectral import check_output
from poolscope.pooling.window_cells import Size, Stride, fit_window, real_cells, slice_taps, tap_positions
from poolscope.spec.errors import PoolscopeError


def max_pool_with_indices(
    x: Array, window: Size, stride: Stride = None, padding: Any = "VALID", *, dilation: Any = 1, ceil_mode: bool = False
) -> tuple[Array, Array]:
    """Largest cell of each window as `max_pool` gives it, and the number of that cell in the flattened map.

    Args:
        x: feature maps (..., H, W, C), floating.
        window, stride, padding, dilation, ceil_mode: as of `max_pool`.

    Returns:
        The maxima, (..., out_h, out_w, C), and their cells row * W + column, int32 of the same shape, as PyTorch's
        return_indices numbers them; the first of equal cells, the first NaN where there is one.

    Raises:
        PoolscopeError: where the window doesn't fit.

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> y, indices = max_pool_with_indices(x, 2)
        >>> y.item(), indices.item()
        (6.0, 3)
    """
    y = max_pool(x, window, stride, padding, dilation=dilation, ceil_mode=ceil_mode)
    leading = x.shape[:-3]
    flat = jax.lax.stop_gradient(x).reshape(-1, *x.shape[-3:])
    fitted = fit_window(flat, window, stride, padding, dilation, ceil_mode)
    height, width = flat.shape[1:3]
    numbers = np.add.outer(*(axis * step for axis, step in zip(tap_positions(fitted, height, width), (width, 1))))  # noqa: B905
    inside = np.logical_and.outer(*real_cells(fitted, height, width))
    tops = jax.lax.stop_gradient(y).reshape(-1, *y.shape[-3:])
    indices = jnp.zeros(tops.shape, jnp.int32)
    taps = slice_taps(flat, fitted, -jnp.inf)
    for tap, (i, j) in reversed([*zip(taps, np.ndindex(fitted.size), strict=True)]):
        chosen = inside[i, :, j, :, None] & ((tap == tops) | jnp.isnan(tap))
        indices = jnp.where(chosen, jnp.asarray(numbers[i, :, j, :, None], jnp.int32), indices)
    return y, indices.reshape(*leading, *indices.shape[1:])


def max_unpool(y: Array, indices: Array, output_size: Sequence[int]) -> Array:
    """Put each value at its place in a map of zeros: the way back from `max_pool_with_indices`.

    Args:
        y: values (..., h, w, C).
        indices: their places row * W + column, int (..., h, w, C).
        output_size: height and width (H, W) of the map.

    Returns:
        The map (..., H, W, C), in y's dtype. Of values for one place, as overlapping windows give them, the last one
        in reading order stays, and the gradient of that place goes to it.

    Raises:
        PoolscopeError: where indices have another shape than y or aren't whole numbers.

    Example:
        >>> y, indices = jnp.array([6.0]).reshape(1, 1, 1), jnp.array([3]).reshape(1, 1, 1)
        >>> max_unpool(y, indices, (2, 2))[..., 0].tolist()
        [[0.0, 0.0], [0.0, 6.0]]
    """
    if y.shape != indices.shape or not jnp.issubdtype(indices.dtype, jnp.integer):
        raise PoolscopeError(
            f"max_unpool needs whole indices of the shape {y.shape} that y has, not {indices.dtype} {indices.shape}."
        )
    return _place(y, indices, *check_output("max_unpool", output_size))


def _place(y: Array, indices: Array, height: int, width: int) -> Array:
    *leading, rows, columns, channels = y.shape
    values = y.reshape(-1, rows * columns, channels)
    places = indices.reshape(values.shape)
    count = values.shape[0]
    examples, own = jnp.arange(count)[:, None, None], jnp.arange(channels)[None, None, :]
    order = jnp.arange(1, rows * columns + 1)[None, :, None]
    last = jnp.zeros((count, height * width, channels), order.dtype).at[examples, places, own].max(order)
    winner = last[examples, places, own] == order
    placed = jnp.zeros((count, height * width, channels), y.dtype)
    placed = placed.at[examples, places, own].add(jnp.where(winner, values, 0))
    return placed.reshape(*leading, height, width, channels)
