"""Pooling operators for JAX: pure functions on feature maps (..., H, W, C), and Flax NNX layers.

Every function is `op(x, window, stride=None, padding="VALID", *, dilation=1, ceil_mode=False, **options)`: window and
stride a number or (h, w), the stride defaulting to the window; padding "VALID", "SAME", a number or ((top, bottom),
(left, right)). With `ceil_mode=True`, cells that the stride leaves over get a window of their own. The output's size
follows from this geometry alone, its dtype is the input's, and padding never enters a result. x holds floating-point
numbers, halves too; whole numbers are refused. A few take what they are defined by instead (an output_size, a ratio, a
block), and the global ones nothing.

    max_pool, ...           functions             MaxPool, ...   layers, each an nnx.Module
    POOLS                   name -> function      make_layer     name -> layer
    max_pool_with_indices   and where the maxima are, for max_unpool
    anti_aliased            blur between an operator at stride 1 and its subsampling
    HeadPool                a head by name: from the last map to a vector
    replace_pools           exchange the pools of an NNX model
    operator                declares an operator of one's own

Example:
    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> from poolscope import pooling
    >>> pooling.max_pool(jnp.arange(16.0).reshape(1, 4, 4, 1), 2)[0, :, :, 0]
    Array([[ 5.,  7.],
           [13., 15.]], dtype=float32)
    >>> pool = pooling.StochasticPool(2, rngs=nnx.Rngs(0))
    >>> pool.eval()
    >>> pool(jnp.ones((1, 4, 4, 3))).shape
    (1, 2, 2, 3)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from poolscope.pooling.attention import attention_pool, latent_pool, netvlad_pool, sim_pool
from poolscope.pooling.blur import anti_aliased
from poolscope.pooling.declare import operator
from poolscope.pooling.heads import (
    bilinear_pool,
    covariance_pool,
    global_avg_pool,
    global_avgmax_pool,
    global_catavgmax_pool,
    global_gem_pool,
    global_lse_pool,
    global_max_pool,
    spatial_pyramid_pool,
)
from poolscope.pooling.indices import max_pool_with_indices, max_unpool
from poolscope.pooling.lookup import POOLS, find_pool, name_layer
from poolscope.pooling.phases import space_to_depth
from poolscope.pooling.tips import max_sampling_bias, tips_share_loss, tips_shares, tips_undo_loss
from poolscope.spec.declaration import Choice, Learned, Real, Sizes, Switch, Whole
from poolscope.spec.geometry import Window
from poolscope.spec.operators import OPERATORS
from poolscope.spec.plugins import import_plugin

if TYPE_CHECKING:
    from poolscope.pooling.averages import *  # noqa: F403
    from poolscope.pooling.blends import *  # noqa: F403
    from poolscope.pooling.blur import *  # noqa: F403
    from poolscope.pooling.grids import *  # noqa: F403
    from poolscope.pooling.head_layers import HeadPool
    from poolscope.pooling.layers import Pool, make_layer, make_pool
    from poolscope.pooling.learned import *  # noqa: F403
    from poolscope.pooling.max_min import *  # noqa: F403
    from poolscope.pooling.norms import *  # noqa: F403
    from poolscope.pooling.phases import *  # noqa: F403
    from poolscope.pooling.ranks import *  # noqa: F403
    from poolscope.pooling.replace import replace_pools
    from poolscope.pooling.sampling import *  # noqa: F403
    from poolscope.pooling.spectral import *  # noqa: F403
    from poolscope.pooling.strided import *  # noqa: F403
    from poolscope.pooling.tips import *  # noqa: F403
    from poolscope.pooling.wavelets import *  # noqa: F403
    from poolscope.pooling.weighted import *  # noqa: F403

# Derived: the functions and layers of poolscope's own operators, found when they are looked up.
_FUNCTIONS = {entry.function: entry for entry in OPERATORS.values() if entry.has_layer and not entry.package}
_LAYERS = {name_layer(name): name for name in POOLS}
# What needs Flax, which takes longer to import than all else here: found when it is looked up, too.
_OF_FLAX = {
    "HeadPool": "head_layers",
    "Pool": "layers",
    "layer_class": "layers",
    "make_layer": "layers",
    "make_pool": "layers",
    "replace_pools": "replace",
}

__all__ = [
    "POOLS",
    "Choice",
    "HeadPool",
    "Learned",
    "Pool",
    "Real",
    "Sizes",
    "Switch",
    "Whole",
    "Window",
    "anti_aliased",
    "attention_pool",
    "bilinear_pool",
    "covariance_pool",
    "find_pool",
    "global_avg_pool",
    "global_avgmax_pool",
    "global_catavgmax_pool",
    "global_gem_pool",
    "global_lse_pool",
    "global_max_pool",
    "latent_pool",
    "make_layer",
    "make_pool",
    "max_pool_with_indices",
    "max_sampling_bias",
    "max_unpool",
    "netvlad_pool",
    "operator",
    "replace_pools",
    "sim_pool",
    "space_to_depth",
    "spatial_pyramid_pool",
    "tips_share_loss",
    "tips_shares",
    "tips_undo_loss",
]
__all__ += [name for name in _FUNCTIONS if name.endswith(("_pool", "subsample"))]
__all__ += _LAYERS


def __getattr__(name: str) -> Any:
    if name in _FUNCTIONS:
        return getattr(import_plugin(_FUNCTIONS[name].module), name)
    if name in _LAYERS:
        return __getattr__("layer_class")(_LAYERS[name])
    if name in _OF_FLAX:
        return getattr(importlib.import_module(f"poolscope.pooling.{_OF_FLAX[name]}"), name)
    raise AttributeError(f"module 'poolscope.pooling' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__]
