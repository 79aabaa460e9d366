"""Convolutions that are fast on every back end.

XLA lowers a convolution well on GPU and TPU. On CPU its derivative with respect to the weights is a convolution in an
unusual layout, several times slower than a matrix product and slower still inside a compiled loop. `fast_conv` is
`jax.lax.conv_general_dilated` for images in NHWC order and filters in HWIO order, equal to it up to float32 rounding,
whose CPU lowering states these products directly; which lowering is taken is decided when the program is compiled for
its back end, so that other back ends get XLA's own convolutions.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from poolscope.geometry import Pair, axis_pads

Pads = tuple[Pair, Pair]
_LAYOUT = ("NHWC", "HWIO", "NHWC")
_FEW_CHANNELS = 4  # up to here gathering the window's columns beats XLA's own forward pass on CPU


def fast_conv(
    images: Array,
    kernel: Array,
    window_strides: Sequence[int] = (1, 1),
    padding: str | Sequence[Sequence[int]] = "SAME",
    *,
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    feature_group_count: int = 1,
    precision: Any = None,
    **options: Any,
) -> Array:
    """Two-dimensional convolution (cross-correlation), y[n,h,w,f] = sum x[n, s h + d i, s w + d j, c] k[i,j,c,f].

    images: (N, H, W, C). kernel: (h, w, C, F). The arguments are those of `jax.lax.conv_general_dilated`, so that this
    function can be given to `flax.nnx.Conv`; transposed and grouped convolutions, and those with any further option,
    are passed on to it as they are.
    """
    plain = (
        images.ndim == 4
        and feature_group_count == 1
        and all(step == 1 for step in lhs_dilation or (1,))
        and (
            dimension_numbers is None
            or dimension_numbers == lax.conv_dimension_numbers(images.shape, kernel.shape, _LAYOUT)
        )
        and (not isinstance(padding, str) or padding in ("SAME", "VALID"))
        and precision is None
        and all(option is None for option in options.values())
    )
    if not plain:
        return lax.conv_general_dilated(
            images,
            kernel,
            window_strides,
            padding,  # type: ignore[arg-type]
            lhs_dilation=lhs_dilation,
            rhs_dilation=rhs_dilation,
            dimension_numbers=dimension_numbers or _LAYOUT,
            feature_group_count=feature_group_count,
            precision=precision,
            **options,
        )
    strides = (window_strides[0], window_strides[1])
    dilation = (rhs_dilation[0], rhs_dilation[1]) if rhs_dilation else (1, 1)
    pads = tuple(
        axis_pads(n, k, s, d, padding if isinstance(padding, str) else (padding[axis][0], padding[axis][1]))
        for axis, (n, k, s, d) in enumerate(zip(images.shape[1:3], kernel.shape[:2], strides, dilation, strict=True))
    )
    return _conv(images, kernel, strides, pads, dilation)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _conv(images: Array, kernel: Array, strides: Pair, pads: Pads, dilation: Pair) -> Array:
    native = partial(_native, strides=strides, pads=pads, dilation=dilation)
    if images.shape[-1] > _FEW_CHANNELS:
        return native(images, kernel)
    return lax.platform_dependent(
        images, kernel, cpu=partial(_product, strides=strides, pads=pads, dilation=dilation), default=native
    )


def _forward(
    images: Array, kernel: Array, strides: Pair, pads: Pads, dilation: Pair
) -> tuple[Array, tuple[Array, Array]]:
    return _conv(images, kernel, strides, pads, dilation), (images, kernel)


def _backward(
    strides: Pair, pads: Pads, dilation: Pair, saved: tuple[Array, Array], grad: Array
) -> tuple[Array, Array]:
    images, kernel = saved

    def native(images: Array, kernel: Array, grad: Array) -> tuple[Array, Array]:
        _, pull = jax.vjp(partial(_native, strides=strides, pads=pads, dilation=dilation), images, kernel)
        return pull(grad)

    def products(images: Array, kernel: Array, grad: Array) -> tuple[Array, Array]:
        return (
            _images_gradient(kernel, grad, images.shape, strides, pads, dilation),
            _kernel_gradient(images, grad, kernel.shape, strides, pads, dilation).astype(kernel.dtype),
        )

    return lax.platform_dependent(images, kernel, grad, cpu=products, default=native)


_conv.defvjp(_forward, _backward)


def _native(images: Array, kernel: Array, strides: Pair, pads: Pads, dilation: Pair) -> Array:
    return lax.conv_general_dilated(images, kernel, strides, pads, rhs_dilation=dilation, dimension_numbers=_LAYOUT)


def _product(images: Array, kernel: Array, strides: Pair, pads: Pads, dilation: Pair) -> Array:
    """The forward pass as one matrix product of the windows' columns with the filters."""
    padded = _pad(images, pads)
    height, width = _extent(padded, kernel.shape, strides, dilation)
    columns = jnp.concatenate(
        [
            padded[:, i : i + height : strides[0], j : j + width : strides[1]]
            for i in range(0, kernel.shape[0] * dilation[0], dilation[0])
            for j in range(0, kernel.shape[1] * dilation[1], dilation[1])
        ],
        axis=-1,
    )
    return _dot(columns, kernel.reshape(-1, kernel.shape[-1]), (((3,), (0,)), ((), ()))).astype(images.dtype)


def _kernel_gradient(
    images: Array, grad: Array, shape: tuple[int, ...], strides: Pair, pads: Pads, dilation: Pair
) -> Array:
    """dk[i,j,c,f] = sum over images and positions of x * dy: one matrix product for each row of the filter."""
    over_positions = (((0, 1, 2), (0, 1, 2)), ((), ()))
    padded = _pad(images, pads)
    height, width = _extent(padded, shape, strides, dilation)
    columns = range(0, shape[1] * dilation[1], dilation[1])
    # The barriers keep XLA from computing the padded image, and what it came from, again for every slice.
    beside = lax.optimization_barrier(
        jnp.concatenate([padded[:, :, j : j + width : strides[1]] for j in columns], axis=-1)
    )
    rows = [
        _dot(beside[:, i : i + height : strides[0]], grad, over_positions)
        for i in range(0, shape[0] * dilation[0], dilation[0])
    ]
    return jnp.stack(rows).reshape(shape)


def _images_gradient(
    kernel: Array, grad: Array, shape: tuple[int, ...], strides: Pair, pads: Pads, dilation: Pair
) -> Array:
    """dx: the flipped filters over dy, whose positions are spread `stride` cells apart."""
    if strides != (1, 1):
        spread = [(0, 0, 0), (0, 0, strides[0] - 1), (0, 0, strides[1] - 1), (0, 0, 0)]
        grad = lax.pad(grad, jnp.zeros((), grad.dtype), spread)
    around = []
    for axis in range(2):
        before = dilation[axis] * (kernel.shape[axis] - 1) - pads[axis][0]
        wanted = shape[1 + axis] + dilation[axis] * (kernel.shape[axis] - 1)
        around.append((before, wanted - before - grad.shape[1 + axis]))
    flipped = jnp.flip(kernel, (0, 1)).swapaxes(2, 3)
    return lax.conv_general_dilated(grad, flipped, (1, 1), around, rhs_dilation=dilation, dimension_numbers=_LAYOUT)


def _pad(images: Array, pads: Pads) -> Array:
    zero = jnp.zeros((), images.dtype)
    return lax.optimization_barrier(lax.pad(images, zero, [(0, 0, 0), (*pads[0], 0), (*pads[1], 0), (0, 0, 0)]))


def _extent(padded: Array, shape: tuple[int, ...], strides: Pair, dilation: Pair) -> Pair:
    """Rows and columns from the first to the last position of one cell of the filter."""
    height, width = (
        (padded.shape[1 + axis] - dilation[axis] * (shape[axis] - 1) - 1) // strides[axis] * strides[axis] + 1
        for axis in range(2)
    )
    return (height, width)


def _dot(left: Array, right: Array, contraction: Any) -> Array:
    wide = jnp.float32 if jnp.finfo(left.dtype).bits < 32 else left.dtype
    return lax.dot_general(left, right, contraction, preferred_element_type=wide)
