"""Values and gradients of every operator against NumPy loops, on geometries of all sorts, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pool_oracles import ORACLES, Geometry, compile_quickly, numerical_gradient, random_geometries

from poolscope.pooling import POOLS

GEOMETRIES = random_geometries(20)

# Options to compare at: off their defaults, arrays drawn for the window and the channels.
OPTIONS: dict[str, Callable[[Geometry, int, np.random.Generator], dict[str, Any]]] = {
    "lp": lambda g, c, rng: {"p": 3.5},
    "gem": lambda g, c, rng: {"p": 2.5, "eps": 0.05},
    "lse": lambda g, c, rng: {"beta": 1.7},
    "soft": lambda g, c, rng: {"beta": 1.3},
    "mixed": lambda g, c, rng: {"alpha": 0.3},
    "gated": lambda g, c, rng: {"kernel": rng.normal(size=g.window)},
    "strided_conv": lambda g, c, rng: {"kernel": rng.normal(size=(*g.window, c, c)), "bias": rng.normal(size=c)},
    "blur": lambda g, c, rng: {"filter_size": 4},
    "max_blur": lambda g, c, rng: {"filter_size": 3},
}
FIXED: dict[str, dict[str, Any]] = {"stochastic": {"deterministic": True}}


def test_every_operator_has_an_oracle() -> None:
    assert set(ORACLES) == set(POOLS)


@pytest.mark.parametrize("name", POOLS)
def test_values_and_gradients_equal_loops(name: str) -> None:
    for seed, geometry in enumerate(GEOMETRIES):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(1, geometry.height, geometry.width, 2))
        options = OPTIONS.get(name, lambda *_: {})(geometry, 2, rng)
        with jax.enable_x64(True):
            arrays = {
                key: jnp.asarray(value) if isinstance(value, np.ndarray) else value for key, value in options.items()
            }

            def pool(x: jax.Array, geometry: Geometry = geometry, arrays: Any = arrays) -> jax.Array:
                return POOLS[name](
                    x,
                    geometry.window,
                    geometry.stride,
                    geometry.padding,
                    dilation=geometry.dilation,
                    **arrays,
                    **FIXED.get(name, {}),
                )

            weights = rng.normal(size=jax.eval_shape(pool, jnp.asarray(x)).shape)
            weighted = jax.value_and_grad(lambda x, w: (lambda y: (jnp.sum(y * w), y))(pool(x)), has_aux=True)  # noqa: B023
            compiled = compile_quickly(weighted)
            (_, y), gradient = compiled(jnp.asarray(x), jnp.asarray(weights))
        np.testing.assert_allclose(y, ORACLES[name](x, geometry, **options), atol=1e-12, err_msg=str(geometry))
        expected = numerical_gradient(lambda x: ORACLES[name](x, geometry, **options), x, weights)  # noqa: B023
        np.testing.assert_allclose(gradient, expected, atol=2e-8, err_msg=str(geometry))
