"""Pooling operators as pure functions on feature maps (N, H, W, C), and as layers.

Every function is `op(x, window, stride=None, padding="VALID", *, dilation=1, **options)`: window and stride a number or
(h, w), the stride defaulting to the window; padding "VALID", "SAME", a number or ((top, bottom), (left, right)). The
output's size follows from this geometry alone, its dtype is the input's, and padding never enters a result.

    POOLS         name -> function        make_pool      configuration -> Flax NNX layer
    anti_aliased  combinator: blur between an operator at stride 1 and its subsampling
"""

from poolscope.pooling.averages import avg_pool
from poolscope.pooling.blends import gated_pool, mixed_pool
from poolscope.pooling.blur import anti_aliased, blur_pool, max_blur_pool
from poolscope.pooling.extremes import max_pool, min_pool
from poolscope.pooling.layers import Pool, make_pool
from poolscope.pooling.norms import gem_pool, lp_pool, lse_pool, soft_pool
from poolscope.pooling.sampling import stochastic_pool, subsample
from poolscope.pooling.strided import strided_conv_pool
from poolscope.pooling.table import POOLS, find_pool

__all__ = [
    "POOLS",
    "Pool",
    "anti_aliased",
    "avg_pool",
    "blur_pool",
    "find_pool",
    "gated_pool",
    "gem_pool",
    "lp_pool",
    "lse_pool",
    "make_pool",
    "max_blur_pool",
    "max_pool",
    "min_pool",
    "mixed_pool",
    "soft_pool",
    "stochastic_pool",
    "strided_conv_pool",
    "subsample",
]
