"""Heads as modules: what they learn, and a name that has none."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest
from flax import nnx

from poolscope.pooling import HeadPool
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.heads import HEADS

SHAPE = (3, 5, 4)


@pytest.mark.parametrize("name", [name for name, head in HEADS.items() if head.function])
def test_a_head_has_the_declared_features_and_parameters(name: str) -> None:
    pool = nnx.eval_shape(lambda: HeadPool(name, SHAPE, rngs=nnx.Rngs(0)))
    found = jax.eval_shape(lambda x: HeadPool(name, SHAPE, rngs=nnx.Rngs(0))(x), jnp.zeros((2, *SHAPE), "bfloat16"))
    assert (found.shape, found.dtype) == ((2, HEADS[name].count_features(SHAPE)), jnp.bfloat16)
    leaves = jax.tree.leaves(nnx.state(pool, nnx.Param))
    assert sum(leaf.size for leaf in leaves) == HEADS[name].count_parameters(SHAPE)


def test_initial_values_follow_the_seed() -> None:
    pools = [HeadPool("netvlad", SHAPE, rngs=nnx.Rngs(seed)) for seed in (0, 0, 1)]
    first, again, other = (pool.centres[...] for pool in pools)
    assert (first == again).all() and (first != other).any()


def test_a_name_without_a_function_is_refused() -> None:
    with pytest.raises(PoolscopeError, match=r"The head must be one of avg, max, gem, .*, not 'flatten'"):
        HeadPool("flatten", SHAPE, rngs=nnx.Rngs(0))
