"""Derivatives of every operator: forward mode, reverse mode, and second order in both orders of the modes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pool_geometries import Geometry, compile_quickly, random_geometries
from representatives import long_for_others

from poolscope.pooling import POOLS, avg_pool, make_pool, max_pool, min_pool
from poolscope.pooling.contract import CHECKS
from poolscope.spec.config import PoolConfig
from poolscope.spec.operators import OPERATORS

CHANNELS, KEY = 4, jax.random.key(7)
WINDOWS: tuple[dict[str, Any], ...] = (  # one for each form of the kernels
    {"window": 2, "stride": 2},
    {"window": 3, "stride": 2, "padding": "SAME"},
    {"window": 3, "stride": 1, "padding": "SAME"},
    {"window": 8, "stride": 1, "padding": "VALID"},
)


def derive(function: Callable[[jax.Array], jax.Array]) -> Callable[[jax.Array, jax.Array], Any]:
    """J u, J^T J x, and the Hessian of |y|^2 / 2 times u, forward over reverse and reverse over forward."""

    def loss(x: jax.Array) -> jax.Array:
        return (function(x) ** 2).sum() / 2

    def program(x: jax.Array, u: jax.Array) -> Any:
        _, forward = jax.jvp(function, (x,), (u,))
        gradient, second = jax.jvp(jax.grad(loss), (x,), (u,))
        return forward, gradient, second, jax.grad(lambda x: jax.jvp(loss, (x,), (u,))[1])(x)

    return program


@pytest.mark.parametrize("name", long_for_others("lse", "conv_max", "lift", "wavelet_bands", "tips"))
def test_every_operator_has_derivatives_of_both_modes_and_of_second_order(name: str) -> None:
    operator = OPERATORS[name]
    x = jax.ShapeDtypeStruct((1, 9, 8, CHANNELS), jnp.float32)
    for settings in WINDOWS[1:2] if operator.stride is None else WINDOWS[:1]:
        pool = make_pool(PoolConfig(name=name, **settings), CHANNELS, rngs=KEY)
        for deterministic in (True, False) if operator.stochastic else (True,):
            program = derive(lambda x: pool(x, rngs=KEY, deterministic=deterministic))  # noqa: B023
            jax.eval_shape(program, x, x)  # what can't be differentiated fails here, before it is compiled


@pytest.mark.long
@pytest.mark.parametrize("name", POOLS)
def test_both_modes_agree_in_numbers(name: str) -> None:
    CHECKS["derivatives"](name)


@pytest.mark.parametrize("settings", WINDOWS, ids=str)
@pytest.mark.parametrize("pool", [max_pool, pytest.param(min_pool, marks=pytest.mark.long), avg_pool])
def test_kernels_in_each_of_their_forms(pool: Callable[..., jax.Array], settings: dict[str, Any]) -> None:
    check(lambda x: pool(x, **settings), (2, 9, 8, 2))


@pytest.mark.parametrize("pool", [max_pool, avg_pool])
@pytest.mark.parametrize(
    "geometry",
    [
        geometry if number < 1 else pytest.param(geometry, marks=pytest.mark.long)
        for number, geometry in enumerate(random_geometries(6, seed=3)[5:2:-1])
    ],
    ids=str,
)
def test_kernels_in_any_geometry(pool: Callable[..., jax.Array], geometry: Geometry) -> None:
    def function(x: jax.Array) -> jax.Array:
        return pool(x, geometry.window, geometry.stride, geometry.padding, dilation=geometry.dilation)

    check(function, (2, geometry.height, geometry.width, 2))


def check(function: Callable[[jax.Array], jax.Array], shape: tuple[int, ...]) -> None:
    """The derivatives of a piecewise linear function: y = J x, and the Hessian of |y|^2 / 2 is J^T J."""
    rng = np.random.default_rng(0)
    x, u = (jnp.asarray(rng.normal(size=shape), jnp.float32) for _ in range(2))

    def program(x: jax.Array, u: jax.Array) -> Any:
        y, pull = jax.vjp(function, x)
        along = jax.jvp(function, (x,), (x,))[1]
        forward, *derivatives = derive(function)(x, u)
        return (y, along), (forward, *derivatives), (pull(y)[0], pull(forward)[0])

    (y, along), (forward, gradient, second, turned), (pulled, pulled_twice) = compile_quickly(program)(x, u)
    for found, expected in ((along, y), (gradient, pulled), (second, pulled_twice), (turned, pulled_twice)):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose((pulled * u).sum(), (y * forward).sum(), rtol=1e-4, atol=1e-4)  # <J^T y, u> = <y, J u>
