"""Values and gradients of every operator against NumPy loops, on geometries of all sorts, in float64."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pool_geometries import Geometry, compile_quickly, numerical_gradient, random_geometries
from pool_oracles import ORACLES

from poolscope.pooling import POOLS
from poolscope.spec.operators import OPERATORS

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
    "ordinal": lambda g, c, rng: {"weights": rng.uniform(0.1, 1, (g.window[0] * g.window[1], c))},
    "tree": lambda g, c, rng: {"leaves": rng.normal(size=(4, *g.window)), "gates": rng.normal(size=(3, *g.window))},
    "dpp": lambda g, c, rng: {
        "sharpness": rng.normal(size=c),
        "offset": rng.normal(size=c),
        "kernel": rng.normal(size=(3, 3, c)),
        "bias": rng.normal(size=c),
    },
    "ada": lambda g, c, rng: {"alpha": 0.3},
    "lip": lambda g, c, rng: {
        "kernel": rng.normal(size=(3, 3, c, c)),
        "scale": rng.normal(size=c),
        "bias": rng.normal(size=c),
    },
    "diffstride": lambda g, c, rng: {"strides": rng.uniform(1, 4, 2), "smoothness": 1.5},
    "fractional_max": lambda g, c, rng: {"overlapping": bool(rng.integers(2))},
    "aps": lambda g, c, rng: {"norm": ("l1", "l2", "linf")[rng.integers(3)]},
    "lps": lambda g, c, rng: {
        "kernel1": rng.normal(size=(3, 3, c, 3)),
        "bias1": rng.normal(size=3),
        "kernel2": rng.normal(size=(3, 3, 3, 3)),
        "bias2": rng.normal(size=3),
    },
    "lift": lambda g, c, rng: {
        "depthwise": rng.normal(size=(2, 2, 3, c)),
        "depthwise_bias": rng.normal(size=(2, 2, c)),
        "pointwise": rng.normal(size=(2, 2, c, c)),
        "pointwise_bias": rng.normal(size=(2, 2, c)),
        "bands": ("low", "sum")[rng.integers(2)],
    },
}


def test_every_operator_has_an_oracle_here_or_a_test_module_of_its_own() -> None:
    assert set(ORACLES) <= set(POOLS)
    for name in set(POOLS) - set(ORACLES):
        assert (Path(__file__).parent / f"test_{name}.py").is_file(), name


@pytest.mark.parametrize("name", ORACLES)
def test_values_and_gradients_equal_loops(name: str) -> None:
    for seed, geometry in enumerate(random_geometries(20, stride=OPERATORS[name].stride)):
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
                    **({"deterministic": True} if OPERATORS[name].stochastic else {}),
                )

            weights = rng.normal(size=jax.eval_shape(pool, jnp.asarray(x)).shape)
            weighted = jax.value_and_grad(lambda x, w: (lambda y: (jnp.sum(y * w), y))(pool(x)), has_aux=True)  # noqa: B023
            compiled = compile_quickly(weighted)
            (_, y), gradient = compiled(jnp.asarray(x), jnp.asarray(weights))
        np.testing.assert_allclose(y, ORACLES[name](x, geometry, **options), atol=1e-12, err_msg=str(geometry))
        expected = numerical_gradient(lambda x: ORACLES[name](x, geometry, **options), x, weights)  # noqa: B023
        np.testing.assert_allclose(gradient, expected, atol=2e-8, err_msg=str(geometry))
