"""What layers learn: as many numbers as the catalogue says, each with a gradient, from the values configured."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from poolscope.pooling import POOLS, gem_pool, make_pool
from poolscope.spec.config import PoolConfig, check_pool
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.operators import OPERATORS
from poolscope.spec.plan import pool_parameters


@pytest.mark.parametrize("learn", [None, True, False])
@pytest.mark.parametrize("name", POOLS)
def test_layers_learn_as_many_numbers_as_the_catalogue_says(name: str, learn: bool | None) -> None:
    if learn is not None and "learn" not in OPERATORS[name].options:
        with pytest.raises(PoolscopeError, match="learn"):
            check_pool(PoolConfig(name=name, learn=learn))
        return
    config = PoolConfig(name=name, window=[3, 2], stride=OPERATORS[name].stride, learn=learn)
    layer = make_pool(config, 4, rngs=nnx.Rngs(0))
    count = sum(leaf.size for leaf in jax.tree.leaves(nnx.state(layer, nnx.Param)))
    assert count == pool_parameters(config, 4)


@pytest.mark.parametrize(("name", "options"), [("dpp", {"full": True}), ("tree", {"depth": 3}), ("lps", {"hidden": 5})])
def test_options_that_change_the_size_change_the_count(name: str, options: dict[str, object]) -> None:
    config = PoolConfig(name=name, **options)
    layer = make_pool(config, 3, rngs=nnx.Rngs(0))
    count = sum(leaf.size for leaf in jax.tree.leaves(nnx.state(layer, nnx.Param)))
    assert count == pool_parameters(config, 3)
    x = jax.ShapeDtypeStruct((1, 6, 6, 3), jnp.float32)
    assert jax.eval_shape(lambda x: layer(x, deterministic=True), x).shape == (1, 3, 3, 3)


def test_learned_exponent_starts_where_it_was_configured() -> None:
    x = jnp.abs(jnp.asarray(np.random.default_rng(0).normal(size=(1, 4, 4, 1)), "float32")) + 0.1
    layer = make_pool(PoolConfig(name="gem", p=2.5, learn=True), 1, rngs=jax.random.key(0))
    np.testing.assert_allclose(layer.values()["p"], 2.5, rtol=1e-6)
    np.testing.assert_allclose(layer(x), gem_pool(x, 2, p=2.5), rtol=1e-5)
    with pytest.raises(PoolscopeError, match=r"pool\.p must be above 1 to be learned, not 1"):
        make_pool(PoolConfig(name="gem", p=1.0, learn=True), 1, rngs=jax.random.key(0))
