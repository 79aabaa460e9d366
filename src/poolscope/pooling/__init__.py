"""Pooling operators as pure functions on feature maps (N, H, W, C), and as layers.

Every function is `op(x, window, stride=None, padding="VALID", *, dilation=1, **options)`: window and stride a number or
(h, w), the stride defaulting to the window; padding "VALID", "SAME", a number or ((top, bottom), (left, right)). The
output's size follows from this geometry alone, its dtype is the input's, and padding never enters a result. A few take
what they are defined by instead (an output_size, a ratio, a block), and the global ones nothing.

    POOLS         name -> function on a window        make_pool  configuration -> Flax NNX layer
    anti_aliased  combinator: blur between an operator at stride 1 and its subsampling
"""

from poolscope.pooling.averages import avg_pool, haar_pool
from poolscope.pooling.blends import gated_pool, mixed_pool, random_mixed_pool, tree_pool
from poolscope.pooling.blur import anti_aliased, blur_pool, max_blur_pool
from poolscope.pooling.extremes import max_pool, min_pool
from poolscope.pooling.grids import adaptive_avg_pool, adaptive_max_pool, fractional_max_pool, s3_pool
from poolscope.pooling.heads import (
    global_avg_pool,
    global_avgmax_pool,
    global_catavgmax_pool,
    global_gem_pool,
    global_lse_pool,
    global_max_pool,
)
from poolscope.pooling.layers import Pool, make_pool
from poolscope.pooling.learned import lift_pool, lip_pool
from poolscope.pooling.norms import gem_pool, lp_pool, lse_pool, soft_pool
from poolscope.pooling.phases import aps_pool, lps_pool, space_to_depth
from poolscope.pooling.ranks import median_pool, ordinal_pool
from poolscope.pooling.sampling import stochastic_pool, subsample
from poolscope.pooling.spectral import diffstride_pool, spectral_pool
from poolscope.pooling.strided import strided_conv_pool
from poolscope.pooling.table import POOLS, find_pool
from poolscope.pooling.weighted import ada_pool, dpp_pool, edscw_pool, em_pool

__all__ = [
    "POOLS",
    "Pool",
    "ada_pool",
    "adaptive_avg_pool",
    "adaptive_max_pool",
    "anti_aliased",
    "aps_pool",
    "avg_pool",
    "blur_pool",
    "diffstride_pool",
    "dpp_pool",
    "edscw_pool",
    "em_pool",
    "find_pool",
    "fractional_max_pool",
    "gated_pool",
    "gem_pool",
    "global_avg_pool",
    "global_avgmax_pool",
    "global_catavgmax_pool",
    "global_gem_pool",
    "global_lse_pool",
    "global_max_pool",
    "haar_pool",
    "lift_pool",
    "lip_pool",
    "lp_pool",
    "lps_pool",
    "lse_pool",
    "make_pool",
    "max_blur_pool",
    "max_pool",
    "median_pool",
    "min_pool",
    "mixed_pool",
    "ordinal_pool",
    "random_mixed_pool",
    "s3_pool",
    "soft_pool",
    "space_to_depth",
    "spectral_pool",
    "stochastic_pool",
    "strided_conv_pool",
    "subsample",
    "tree_pool",
]
