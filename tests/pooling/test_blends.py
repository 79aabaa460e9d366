"""Blends of maximum and average: gates, coins and trees, worked by hand."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hand_maps import assert_refused, close, maps, normal, rows

from poolscope.pooling import avg_pool, gated_pool, max_pool, mixed_pool, random_mixed_pool, tree_pool

pytestmark = pytest.mark.usefixtures("compiled_calls")


def test_a_gate_worked_by_hand() -> None:
    kernel = jnp.zeros((2, 2)).at[1, 1].set(math.log(3) / 4)  # gate 3/4
    assert rows(gated_pool(maps([[0, 0], [0, 4]]), 2, kernel=kernel)) == [[3.25]]


def test_the_ends_of_a_blend_are_maximum_and_average() -> None:
    x = normal(2, 6, 6, 3)
    average, largest = avg_pool(x, 2), max_pool(x, 2)
    close(mixed_pool(x, 2, alpha=1.0), largest, 1e-6)
    close(mixed_pool(x, 2, alpha=0.0), average, 1e-6)
    close(gated_pool(x, 2, kernel=jnp.zeros((2, 2))), 0.5 * largest + 0.5 * average, 1e-6)


def test_tree_chooses_between_its_leaves() -> None:
    x = maps([[1, 2], [3, 4]])
    leaves = jnp.eye(4).reshape(4, 2, 2)
    gates = jnp.zeros((3, 2, 2))
    assert rows(tree_pool(x, 2, leaves=leaves, gates=gates)) == [[2.5]]
    assert rows(tree_pool(x, 2, leaves=leaves, gates=gates.at[0, 0, 0].set(50).at[1, 0, 0].set(-50))) == [[2]]
    assert rows(tree_pool(x, 2, leaves=leaves[:2], gates=gates[:1].at[0, 0, 0].set(math.log(3)))) == [[1.25]]


def test_random_mixed_tosses_one_coin_for_each_example_and_channel() -> None:
    x = normal(64, 4, 4, 8)
    y = random_mixed_pool(x, 2, key=jax.random.key(0))
    largest, mean = max_pool(x, 2), avg_pool(x, 2)
    took_max = np.isclose(y, largest).all((1, 2))
    np.testing.assert_array_equal(took_max, ~np.isclose(y, mean).all((1, 2)))
    assert abs(took_max.mean() - 0.5) < 4 * 0.5 / math.sqrt(512)
    close(random_mixed_pool(x, 2, deterministic=True), (largest + mean) / 2)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda x: gated_pool(x, 2, kernel=jnp.zeros((3, 2))), "gated kernel must be (2, 2) or (2, 2, 1), not (3, 2)"),
        (lambda x: tree_pool(x, 2, leaves=jnp.ones((3, 2, 2)), gates=jnp.ones((2, 2, 2))), "not 3 and 2"),
    ],
)
def test_what_can_t_work_is_refused_in_one_sentence(call: Any, sentence: str) -> None:
    assert_refused(call, sentence)
