"""Local importance, strips and lifting, at weights whose result is known."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hand_maps import close, normal

from poolscope.pooling import avg_pool, lift_pool, lip_pool, strip_pool, subsample

pytestmark = pytest.mark.usefixtures("compiled_calls")


def test_lip_starts_as_the_average_and_leans_to_what_its_filter_likes() -> None:
    x = normal(2, 6, 6, 3)
    start = {"kernel": jnp.zeros((3, 3, 3, 3)), "scale": jnp.ones(3), "bias": jnp.zeros(3)}
    close(lip_pool(x, 2, **start), avg_pool(x, 2))
    likes_large = start | {"kernel": jnp.zeros((3, 3, 3, 3)).at[1, 1].set(jnp.eye(3)), "scale": jnp.full(3, 2.0)}
    assert (np.asarray(lip_pool(x, 2, **likes_large)) > np.asarray(avg_pool(x, 2)) + 1e-3).mean() > 0.9


def test_lift_without_weights_splits_and_no_more() -> None:
    x = normal(2, 6, 6, 3)
    nothing = {
        "depthwise": jnp.zeros((2, 2, 3, 3)),
        "depthwise_bias": jnp.zeros((2, 2, 3)),
        "pointwise": jnp.zeros((2, 2, 3, 3)),
        "pointwise_bias": jnp.zeros((2, 2, 3)),
    }
    close(lift_pool(x, 2, **nothing), subsample(x, 2))
    close(lift_pool(x, 2, **nothing, bands="sum"), 4 * avg_pool(x, 2))


def test_a_gate_looks_along_its_row_and_its_column() -> None:
    x = jnp.asarray([[4.0, 0, 0], [0, 0, 0], [0, 0, 2]])[..., None]
    own = {"rows": jnp.zeros((3, 1, 1)).at[1].set(3.0), "columns": jnp.zeros((3, 1, 1)).at[1].set(3.0)}
    found = strip_pool(x, 1, **own, mix=jnp.ones((1, 1)), bias=jnp.asarray([-8.0]))[..., 0]  # means 4/3 and 2/3
    assert math.isclose(found[0, 0], 4 / 2, rel_tol=1e-6)  # sigmoid(4 + 4 - 8)
    assert math.isclose(found[2, 2], 2 / (1 + math.exp(4)), rel_tol=1e-5)  # sigmoid(2 + 2 - 8)
    closed = strip_pool(x, 1, **own, mix=jnp.zeros((1, 1)), bias=jnp.zeros(1))
    np.testing.assert_allclose(strip_pool(x, 3, **own, mix=jnp.zeros((1, 1)), bias=jnp.zeros(1)), avg_pool(closed, 3))


def test_other_rows_and_columns_do_not_matter_without_a_filter() -> None:
    rng = np.random.default_rng(0)
    weights = {name: jnp.asarray(rng.normal(size=(3, 2, 2)), "float32") for name in ("rows", "columns")}
    weights = {name: kernel.at[::2].set(0) for name, kernel in weights.items()} | {"mix": jnp.eye(2)}

    def first(x: jax.Array) -> jax.Array:
        return strip_pool(x, 1, **weights, bias=jnp.zeros(2))[0, 0].sum()

    reads = np.asarray(jax.grad(first)(jnp.asarray(rng.uniform(1, 2, size=(4, 5, 2)), "float32")))
    assert not reads[1:, 1:].any()
