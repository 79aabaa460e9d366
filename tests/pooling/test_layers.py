"""Layers in one's own Flax NNX model: forms, draws, signatures, refusals."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from hand_maps import close, normal

from poolscope import pooling
from poolscope.pooling.layers import layer_class, make_layer, make_pool, name_layer
from poolscope.spec.config import PoolConfig
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.operators import OPERATORS

pytestmark = pytest.mark.usefixtures("compiled_calls")

STOCHASTIC = [name for name in pooling.POOLS if OPERATORS[name].stochastic]
IMAGES = jnp.asarray(np.random.default_rng(0).uniform(size=(2, 6, 6, 3)), "float32")


class Model(nnx.Module):
    """Somebody's own."""

    def __init__(self, name: str, rngs: nnx.Rngs) -> None:
        self.pool = make_layer(name, 2, channels=3, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.pool(x)


@pytest.mark.parametrize("name", STOCHASTIC)
def test_a_layer_follows_train_and_eval_and_draws_anew_at_each_call(name: str) -> None:
    model = Model(name, nnx.Rngs(0))
    apply = nnx.jit(lambda model, x: model(x))
    model.eval()
    assert model.pool.deterministic is model.dropout.deterministic is True
    evaluated = apply(model, IMAGES)
    np.testing.assert_array_equal(evaluated, apply(model, IMAGES))
    model.train()
    first, second = apply(model, IMAGES), apply(model, IMAGES)
    assert bool((first != evaluated).any())
    assert bool((first != second).any())


def test_where_the_draws_of_a_layer_come_from() -> None:
    key = jax.random.key(5)
    pool = pooling.StochasticPool(2)
    expected = pooling.stochastic_pool(IMAGES, 2, key=key)
    np.testing.assert_array_equal(pool(IMAGES, rngs=key), expected)
    for rngs in (nnx.Rngs(dropout=3), nnx.Rngs(3), nnx.Rngs(noise=1, dropout=3)["dropout"]):
        assert pool(IMAGES, rngs=rngs).shape == (2, 3, 3, 3)
    one, other = (pooling.StochasticPool(2, rngs=nnx.Rngs(seed))(IMAGES) for seed in (0, 1))
    assert bool((one != other).any())
    np.testing.assert_array_equal(
        pool(IMAGES, deterministic=True), pooling.stochastic_pool(IMAGES, 2, deterministic=True)
    )


def test_training_without_anything_to_draw_from_is_refused() -> None:
    with pytest.raises(PoolscopeError, match=r"StochasticPool draws at random in training and needs rngs="):
        pooling.StochasticPool(2)(IMAGES)


@pytest.mark.parametrize("name", pooling.POOLS)
def test_a_class_s_signature_is_what_its_constructor_takes(name: str) -> None:
    layer = layer_class(name)
    assert getattr(pooling, name_layer(name)) is layer
    assert name_layer(name) in pooling.__all__
    parameters = inspect.signature(layer).parameters
    values = {"channels": 3, "window": 2, "rngs": nnx.Rngs(0)}
    given = {entry: values.get(entry, parameters[entry].default) for entry in parameters}
    assert layer(**given).window.size == (2, 2)
    for option, default in OPERATORS[name].defaults.items():
        assert parameters[option].default == (1 if option == "dilation" else default)
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        layer(**given, colour="red")


@pytest.mark.parametrize("name", pooling.POOLS)
def test_a_class_and_a_configuration_build_the_same_layer(name: str) -> None:
    own = make_layer(name, 2, channels=3, rngs=nnx.Rngs(4))
    configured = make_pool(PoolConfig(name=name), 3, rngs=nnx.Rngs(4))
    assert type(own) is type(configured)
    states = [jax.tree.leaves(nnx.state(layer, nnx.Param)) for layer in (own, configured)]
    assert len(states[0]) == len(states[1]) == len(own.learned)
    for one, other in zip(*states, strict=True):
        np.testing.assert_array_equal(one, other)
    assert nnx.state(configured, nnx.RngState) == nnx.State({}), "a checkpoint holds no random state of a pool"


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: make_pool("max", 3, rngs=nnx.Rngs(0)), "make_pool takes a PoolConfig; write make_layer('max', 2)"),
        (lambda: make_layer("mux", 2), "pool must be one of max, avg"),
        (lambda: make_layer("none", 2), "pool must be one of max, avg"),
        (lambda: make_layer("lip", 2), "lip learns numbers for each channel and needs channels="),
        (
            lambda: make_layer("max", 2, p=3.0),
            "max takes window, stride, padding, filter_size, dilation, ceil_mode; got p=3.0",
        ),
        (lambda: make_layer("lift", 2, channels=3), "LiftPool starts from random numbers and needs rngs="),
        (lambda: pooling.LpPool(2, p=0.5), "lp p must be a number from 1 to 1000, not 0.5"),
        (lambda: pooling.TreePool(2, depth=30), "tree depth must be a whole number from 1 to 8, not 30"),
        (lambda: pooling.MaxPool(0), "window must be at least 1, not 0"),
        (lambda: pooling.LiftPool(3, 3, rngs=nnx.Rngs(0)), "lift is defined for a stride of 2 only, not [3, 3]"),
        (lambda: pooling.max_pool(jnp.ones((4, 4, 1), int), 2), "x must hold floating-point numbers, not int32"),
        (lambda: pooling.max_pool([[1.0]], 2), "x must be feature maps of shape (..., H, W, C), not a list"),
        (lambda: pooling.max_pool(jnp.ones((4, 4)), 2), "x must be feature maps of shape (N, H, W, C), not (4, 4)"),
    ],
)
def test_refusals(build: Any, sentence: str) -> None:
    with pytest.raises(PoolscopeError, match=re.escape(sentence)):
        build()


def test_layer_can_be_split_merged_and_compiled() -> None:
    layer = make_pool(PoolConfig(name="strided_conv", window=3), 2, rngs=nnx.Rngs(0))
    graph, state = nnx.split(layer)
    x = jnp.ones((1, 6, 6, 2))
    np.testing.assert_allclose(jax.jit(lambda state, x: nnx.merge(graph, state)(x))(state, x), layer(x), rtol=1e-6)
    assert hash(graph) == hash(nnx.split(make_pool(PoolConfig(name="strided_conv", window=3), 2, rngs=nnx.Rngs(1)))[0])


@pytest.mark.parametrize(
    "name", [*STOCHASTIC[:2], *(pytest.param(name, marks=pytest.mark.long) for name in STOCHASTIC[2:])]
)
def test_draws_repeat_with_their_key_also_compiled_and_mapped(name: str) -> None:
    layer = make_pool(PoolConfig(name=name), 2, rngs=jax.random.key(0))
    x = normal(2, 8, 8, 2)
    keys = jax.random.split(jax.random.key(4), 3)

    def draw(key: jax.Array) -> jax.Array:
        return layer(x, rngs=key, deterministic=False)

    single = [jax.jit(draw)(key) for key in keys]
    close(jax.jit(jax.vmap(draw))(keys), jnp.stack(single))
    close(draw(keys[0]), single[0])
    assert not all(np.array_equal(single[0], other) for other in single[1:])
    with pytest.raises(PoolscopeError, match="needs rngs="):
        layer(x, deterministic=False)


def test_the_library_is_imported_without_the_rest_and_its_functions_without_flax() -> None:
    program = (
        "import sys, jax.numpy as jnp, poolscope.pooling as pooling; "
        "pooling.max_pool(jnp.ones((4, 4, 1)), 2); pooling.global_avg_pool(jnp.ones((1, 4, 4, 1))); "
        "print([name for name in ('hydra', 'omegaconf', 'tensorflow_datasets', 'pandas', 'matplotlib', 'scipy', "
        "'sklearn', 'jinja2', 'optax', 'flax') if name in sys.modules]); "
        "print(pooling.MaxPool(2)(jnp.ones((4, 4, 1))).shape, 'flax' in sys.modules, 'hydra' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n(2, 2, 1) True False\n"
