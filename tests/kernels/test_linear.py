"""A linear function with a transpose of its own has the derivatives of the function, by that transpose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pool_geometries import compile_quickly

from poolscope.kernels.linear import call_linear

RNG = np.random.default_rng(0)
A, B = (jnp.asarray(RNG.normal(size=(2, 3)), jnp.float32) for _ in range(2))
X, U = (jnp.asarray(RNG.normal(size=3), jnp.float32) for _ in range(2))


def multiply(fixed: Sequence[jax.Array], x: jax.Array, scale: float) -> jax.Array:
    return scale * jnp.sin(fixed[0]) @ x


def multiply_transposed(fixed: Sequence[jax.Array], y: jax.Array, scale: float) -> jax.Array:
    return scale * jnp.sin(fixed[0]).T @ y


def ours(a: jax.Array, x: jax.Array) -> jax.Array:
    return jnp.tanh(call_linear(multiply, multiply_transposed, [a], x, jax.ShapeDtypeStruct((2,), x.dtype), 2.0))


def plain(a: jax.Array, x: jax.Array) -> jax.Array:
    return jnp.tanh(2.0 * jnp.sin(a) @ x)


TRANSFORMS: dict[str, Callable[[Callable[..., Any]], Any]] = {
    "value": lambda f: f(A, X),
    "jvp": lambda f: jax.jvp(f, (A, X), (B, U)),
    "jvp in x": lambda f: jax.jvp(lambda x: f(A, x), (X,), (U,)),
    "vjp": lambda f: jax.vjp(f, A, X)[1](jnp.ones(2)),
    "jacfwd": lambda f: jax.jacfwd(f, (0, 1))(A, X),
    "jacrev": lambda f: jax.jacrev(f, (0, 1))(A, X),
    "hessian": lambda f: jax.hessian(f, (0, 1))(A, X),
    "reverse over forward": lambda f: jax.jacrev(jax.jacfwd(f, (0, 1)), (0, 1))(A, X),
    "third order": lambda f: jax.jacfwd(jax.hessian(f, 1), 1)(A, X),
    "vmap of both": lambda f: jax.vmap(f)(jnp.stack([A, B]), jnp.stack([X, U])),
    "vmap of fixed": lambda f: jax.vmap(f, (0, None))(jnp.stack([A, B]), X),
    "vmap of x, last axis": lambda f: jax.vmap(f, (None, 1))(A, jnp.stack([X, U], 1)),
    "gradient of vmap": lambda f: jax.grad(lambda x: jax.vmap(f, (0, None))(jnp.stack([A, B]), x).sum())(X),
    "vmap of vmap": lambda f: jax.vmap(jax.vmap(f, (None, 0)), (0, None))(jnp.stack([A, B]), jnp.stack([X, U])),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_every_transformation_gives_what_it_gives_of_the_function(name: str) -> None:
    found, expected = compile_quickly(lambda: [TRANSFORMS[name](function) for function in (ours, plain)])()
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), found, expected)


def test_reverse_mode_takes_the_given_transpose() -> None:
    def wrong(fixed: Sequence[jax.Array], y: jax.Array) -> jax.Array:
        return jnp.full(3, 7.0)

    def double(fixed: Sequence[jax.Array], x: jax.Array) -> jax.Array:
        return 2 * x

    def function(x: jax.Array) -> jax.Array:
        return call_linear(double, wrong, [], x, jax.ShapeDtypeStruct((3,), jnp.float32))

    np.testing.assert_array_equal(jax.grad(lambda x: function(x).sum())(X), np.full(3, 7.0))
    np.testing.assert_array_equal(function(X), 2 * X)  # without jit
