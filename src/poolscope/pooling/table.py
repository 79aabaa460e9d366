"""The operators by name: the functions behind `pool=<name>` and behind every comparison of operators."""

from __future__ import annotations

from collections.abc import Callable

import jax

from poolscope.errors import PoolscopeError
from poolscope.pooling.averages import avg_pool
from poolscope.pooling.blends import gated_pool, mixed_pool
from poolscope.pooling.blur import blur_pool, max_blur_pool
from poolscope.pooling.extremes import max_pool, min_pool
from poolscope.pooling.norms import gem_pool, lp_pool, lse_pool, soft_pool
from poolscope.pooling.sampling import stochastic_pool, subsample
from poolscope.pooling.strided import strided_conv_pool

Operator = Callable[..., jax.Array]

# Every entry of catalogue.OPERATORS but `none` and `conv_stride`, which put no layer into the network.
POOLS: dict[str, Operator] = {
    "max": max_pool,
    "avg": avg_pool,
    "min": min_pool,
    "lp": lp_pool,
    "gem": gem_pool,
    "lse": lse_pool,
    "soft": soft_pool,
    "stochastic": stochastic_pool,
    "mixed": mixed_pool,
    "gated": gated_pool,
    "subsample": subsample,
    "strided_conv": strided_conv_pool,
    "blur": blur_pool,
    "max_blur": max_blur_pool,
}


def find_pool(name: str) -> Operator:
    """The function of that name; raises PoolscopeError listing the names there are."""
    if name not in POOLS:
        raise PoolscopeError(f"pool must be one of {', '.join(POOLS)}, not {name!r}.")
    return POOLS[name]
