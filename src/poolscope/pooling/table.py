"""The operators by name: the functions behind `pool=<name>` and behind every comparison of operators."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax

from poolscope.pooling.averages import avg_pool, haar_pool
from poolscope.pooling.blends import gated_pool, mixed_pool, random_mixed_pool, tree_pool
from poolscope.pooling.blur import blur_pool, max_blur_pool
from poolscope.pooling.extremes import max_pool, min_pool
from poolscope.pooling.grids import adaptive_avg_pool, adaptive_max_pool, fractional_max_pool, s3_pool
from poolscope.pooling.learned import lift_pool, lip_pool
from poolscope.pooling.norms import gem_pool, lp_pool, lse_pool, soft_pool
from poolscope.pooling.phases import aps_pool, lps_pool, stack_phases
from poolscope.pooling.ranks import median_pool, ordinal_pool
from poolscope.pooling.sampling import stochastic_pool, subsample
from poolscope.pooling.spectral import diffstride_pool, spectral_pool
from poolscope.pooling.strided import strided_conv_pool
from poolscope.pooling.taps import Size, fit_window
from poolscope.pooling.weighted import ada_pool, dpp_pool, edscw_pool, em_pool
from poolscope.spec.errors import PoolscopeError

Operator = Callable[..., jax.Array]


def sized_by_window(function: Callable[..., jax.Array]) -> Operator:
    """An operator that takes an output_size, made to take a window whose geometry gives that size."""

    @functools.wraps(function)
    def pool(
        x: jax.Array,
        window: Size,
        stride: int | Sequence[int] | None = None,
        padding: Any = "VALID",
        *,
        dilation: Any = 1,
        **options: Any,
    ) -> jax.Array:
        fitted = fit_window(x, window, stride, padding, dilation)
        return function(x, output_size=fitted.output(*x.shape[1:3]), **options)

    return pool


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
    "median": median_pool,
    "ordinal": ordinal_pool,
    "tree": tree_pool,
    "random_mixed": random_mixed_pool,
    "dpp": dpp_pool,
    "edscw": edscw_pool,
    "em": em_pool,
    "ada": ada_pool,
    "haar": haar_pool,
    "lip": lip_pool,
    "spectral": sized_by_window(spectral_pool),
    "diffstride": diffstride_pool,
    "fractional_max": sized_by_window(fractional_max_pool),
    "s3": s3_pool,
    "aps": aps_pool,
    "lps": lps_pool,
    "lift": lift_pool,
    "space_to_depth": stack_phases,
    "adaptive_avg": sized_by_window(adaptive_avg_pool),
    "adaptive_max": sized_by_window(adaptive_max_pool),
}


def find_pool(name: str) -> Operator:
    """The function of that name; raises PoolscopeError listing the names there are."""
    if name not in POOLS:
        raise PoolscopeError(f"pool must be one of {', '.join(POOLS)}, not {name!r}.")
    return POOLS[name]
