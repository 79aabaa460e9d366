"""A strided convolution in the place of a pool, and its control with as many parameters: one before a pool."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

from poolscope.kernels.convolution import fast_conv
from poolscope.pooling.declare import operator
from poolscope.pooling.max_min import max_pool
from poolscope.spec.declaration import Learned
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import Window


@operator(
    "strided_conv",
    order=11,
    family="strided",
    summary="learned convolution with the pool's window and stride, then ReLU",
    formula="max(0, b + sum w x)",
    source="Springenberg et al. 2015",
    recommended="for networks of convolutions alone: max can be replaced without loss of accuracy on several sets",
    also="All-CNN's replacement of a pool",
    learned={"kernel": Learned(("h", "w", "C", "C"), "he_normal"), "bias": Learned(("C",))},
    gain="learned",
    kind="layer",
)
def strided_conv_pool(x: Array, window: Window, *, kernel: Array, bias: Array | None = None) -> Array:
    """Learned convolution with the pool's window and stride, then ReLU: y_c = max(0, b_c + sum w_ijc'c x_ijc').

    x: (N, H, W, C); kernel: (h, w, C, C); bias: (C,). Padding counts as 0. Raises PoolscopeError if the kernel
    doesn't match or the window doesn't fit. (Springenberg et al. 2015, All-CNN.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> strided_conv_pool(x, 2, kernel=jnp.ones((2, 2, 1, 1))).item()
        12.0
    """
    return jax.nn.relu(_convolve("strided_conv", x, window, kernel, bias))


@operator(
    "conv_max",
    order=41,
    family="strided",
    summary="learned convolution at stride 1, ReLU, then max: strided_conv's control",
    formula="max over the window of max(0, b + sum w x)",
    source="Springenberg et al. 2015",
    recommended="as the control of a strided convolution, with as many parameters",
    also="ConvPool-CNN's block",
    learned={"kernel": Learned(("h", "w", "C", "C"), "he_normal"), "bias": Learned(("C",))},
    gain="learned",
    kind="layer",
    reads="2*k - 1",
    macs="K*C*C*I",
)
def conv_max_pool(x: Array, window: Window, *, kernel: Array, bias: Array | None = None) -> Array:
    """ConvPool-CNN's block: a convolution of the window's size at stride 1, ReLU, then max over the window.

    It learns as many numbers as `strided_conv_pool` on the same window, so that the two differ in nothing but the
    pooling. x: (..., H, W, C); kernel: (h, w, C, filters), zero outside the map, (k - 1) // 2 cells back and k // 2
    ahead; bias: (filters,). Raises PoolscopeError if the kernel doesn't match or the window doesn't fit.
    (Springenberg et al. 2015, ConvPool-CNN. The paper claims that on CIFAR-10 it does about as well as All-CNN's
    strided convolution; not measured here.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> conv_max_pool(x, 2, kernel=jnp.ones((2, 2, 1, 1))).item()
        12.0
    """
    rows, columns = (((k - 1) // 2 * d, k // 2 * d) for k, d in zip(window.size, window.dilation, strict=True))
    dense = Window(window.size, (1, 1), (rows, columns), window.dilation)
    convolved = _convolve("conv_max", x, dense, kernel, bias)
    return max_pool(jax.nn.relu(convolved), window)


def _convolve(name: str, x: Array, window: Window, kernel: Array, bias: Array | None) -> Array:
    if kernel.ndim != 4 or tuple(kernel.shape[:3]) != (*window.size, x.shape[3]):
        raise PoolscopeError(
            f"{name} kernel must be {(*window.size, x.shape[3], 'filters')}, not {tuple(kernel.shape)}."
        )
    # Padded beforehand, because XLA on CPU aborts on some gradients of padded convolutions of maps one cell wide.
    padded = jnp.pad(x, ((0, 0), *window.pads(*x.shape[1:3]), (0, 0)))
    y = fast_conv(padded, kernel.astype(x.dtype), window.stride, "VALID", rhs_dilation=window.dilation)
    return y if bias is None else y + bias.astype(y.dtype)


operator(
    "conv_stride",
    order=12,
    family="strided",
    summary="no pooling layer: the preceding convolution takes the stride",
    formula="conv at stride s",
    source="Springenberg et al. 2015",
    recommended="for networks of convolutions alone: max can be replaced by a larger stride without loss of "
    "accuracy on several sets",
    also="Strided-CNN",
    gain="learned",
    kind="layer",
    strides_convolution=True,
)
