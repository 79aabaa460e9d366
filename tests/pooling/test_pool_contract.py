"""What every operator promises, by being listed: size, finite gradients, dtype, jit, vmap, dilation, constants."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pool_geometries import compile_quickly, random_geometries

from poolscope.pooling import POOLS, Pool, blur_pool, make_pool
from poolscope.spec.config import PoolConfig
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import Window, make_window
from poolscope.spec.operators import OPERATORS

CHANNELS = 4
KEY = jax.random.key(7)


def layer(name: str, window: Window) -> Pool:
    """The operator's layer in its evaluation form."""
    config = PoolConfig(name=name, window=window.size, stride=window.stride, padding=window.padding)
    dilation = (1, 1) if OPERATORS[name].kind == "map" else window.dilation
    return configured(config, dilation=dilation)


def configured(config: PoolConfig, **changes: Any) -> Pool:
    pool = make_pool(config, CHANNELS, rngs=jax.random.key(3), **changes)
    pool.eval()
    return pool


def images(*shape: int, dtype: str = "float32", seed: int = 0) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), dtype)


def modes(name: str) -> tuple[bool, ...]:
    """Evaluation, and for stochastic operators training too."""
    return (True, False) if OPERATORS[name].stochastic else (True,)


def test_pools_are_the_catalogue_but_for_the_two_without_a_layer() -> None:
    assert set(POOLS) == set(OPERATORS) - {"none", "conv_stride"}


@pytest.mark.parametrize("name", POOLS)
def test_output_size_is_the_geometry_s(name: str) -> None:
    for geometry in random_geometries(24, seed=1, stride=OPERATORS[name].stride):
        if OPERATORS[name].kind == "map":
            geometry = replace(geometry, dilation=(1, 1))
        window = make_window(geometry.window, geometry.stride, geometry.padding, geometry.dilation)
        x = jax.ShapeDtypeStruct((2, geometry.height, geometry.width, CHANNELS), jnp.float32)
        for deterministic in modes(name):
            y = jax.eval_shape(lambda x: layer(name, window)(x, rngs=KEY, deterministic=deterministic), x)  # noqa: B023
            channels = OPERATORS[name].count_channels(window, CHANNELS)
            assert y.shape == (2, *geometry.output, channels), geometry


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", POOLS)
def test_gradients_are_finite_and_dtype_is_kept(name: str, dtype: str) -> None:
    pool = layer(name, make_window(3, 2, "SAME"))
    inputs = [
        images(1, 5, 6, CHANNELS, dtype=dtype),
        jnp.zeros((1, 5, 6, CHANNELS), dtype),
        jnp.full((1, 5, 6, CHANNELS), 2.5, dtype),
        jnp.full((1, 5, 6, CHANNELS), -1e4, dtype),
        1e4 * images(1, 5, 6, CHANNELS, dtype=dtype),
    ]
    for deterministic in modes(name):

        def squared(x: jax.Array, deterministic: bool = deterministic) -> tuple[jax.Array, jax.Array]:
            y = pool(x, rngs=KEY, deterministic=deterministic)
            return jnp.sum(y.astype("float32") ** 2), y

        step = compile_quickly(jax.grad(squared, has_aux=True))
        for x in inputs:
            gradient, y = step(x)
            assert y.dtype == gradient.dtype == jnp.dtype(dtype)
            assert bool(jnp.isfinite(y).all())
            assert bool(jnp.isfinite(gradient).all())


@pytest.mark.parametrize("name", POOLS)
def test_jit_equals_eager_and_vmap_equals_a_loop(name: str) -> None:
    pool = layer(name, make_window((2, 3), OPERATORS[name].stride or (2, 1), ((1, 0), (0, 1))))
    x = images(2, 6, 7, CHANNELS)
    for deterministic in modes(name):
        eager = pool(x, rngs=KEY, deterministic=deterministic)
        compiled = jax.jit(lambda x: pool(x, rngs=KEY, deterministic=deterministic))(x)  # noqa: B023
        np.testing.assert_allclose(eager, compiled, rtol=1e-5, atol=1e-6)
    mapped = compile_quickly(jax.vmap(pool))(x[:, None])
    np.testing.assert_allclose(mapped[:, 0], pool(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", POOLS)
def test_constants_are_scaled_by_the_gain_that_the_catalogue_promises(name: str) -> None:
    gain = OPERATORS[name].gain
    if gain == "learned":
        assert OPERATORS[name].learnable != "0"
        return
    window = make_window(3, 2, "SAME")
    scale = {"1": 1.0, "K^(1/p)": 9**0.5, "K^(1/2)": 3.0}[gain]
    x = jnp.full((1, 7, 7, CHANNELS), 1.75)
    for deterministic in modes(name):
        y = layer(name, window)(x, rngs=KEY, deterministic=deterministic)
        np.testing.assert_allclose(y[:, 1:-1, 1:-1], 1.75 * scale, rtol=1e-5)
        if gain == "1":
            np.testing.assert_allclose(y, 1.75, rtol=1e-5)


@pytest.mark.parametrize("name", POOLS)
def test_window_of_one_cell_is_the_identity_on_positive_maps(name: str) -> None:
    x = jnp.abs(images(2, 5, 4, CHANNELS)) + 0.1
    changes = {"filter_size": 1} if OPERATORS[name].defaults.get("filter_size") else {}
    config = PoolConfig(name=name, window=1, stride=OPERATORS[name].stride, **changes)
    pool = configured(config)
    if OPERATORS[name].gain == "learned":
        assert pool(x).shape[3] == CHANNELS
        return
    for deterministic in modes(name):
        np.testing.assert_allclose(pool(x, rngs=KEY, deterministic=deterministic), x, rtol=1e-6)


@pytest.mark.parametrize(("size", "stride"), [((2, 2), (2, 2)), ((3, 2), (2, 3))])
@pytest.mark.parametrize("name", POOLS)
def test_a_trous_form_sampled_at_the_stride_is_the_strided_form(
    name: str, size: tuple[int, int], stride: tuple[int, int]
) -> None:
    """Two stages: the second reads the first's dense output with taps as far apart as the first's stride."""
    if OPERATORS[name].kind == "map":
        with pytest.raises(PoolscopeError, match=f"pool '{name}' sees the whole map and has no a-trous form"):
            make_pool(PoolConfig(name=name, window=2), CHANNELS, rngs=jax.random.key(3), dilation=2)
        return
    strided = layer(name, make_window(size, stride))
    first = layer(name, make_window(size, (1, 1)))
    second = layer(name, make_window(size, (1, 1), "VALID", stride))

    def both(x: jax.Array) -> tuple[jax.Array, ...]:
        once, dense = strided(x), first(x)
        return (
            once,
            dense[:, :: stride[0], :: stride[1]],
            strided(once),
            second(dense)[:, :: stride[0] ** 2, :: stride[1] ** 2],
        )

    once, dense_once, twice, dense_twice = compile_quickly(both)(images(1, 15, 16, CHANNELS))
    np.testing.assert_allclose(dense_once, once, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(dense_twice, twice, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in POOLS if "filter_size" in OPERATORS[name].options])
def test_every_window_reduction_can_be_anti_aliased_and_keeps_its_a_trous_form(name: str) -> None:
    """The layer's blur is the one between the operator at stride 1 and its subsampling; dilation spreads both."""
    own = "filter_size" in inspect.signature(POOLS[name]).parameters
    config = PoolConfig(name=name, window=3, stride=2, filter_size=3)
    strided = configured(config)
    first = configured(config, stride=(1, 1))
    second = configured(config, stride=(1, 1), dilation=2)
    plain = configured(PoolConfig(name=name, window=3, stride=1))

    def all_forms(x: jax.Array) -> tuple[jax.Array, ...]:
        blurred = plain(x) if own else blur_pool(plain(x), 1, 1)
        return strided(x), blurred[:, ::2, ::2], strided(strided(x)), second(first(x))[:, ::4, ::4]

    once, expected, twice, dense = compile_quickly(all_forms)(images(1, 11, 12, CHANNELS))
    np.testing.assert_allclose(once, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(dense, twice, rtol=1e-5, atol=1e-6)
