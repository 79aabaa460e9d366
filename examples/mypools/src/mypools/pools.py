"""The mean of the largest and the smallest value of the window, with a learned share of each."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from poolscope.pooling import Learned, Real, Switch, Window, max_pool, min_pool, operator


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
def midrange_pool(x: jax.Array, window: Window, *, share: float | jax.Array = 0.5) -> jax.Array:
    """Blend of extremes, y = share max x_i + (1 - share) min x_i.

    x: (..., H, W, C). Raises PoolscopeError if the window doesn't fit.
    """
    part = jnp.asarray(share, x.dtype)
    return part * max_pool(x, window) + (1 - part) * min_pool(x, window)
