"""Heads that learn, against NumPy written from their formulas, and where what they do is known."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pool_geometries import compile_quickly

from poolscope.pooling import attention_pool, latent_pool, netvlad_pool, sim_pool
from poolscope.pooling.attention import HEAD_WIDTH, attend

Arrays = dict[str, np.ndarray]


def softmax(scores: np.ndarray) -> np.ndarray:
    return np.exp(scores) / np.exp(scores).sum()


def asked(tokens: np.ndarray, asking: np.ndarray, weights: np.ndarray, biases: np.ndarray) -> np.ndarray:
    """One head, one example: tokens (L, C), the one that asks (C,)."""
    query, keys, values = (
        asking @ weights[0] + biases[0],
        tokens @ weights[1] + biases[1],
        tokens @ weights[2] + biases[2],
    )
    return softmax(keys @ query / math.sqrt(len(query))) @ values @ weights[3] + biases[3]


def clip(x: np.ndarray, positions: np.ndarray, weights: np.ndarray, biases: np.ndarray) -> np.ndarray:
    tokens = np.concatenate([x.mean(0, keepdims=True), x]) + positions
    return asked(tokens, tokens[0], weights, biases)


def simpool(x: np.ndarray, query: np.ndarray, key: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    normed = np.stack([(cell - cell.mean()) / np.sqrt(cell.var() + 1e-6) * scale + shift for cell in x])
    shares = softmax(normed @ key @ (x.mean(0) @ query) / math.sqrt(x.shape[1]))
    return np.sqrt(shares @ (normed - normed.min(0) + 1e-6) ** 2)


def latent(x: np.ndarray, **p: np.ndarray) -> np.ndarray:
    seen = asked(x, p["latent"], p["weights"], p["biases"])
    hidden = np.concatenate([seen @ p["up"][:, k] + p["up_bias"][k] for k in range(4)])
    gelu = hidden * (1 + np.array([math.erf(value / math.sqrt(2)) for value in hidden])) / 2
    return seen + gelu @ np.concatenate(p["down"]) + p["down_bias"]


def netvlad(x: np.ndarray, weights: np.ndarray, bias: np.ndarray, centres: np.ndarray) -> np.ndarray:
    sums = np.zeros_like(centres)
    for cell in x:
        for k, share in enumerate(softmax(cell @ weights + bias)):
            sums[k] += share * (cell - centres[k])
    sums = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    return sums.ravel() / np.linalg.norm(sums)


SHAPES: dict[Any, tuple[Any, dict[str, tuple[int, ...]]]] = {
    attention_pool: (clip, {"positions": (7, 3), "weights": (4, 3, 3), "biases": (4, 3)}),
    sim_pool: (simpool, {"query": (3, 3), "key": (3, 3), "scale": (3,), "shift": (3,)}),
    latent_pool: (
        latent,
        {"latent": (3,), "weights": (4, 3, 3), "biases": (4, 3), "up": (3, 4, 3), "up_bias": (4, 3)}
        | {"down": (4, 3, 3), "down_bias": (3,)},
    ),
    netvlad_pool: (netvlad, {"weights": (3, 5), "bias": (5,), "centres": (5, 3)}),
}


@pytest.mark.parametrize("pool", SHAPES)
def test_values_equal_the_formula_example_by_example(pool: Any) -> None:
    rng = np.random.default_rng(0)
    oracle, shapes = SHAPES[pool]
    x, parameters = rng.normal(size=(2, 2, 3, 3)), {name: rng.normal(size=size) for name, size in shapes.items()}
    given = {name: jnp.asarray(p, "float32") for name, p in parameters.items()}
    found = compile_quickly(pool)(jnp.asarray(x, "float32"), **given)
    expected = [oracle(example.reshape(6, 3), **parameters) for example in x]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_heads_of_attention_look_at_different_cells() -> None:
    """Each half of the channels asks for another cell: 64 channels a head."""
    keys = np.zeros((1, 2, 2 * HEAD_WIDTH), np.float32)
    keys[0, 0, :HEAD_WIDTH], keys[0, 1, HEAD_WIDTH:] = 100, 100
    values = np.stack([np.full(2 * HEAD_WIDTH, 1.0), np.full(2 * HEAD_WIDTH, 2.0)])[None].astype(np.float32)
    seen = compile_quickly(partial(attend, heads=2))(np.ones((1, 2 * HEAD_WIDTH), np.float32), keys, values)
    np.testing.assert_allclose(seen[0], [1.0] * HEAD_WIDTH + [2.0] * HEAD_WIDTH, rtol=1e-6)


@pytest.mark.parametrize("pool", SHAPES)
def test_gradients_are_finite_also_where_all_cells_are_zero(pool: Any) -> None:
    parameters = {name: np.full(size, 0.1, np.float32) for name, size in SHAPES[pool][1].items()}
    gradient = compile_quickly(jax.grad(lambda x, parameters: pool(x, **parameters).sum(), argnums=(0, 1)))
    for leaf in jax.tree.leaves(gradient(np.zeros((1, 2, 3, 3), np.float32), parameters)):
        assert np.isfinite(leaf).all()
