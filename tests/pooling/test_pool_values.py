"""Values and gradients of every operator against NumPy loops, on geometries of all sorts, in float64."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
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
    "rank_avg": lambda g, c, rng: {"top": int(rng.integers(1, 4))},
    "rank_weighted": lambda g, c, rng: {"alpha": 0.3},
    "rank_stochastic": lambda g, c, rng: {"alpha": 0.3},
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
    "t_max_avg": lambda g, c, rng: {"top": int(rng.integers(1, 4)), "threshold": 0.4},
    "edge_blur": lambda g, c, rng: {"filter_size": 3, "threshold": 64.0},
    "conv_max": lambda g, c, rng: {"kernel": rng.normal(size=(*g.window, c, c)), "bias": rng.normal(size=c)},
    "strip": lambda g, c, rng: {
        "rows": rng.normal(size=(3, c, c)),
        "columns": rng.normal(size=(3, c, c)),
        "mix": rng.normal(size=(c, c)),
        "bias": rng.normal(size=c),
    },
    "wavelet": lambda g, c, rng: {"moments": int(rng.integers(1, 3))},
    "wavelet_bands": lambda g, c, rng: {"moments": 2, "weights": rng.normal(size=(4, c))},
    "tips": lambda g, c, rng: {"kernel": rng.normal(size=(3, 3, c)), "scale": rng.normal(size=c)},
}


def test_every_operator_has_an_oracle_here_or_a_test_module_of_its_own() -> None:
    assert set(ORACLES) <= set(POOLS)
    for name in set(POOLS) - set(ORACLES):
        assert (Path(__file__).parent / f"test_{name}.py").is_file(), name


@pytest.mark.parametrize("name", ORACLES)
def test_values_and_gradients_equal_loops(name: str) -> None:
    """Each operator on a random geometry or one of those that are chosen; `make test-long` has many for each."""
    number = list(ORACLES).index(name)
    geometries = random_geometries(8, seed=number, stride=OPERATORS[name].stride)
    compare_with_loops(name, [geometries[3 + number % 5]])


@pytest.mark.long
@pytest.mark.parametrize("name", ORACLES)
def test_values_and_gradients_equal_loops_on_many_geometries(name: str) -> None:
    compare_with_loops(name, random_geometries(40, seed=100, stride=OPERATORS[name].stride))


def compare_with_loops(name: str, geometries: list[Geometry]) -> None:
    """All geometries in one program, so that an operator is compiled once."""
    given, programs = [], []
    with jax.enable_x64(True):
        for seed, geometry in enumerate(geometries):
            rng = np.random.default_rng(seed)
            x = rng.normal(size=(1, geometry.height, geometry.width, 2))
            options = OPTIONS.get(name, lambda *_: {})(geometry, 2, rng)
            pool = partial(apply, name, geometry, options)
            weights = rng.normal(size=jax.eval_shape(pool, jnp.asarray(x)).shape)
            given.append((x, weights, options))
            programs.append(jax.value_and_grad(partial(weigh, pool), has_aux=True))
        arrays = [(jnp.asarray(x), jnp.asarray(weights)) for x, weights, _ in given]
        found = compile_quickly(
            lambda arrays: [program(*pair) for program, pair in zip(programs, arrays, strict=True)]
        )(arrays)
    for geometry, (x, weights, options), ((_, y), gradient) in zip(geometries, given, found, strict=True):
        np.testing.assert_allclose(y, ORACLES[name](x, geometry, **options), atol=1e-12, err_msg=str(geometry))
        expected = numerical_gradient(lambda x: ORACLES[name](x, geometry, **options), x, weights)  # noqa: B023
        np.testing.assert_allclose(gradient, expected, atol=2e-8, err_msg=str(geometry))


def apply(name: str, geometry: Geometry, options: dict[str, Any], x: jax.Array) -> jax.Array:
    """The operator, in its evaluated form where it draws."""
    arrays = {key: jnp.asarray(value) if isinstance(value, np.ndarray) else value for key, value in options.items()}
    evaluated = {"deterministic": True} if OPERATORS[name].stochastic else {}
    sizes = (geometry.window, geometry.stride, geometry.padding)
    return POOLS[name](x, *sizes, dilation=geometry.dilation, **arrays, **evaluated)


def weigh(pool: Callable[[jax.Array], jax.Array], x: jax.Array, weights: jax.Array) -> tuple[jax.Array, jax.Array]:
    """A weighted sum of the outputs, and the outputs."""
    y = pool(x)
    return jnp.sum(y * weights), y
