"""Operators that pick cells, fixed or at random."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hand_maps import TUTORIAL, assert_refused, maps, rows

from poolscope.pooling import stochastic_pool, subsample

pytestmark = pytest.mark.usefixtures("compiled_calls")


def test_subsample_keeps_the_first_real_cell() -> None:
    assert rows(subsample(maps(TUTORIAL), 2)) == [[1, 2], [9, 11]]
    assert rows(subsample(maps(TUTORIAL), 2, 2, 1)) == [[1, 3, 4], [5, 6, 8], [13, 14, 16]]


def test_stochastic_draws_cells_in_proportion_and_its_mean_is_the_evaluated_form() -> None:
    x = maps([[1, 2], [-3, 5]])
    keys = jax.random.split(jax.random.key(0), 4000)
    drawn = np.asarray(jax.vmap(lambda key: stochastic_pool(x, 2, key=key))(keys)).ravel()
    assert set(drawn) == {1.0, 2.0, 5.0}
    for value, share in ((1, 1 / 8), (2, 2 / 8), (5, 5 / 8)):
        assert abs((drawn == value).mean() - share) < 4 * math.sqrt(share * (1 - share) / 4000)
    assert rows(stochastic_pool(x, 2, deterministic=True)) == [[30 / 8]]
    assert rows(stochastic_pool(-jnp.abs(x), 2, key=keys[0])) == [[0]]


def test_stochastic_windows_channels_and_examples_draw_for_themselves() -> None:
    x = jnp.broadcast_to(jnp.arange(1.0, 5).reshape(1, 2, 2, 1), (3, 2, 2, 5))
    y = stochastic_pool(jnp.tile(x, (1, 4, 4, 1)), 2, key=jax.random.key(1))
    for axis in range(4):
        assert (np.asarray(y).std(axis) > 0).any()
    gradient = jax.grad(lambda x: stochastic_pool(x, 2, key=jax.random.key(1)).sum())(x)
    assert np.asarray(gradient).sum((1, 2)).tolist() == np.ones((3, 5)).tolist()
    assert set(np.asarray(gradient).ravel()) == {0.0, 1.0}


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda x: stochastic_pool(x, 2), "needs key="),
    ],
)
def test_what_can_t_work_is_refused_in_one_sentence(call: Any, sentence: str) -> None:
    assert_refused(call, sentence)
