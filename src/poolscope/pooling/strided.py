"""A strided convolution in the place of a pool."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from poolscope.pooling.declare import operator
from poolscope.pooling.window_cells import Size, fit_window
from poolscope.spec.declaration import Learned
from poolscope.spec.errors import PoolscopeError


@operator(
    "strided_conv",
    order=11,
    family="strided",
    summary="learned convolution with the pool's window and stride, then ReLU",
    formula="max(0, b + sum w x)",
    source="Springenberg et al. 2015",
    learned={"kernel": Learned(("h", "w", "C", "C"), "he_normal"), "bias": Learned(("C",))},
    gain="learned",
    kind="layer",
    convolves=True,
)
def strided_conv_pool(
    x: jax.Array,
    window: Size,
    stride: int | Sequence[int] | None = None,
    padding: Any = "VALID",
    *,
    dilation: Any = 1,
    kernel: jax.Array,
    bias: jax.Array | None = None,
    conv_general_dilated: Callable[..., jax.Array] = lax.conv_general_dilated,
) -> jax.Array:
    """Learned convolution with the pool's window and stride, then ReLU: y_c = max(0, b_c + sum w_ijc'c x_ijc').

    x: (N, H, W, C); kernel: (h, w, C, C); bias: (C,). Padding counts as 0. conv_general_dilated: another function with
    the signature of JAX's. Raises PoolscopeError if the kernel doesn't match or the window doesn't fit.
    (Springenberg et al. 2015, All-CNN.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> strided_conv_pool(x, 2, kernel=jnp.ones((2, 2, 1, 1))).item()
        12.0
    """
    fitted = fit_window(x, window, stride, padding, dilation)
    if kernel.ndim != 4 or tuple(kernel.shape[:3]) != (*fitted.size, x.shape[3]):
        raise PoolscopeError(
            f"strided_conv kernel must be {(*fitted.size, x.shape[3], 'filters')}, not {tuple(kernel.shape)}."
        )
    # Padded beforehand, because XLA on CPU aborts on some gradients of padded convolutions of maps one cell wide.
    padded = jnp.pad(x, ((0, 0), *fitted.pads(*x.shape[1:3]), (0, 0)))
    y = conv_general_dilated(
        padded,
        kernel.astype(x.dtype),
        fitted.stride,
        "VALID",
        rhs_dilation=fitted.dilation,
        dimension_numbers=lax.conv_dimension_numbers(padded.shape, kernel.shape, ("NHWC", "HWIO", "NHWC")),
    )
    return jax.nn.relu(y if bias is None else y + bias.astype(y.dtype))


operator(
    "conv_stride",
    order=12,
    family="strided",
    summary="no pooling layer: the preceding convolution takes the stride",
    formula="conv at stride s",
    source="Springenberg et al. 2015",
    gain="learned",
    kind="layer",
    strides_convolution=True,
)
