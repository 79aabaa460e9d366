"""Convolutions that are fast on every back end.

XLA lowers a convolution well on GPU and TPU. On CPU its derivative with respect to the weights is a convolution in an
unusual layout, slow, and far slower inside a compiled loop; and images or filters of few channels leave most of a
vector register empty. `fast_conv` is `jax.lax.conv_general_dilated` for images in NHWC order and filters in HWIO order,
equal to it up to float32 rounding, whose CPU lowering states the weight gradient as matrix products over pieces of the
batch that fit a core's cache, the gradient of strided images as convolutions at stride 1, and treats a few neighbouring
pixels as one where channels are few. Which lowering is taken is decided when the program is compiled for its back end;
other back ends get XLA's own convolutions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.custom_derivatives import SymbolicZero

from poolscope.kernels.linear import call_linear
from poolscope.spec.geometry import Pair, axis_pads

Pads = tuple[Pair, Pair]
_LAYOUT = ("NHWC", "HWIO", "NHWC")
# Measured on CPUs with AVX-512; none of these changes a result by more than rounding.
_FEW_CHANNELS = 4  # up to here the taps of the images are gathered as rows for the weight gradient
_NARROW = 128  # up to so many weights at each place of a filter, convolving blocks of pixels is faster
_MOST_REMAINDERS = 16  # up to so many convolutions make the gradient of strided images; more take long to compile
_PIECE = 2048  # positions of the images in one piece of the weight gradient: its columns stay in a core's cache


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
    """Convolve images with filters (cross-correlation), equal to `jax.lax.conv_general_dilated` up to rounding.

    y[n,h,w,f] = sum over i, j, c of x[n, s h + d i, s w + d j, c] k[i,j,c,f], for stride s and dilation d.

    Args:
        images: (N, H, W, C), floating.
        kernel: (h, w, C, F), of the same dtype.
        window_strides, padding, rhs_dilation and the others: as `jax.lax.conv_general_dilated` takes them, so that
            `flax.nnx.Conv` can be given this function. Transposed and grouped convolutions, and those with any
            further option, are passed on to it as they are.

    Returns: (N, H', W', F), of the images' dtype.
    """
    plain = (
        images.ndim == 4
        and images.size > 0 < kernel.size
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


@partial(jax.custom_jvp, nondiff_argnums=(2, 3, 4))
def _conv(images: Array, kernel: Array, strides: Pair, pads: Pads, dilation: Pair) -> Array:
    return _convolve_images((kernel,), images, None, strides, pads, dilation)


@partial(_conv.defjvp, symbolic_zeros=True)
def _differentiate(strides: Pair, pads: Pads, dilation: Pair, primals: Any, tangents: Any) -> tuple[Array, Array]:
    """dy = conv(dx, k) + conv(x, dk), each with a transpose for this back end."""
    (images, kernel), (moved, changed) = primals, tangents
    y = _conv(images, kernel, strides, pads, dilation)
    output = jax.ShapeDtypeStruct(y.shape, y.dtype)
    terms = []
    if not isinstance(moved, SymbolicZero):
        settings = (images.shape, strides, pads, dilation)
        terms.append(call_linear(_convolve_images, _pull_images, [kernel], moved, output, *settings))
    if not isinstance(changed, SymbolicZero):
        settings = (kernel.shape, strides, pads, dilation)
        terms.append(call_linear(_convolve_kernel, _pull_kernel, [images], changed, output, *settings))
    return y, sum(terms[1:], terms[0]) if terms else jnp.zeros_like(y)


def _convolve_images(
    fixed: Sequence[Array], images: Array, shape: Any, strides: Pair, pads: Pads, dilation: Pair
) -> Array:
    (kernel,) = fixed
    native, fast = (partial(form, strides=strides, pads=pads, dilation=dilation) for form in (_native, _convolve))
    return lax.platform_dependent(images, kernel, cpu=fast, default=native)


def _convolve_kernel(
    fixed: Sequence[Array], kernel: Array, shape: Any, strides: Pair, pads: Pads, dilation: Pair
) -> Array:
    return _convolve_images((kernel,), fixed[0], shape, strides, pads, dilation)


def _pull_images(
    fixed: Sequence[Array], grad: Array, shape: tuple[int, ...], strides: Pair, pads: Pads, dilation: Pair
) -> Array:
    """The gradient with respect to images of this shape."""
    (kernel,) = fixed

    def native(kernel: Array, grad: Array) -> Array:
        forward = partial(_native, kernel=kernel, strides=strides, pads=pads, dilation=dilation)
        (found,) = jax.linear_transpose(forward, jax.ShapeDtypeStruct(shape, grad.dtype))(grad)
        return found

    if math.prod(strides) > _MOST_REMAINDERS and kernel.shape[:2] != strides:
        return native(kernel, grad)
    fast = partial(_images_gradient, shape=shape, strides=strides, pads=pads, dilation=dilation)
    return lax.platform_dependent(kernel, grad, cpu=fast, default=native)


def _pull_kernel(
    fixed: Sequence[Array], grad: Array, shape: tuple[int, ...], strides: Pair, pads: Pads, dilation: Pair
) -> Array:
    """The gradient with respect to a kernel of this shape."""
    (images,) = fixed

    def native(images: Array, grad: Array) -> Array:
        forward = partial(_native, images, strides=strides, pads=pads, dilation=dilation)
        (found,) = jax.linear_transpose(forward, jax.ShapeDtypeStruct(shape, grad.dtype))(grad)
        return found

    def fast(images: Array, grad: Array) -> Array:
        return _kernel_gradient(images, grad, shape, strides, pads, dilation).astype(grad.dtype)

    return lax.platform_dependent(images, grad, cpu=fast, default=native)


def _native(images: Array, kernel: Array, strides: Pair, pads: Pads, dilation: Pair) -> Array:
    return lax.conv_general_dilated(images, kernel, strides, pads, rhs_dilation=dilation, dimension_numbers=_LAYOUT)


def _convolve(images: Array, kernel: Array, strides: Pair, pads: Pads, dilation: Pair) -> Array:
    """The forward pass on CPU, in the form that is fastest for these shapes."""
    smaller = images.shape[1] < kernel.shape[0] or images.shape[2] < kernel.shape[1]
    if smaller or (images.shape[-1] <= _FEW_CHANNELS and strides != (1, 1)):
        return _product(images, kernel, strides, pads, dilation)
    if strides == (1, 1) and (size := _block_size(images, kernel)) > 1:
        return _convolve_blocks(images, kernel, size, pads, dilation)
    return _native(images, kernel, strides, pads, dilation)


def _product(images: Array, kernel: Array, strides: Pair, pads: Pads, dilation: Pair) -> Array:
    """The forward pass as one matrix product of the windows' columns with the filters."""
    columns = jnp.concatenate(_taps(_pad(images, pads), kernel.shape, strides, dilation), axis=-1)
    return _dot(columns, kernel.reshape(-1, kernel.shape[-1]), (((3,), (0,)), ((), ()))).astype(images.dtype)


def _block_size(images: Array, kernel: Array) -> int:
    """How many neighbouring pixels of a row to convolve as one."""
    channels, filters = kernel.shape[2:]
    size = 1 if channels * filters > _NARROW else 2 if filters >= 16 or channels * filters > _NARROW // 2 else 4
    return size if kernel.shape[1] > 1 and images.shape[2] % size == 0 else 1


def _convolve_blocks(images: Array, kernel: Array, size: int, pads: Pads, dilation: Pair) -> Array:
    """A convolution of stride 1 over blocks of `size` pixels of a row, each taken as one pixel of size C channels.

    Such a block is the same memory, and the filter becomes one of size C x size F weights at each place, half of them
    or more 0. More multiplications, but on full registers. An image that holds infinity or NaN spreads it over blocks.
    """
    count, height, width, channels = images.shape
    rows, taps, _, filters = kernel.shape
    before = -(-pads[1][0] // size)  # blocks of padding
    offset = before * size - pads[1][0]
    blocks = -(-(offset + size + dilation[1] * (taps - 1)) // size)  # that a block of outputs can see
    wanted = width + sum(pads[1]) - dilation[1] * (taps - 1)
    after = -(-wanted // size) + blocks - 1 - width // size - before
    place = np.zeros((taps, size, size * blocks), np.float32)  # tap, which output of the block, column seen
    for tap, output in np.ndindex(taps, size):
        place[tap, output, offset + output + dilation[1] * tap] = 1
    wide = jnp.einsum("jov,ijcf->ivcof", jnp.asarray(place, kernel.dtype), kernel)
    wide = wide.reshape(rows, blocks, size * channels, size * filters)
    blocked = images.reshape(count, height, width // size, size * channels)
    maps = _native(blocked, wide, (1, 1), (pads[0], (before, after)), (dilation[0], 1))
    return maps.reshape(*maps.shape[:2], size * maps.shape[2], filters)[:, :, :wanted]


def _kernel_gradient(
    images: Array, grad: Array, shape: tuple[int, ...], strides: Pair, pads: Pads, dilation: Pair
) -> Array:
    """dk[i,j,c,f] = sum over images and positions of x * dy, summed over pieces of the batch."""
    few = shape[2] <= _FEW_CHANNELS
    if few:
        piece = partial(_gather_rows, shape=shape, strides=strides, pads=pads, dilation=dilation)
    elif strides == (1, 1):
        piece = partial(_shift_both, shape=shape, pads=pads, dilation=dilation)
    else:
        piece = partial(_gather_columns, shape=shape, strides=strides, pads=pads, dilation=dilation)
    count, height, width, _ = images.shape
    most = max(1, (4 if few else 1) * _PIECE // (height * width))
    size = max(n for n in range(1, min(count, most) + 1) if count % n == 0)
    if size == count or 4 * size < min(count, most):  # the batch has no divisor near that size
        return piece(images, grad)
    pieces = [part.reshape(count // size, size, *part.shape[1:]) for part in (images, grad)]
    first = jax.eval_shape(piece, pieces[0][0], pieces[1][0])
    total, _ = lax.scan(lambda sum_, part: (sum_ + piece(*part), None), jnp.zeros(first.shape, first.dtype), pieces)
    return total


def _gather_rows(
    images: Array, grad: Array, shape: tuple[int, ...], strides: Pair, pads: Pads, dilation: Pair
) -> Array:
    """The weight gradient for few channels: every tap of every channel is a row, times the output gradients."""
    padded = _pad(images, pads).transpose(3, 0, 1, 2)[..., None]
    rows = jnp.stack([jnp.stack(_taps(channel, shape, strides, dilation)) for channel in padded], 1)
    rows = rows.reshape(shape[0] * shape[1] * shape[2], -1)
    return _dot(rows, grad.reshape(-1, shape[3]), (((1,), (0,)), ((), ()))).reshape(shape)


def _shift_both(images: Array, grad: Array, shape: tuple[int, ...], pads: Pads, dilation: Pair) -> Array:
    """The weight gradient at stride 1 as one product: shifts along columns beside the images' channels, shifts along
    rows beside the gradient's, dk[i,j] = sum over (h, w) of x[h, w + d j - pad] dy[h - d i + pad, w]."""
    (rows, taps, channels, filters), zero = shape, jnp.zeros((), grad.dtype)
    padded = _pad(images, ((0, 0), pads[1]))
    columns = range(0, taps * dilation[1], dilation[1])
    left = jnp.concatenate([padded[:, :, j : j + grad.shape[2]] for j in columns], axis=-1)
    before, height = dilation[0] * (rows - 1) - pads[0][0], images.shape[1]
    around = (before, height + pads[0][0] - grad.shape[1], 0)
    tall = lax.pad(grad, zero, [(0, 0, 0), around, (0, 0, 0), (0, 0, 0)])
    starts = range(dilation[0] * (rows - 1), -1, -dilation[0])
    right = jnp.concatenate([tall[:, i : i + height] for i in starts], axis=-1)
    over_positions = (((0, 1, 2), (0, 1, 2)), ((), ()))
    if left.shape[-1] <= right.shape[-1]:  # XLA transposes the left side, so it is the narrower one
        return _dot(left, right, over_positions).reshape(taps, channels, rows, filters).transpose(2, 0, 1, 3)
    return _dot(right, left, over_positions).reshape(rows, filters, taps, channels).transpose(0, 2, 3, 1)


def _gather_columns(
    images: Array, grad: Array, shape: tuple[int, ...], strides: Pair, pads: Pads, dilation: Pair
) -> Array:
    """The weight gradient at any stride: the windows' columns times the output gradients."""
    columns = jnp.concatenate(_taps(_pad(images, pads), shape, strides, dilation), axis=-1)
    products = _dot(grad, columns, (((0, 1, 2), (0, 1, 2)), ((), ())))
    return products.reshape(shape[3], *shape[:3]).transpose(1, 2, 3, 0)


def _images_gradient(
    kernel: Array, grad: Array, shape: tuple[int, ...], strides: Pair, pads: Pads, dilation: Pair
) -> Array:
    """dx, of which no product is with one of the zeros that a transposed convolution has between positions of dy.

    Cells that lie p after a multiple of the stride, for one p of each axis, are read by some of the taps only: what
    they get is a convolution of dy at stride 1 with these taps, flipped.
    """
    if kernel.shape[:2] == strides and dilation == (1, 1):
        return _tiles_gradient(kernel, grad, shape, pads)
    sizes = [-(-length // stride) for length, stride in zip(shape[1:3], strides, strict=True)]
    rows, columns = (
        [_read_by(kernel.shape[axis], strides[axis], pads[axis][0], dilation[axis], p) for p in range(strides[axis])]
        for axis in range(2)
    )
    step = tuple(d // math.gcd(d, stride) for d, stride in zip(dilation, strides, strict=True))

    def convolve(rows: _Reading, columns: _Reading) -> Array:
        if not (rows.taps and columns.taps):
            return jnp.zeros((len(grad), *sizes, kernel.shape[2]), grad.dtype)
        flipped = kernel[np.array(rows.taps[::-1])][:, np.array(columns.taps[::-1])].swapaxes(2, 3)
        around = [
            (axis.behind[-1], size - length - axis.behind[0])
            for axis, size, length in zip((rows, columns), sizes, grad.shape[1:3], strict=True)
        ]
        return _convolve(grad, flipped, (1, 1), (around[0], around[1]), (step[0], step[1]))

    if strides == (1, 1):
        return convolve(rows[0], columns[0])
    parts = jnp.stack([jnp.stack([convolve(row, column) for column in columns], 3) for row in rows], 2)
    whole = parts.reshape(len(grad), sizes[0] * strides[0], sizes[1] * strides[1], kernel.shape[2])
    return whole[:, : shape[1], : shape[2]]


class _Reading(NamedTuple):
    """The taps that read the cells p after a multiple of the stride, and how many positions before theirs each is."""

    taps: list[int]
    behind: list[int]


def _read_by(taps: int, stride: int, pad: int, dilation: int, p: int) -> _Reading:
    """What reads such cells along an axis: tap t of position o reads the cell o * stride + t * dilation - pad."""
    found = [divmod(tap * dilation - pad - p, stride) for tap in range(taps)]
    reading = [tap for tap, (_, rest) in enumerate(found) if rest == 0]
    return _Reading(reading, [found[tap][0] for tap in reading])


def _tiles_gradient(kernel: Array, grad: Array, shape: tuple[int, ...], pads: Pads) -> Array:
    """dx of windows side by side: a product for each row of a window, which is that row's gradient in memory."""
    count, height, width, filters = grad.shape
    rows = [_dot(grad, row.transpose(2, 0, 1).reshape(filters, -1), (((3,), (0,)), ((), ()))) for row in kernel]
    tiles = jnp.stack([row.astype(grad.dtype) for row in rows], 2)
    whole = tiles.reshape(count, height * kernel.shape[0], width * kernel.shape[1], kernel.shape[2])
    ends = [
        (-before, size + before - length, 0)
        for (before, _), size, length in zip(pads, shape[1:3], whole.shape[1:3], strict=True)
    ]
    return lax.pad(whole, jnp.zeros((), grad.dtype), [(0, 0, 0), *ends, (0, 0, 0)])


def _pad(images: Array, pads: Pads) -> Array:
    zero = jnp.zeros((), images.dtype)
    return lax.pad(images, zero, [(0, 0, 0), (*pads[0], 0), (*pads[1], 0), (0, 0, 0)])


def _taps(padded: Array, shape: tuple[int, ...], strides: Pair, dilation: Pair) -> list[Array]:
    """For each place of a filter of this shape, row-major, the cells that it reads at all positions."""
    height, width = (
        (padded.shape[1 + axis] - dilation[axis] * (shape[axis] - 1) - 1) // strides[axis] * strides[axis] + 1
        for axis in range(2)
    )
    return [
        padded[:, i : i + height : strides[0], j : j + width : strides[1]]
        for i in range(0, shape[0] * dilation[0], dilation[0])
        for j in range(0, shape[1] * dilation[1], dilation[1])
    ]


def _dot(left: Array, right: Array, contraction: Any) -> Array:
    wide = jnp.float32 if jnp.finfo(left.dtype).bits < 32 else left.dtype
    return lax.dot_general(left, right, contraction, preferred_element_type=wide)
