"""The mean of the largest and the smallest value of the window, with a learned share of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from poolscope.pooling import Learned, Real, Switch, max_pool, min_pool, operator


@operator(
    "midrange",
    family="extremes",
    summary="blend of the largest and the smallest value, its share learned",
    formula="share max + (1 - share) min",
    source="this example",
    options={
        "share": Real(help="initial share of max", least=0, most=1),
        "learn": Switch(True, help="learn the operator's own numbers by gradient descent"),
    },
    learned={"share": Learned(initial="option")},
)
def midrange_pool(
    x: jax.Array,
    window: Any,
    stride: int | Sequence[int] | None = None,
    padding: Any = "VALID",
    *,
    dilation: Any = 1,
    share: float | jax.Array = 0.5,
) -> jax.Array:
    """Blend of extremes, y = share max x_i + (1 - share) min x_i.

    x: (..., H, W, C). Raises PoolscopeError if the window doesn't fit.
    """
    high, low = (pool(x, window, stride, padding, dilation=dilation) for pool in (max_pool, min_pool))
    part = jnp.asarray(share, x.dtype)
    return part * high + (1 - part) * low
