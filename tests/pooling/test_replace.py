"""Exchanging the pools of somebody's model."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from pool_geometries import compile_quickly

from poolscope import pooling
from poolscope.spec.errors import PoolscopeError

pytestmark = pytest.mark.usefixtures("compiled_calls")

X = jnp.asarray(np.random.default_rng(0).normal(size=(1, 8, 8, 2)), "float32")


class CNN(nnx.Module):
    """As in Flax's MNIST tutorial: pools are partials."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.conv = nnx.Conv(2, 4, (3, 3), rngs=rngs)
        self.pool = partial(nnx.avg_pool, window_shape=(2, 2), strides=(2, 2))
        self.last = partial(nnx.max_pool, window_shape=(3, 3), strides=(2, 2), padding="SAME")

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.last(self.pool(self.conv(x)))


class Nested(nnx.Module):
    """Pools in lists, in a Sequential and as our layers."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.blocks = nnx.List([pooling.MaxPool(2), nnx.Conv(2, 2, (3, 3), strides=2, rngs=rngs)])
        self.rest = nnx.Sequential(pooling.AvgPool(2), jnp.tanh)

    def __call__(self, x: jax.Array) -> jax.Array:
        for block in self.blocks:
            x = block(x)
        return self.rest(x)


def test_partials_of_flax_become_layers_with_their_geometry() -> None:
    model = CNN(nnx.Rngs(0))
    assert pooling.replace_pools(model, "lp", p=3.0) == 2
    assert isinstance(model.pool, pooling.LpPool)

    def by_hand(model: CNN) -> jax.Array:
        return pooling.lp_pool(pooling.lp_pool(model.conv(X), 2, p=3.0), 3, 2, "SAME", p=3.0)

    found, expected = compile_quickly(lambda model: (model(X), by_hand(model)))(model)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert pooling.replace_pools(model, "max_blur") == 2
    assert isinstance(model.last, pooling.MaxBlurPool)


def test_lists_sequentials_and_strided_convolutions() -> None:
    model = Nested(nnx.Rngs(0))
    before = jax.eval_shape(lambda model, x: model(x), model, X).shape
    kernel = model.blocks[1].kernel[...]
    assert pooling.replace_pools(model, "blur", filter_size=5, convolutions=True) == 3
    assert jax.eval_shape(lambda model, x: model(x), model, X).shape == before
    assert [type(layer) for layer in model.blocks[1].layers] == [nnx.Conv, pooling.BlurPool]
    np.testing.assert_array_equal(model.blocks[1].layers[0].kernel[...], kernel)


def test_operators_that_learn_for_each_channel_are_given_the_channels_by_path() -> None:
    model = Nested(nnx.Rngs(0))
    assert pooling.replace_pools(model, "lip", channels={"blocks.0": 2, "rest.layers.0": 2}) == 2
    gradients = compile_quickly(nnx.grad(lambda model: model(X).sum()))(model)
    assert {path[-1] for path, _ in nnx.to_flat_state(gradients)} >= {"kernel", "scale", "bias"}


def test_a_model_without_pools_is_refused() -> None:
    with pytest.raises(PoolscopeError, match="Linear holds no pool to exchange"):
        pooling.replace_pools(nnx.Linear(2, 2, rngs=nnx.Rngs(0)), "max_blur")
    with pytest.raises(PoolscopeError, match="needs channels="):
        pooling.replace_pools(CNN(nnx.Rngs(0)), "lip")
