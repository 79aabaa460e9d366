"""What is computed apart is the same, has the same gradients, and is not fused with its readers."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poolscope.kernels.fusion import compute_apart


def double_exponential(x: jax.Array) -> jax.Array:
    return 2 * jnp.exp(x)


@pytest.mark.parametrize("shape", [(5, 4), (0, 4)])
@pytest.mark.parametrize("first", [0.5, np.nan, np.inf, -np.inf])
def test_values_and_gradients_are_those_of_the_function(shape: tuple[int, int], first: float) -> None:
    x = np.linspace(-1, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape)
    x[:1, :1] = first
    value, gradient = (
        jax.jit(transform(lambda x: compute_apart(double_exponential, x).sum()))(x)
        for transform in (lambda f: f, jax.grad)
    )
    np.testing.assert_allclose(value, (2 * np.exp(x)).sum(), rtol=1e-6)
    np.testing.assert_allclose(gradient, 2 * np.exp(x), rtol=1e-6)


def test_every_image_of_a_batch() -> None:
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    y = jax.jit(jax.vmap(lambda row: compute_apart(double_exponential, row)))(x)
    np.testing.assert_allclose(y, 2 * np.exp(x), rtol=1e-6)


def test_two_readers_compute_it_once() -> None:
    def read(function: object) -> str:
        def program(x: jax.Array) -> jax.Array:
            y = function(x)  # type: ignore[operator]
            return y[1:] + y[:-1]

        return jax.jit(program).lower(jnp.ones((64, 8))).compile().as_text()

    assert "conditional(" not in read(double_exponential)
    assert read(lambda x: compute_apart(double_exponential, x)).count("conditional(") == 1
