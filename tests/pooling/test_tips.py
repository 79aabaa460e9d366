"""TIPS: shares of phases, its two losses, and the bias that it is made against, by hand."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hand_maps import assert_refused, normal

from poolscope.pooling import (
    avg_pool,
    max_pool,
    max_sampling_bias,
    subsample,
    tips_pool,
    tips_share_loss,
    tips_shares,
    tips_undo_loss,
)

pytestmark = pytest.mark.usefixtures("compiled_calls")

CENTRE = jnp.zeros((3, 3, 1)).at[1, 1].set(1)  # a filter that gives its cell


def test_the_quarters_of_the_map_give_the_shares_of_its_phases() -> None:
    x = np.zeros((4, 4))
    x[:2, 2:] = math.log(3)  # the quarter of phase (0, 1): its share is 3 / 6
    found = tips_pool(jnp.asarray(x, "float32")[..., None], 2, kernel=CENTRE, scale=jnp.ones(1))[..., 0]
    np.testing.assert_allclose(found, [[0, math.log(3)], [0, 0]], rtol=1e-6)  # its 2x2 cells are all alike
    x[0, 3] += 4 * math.log(3)
    x[1, 2:] -= 2 * math.log(3)  # relu makes 0 of the lower two, so that the quarter's mean is 6/4 ln 3
    weight = 3 * math.sqrt(3) / (3 * math.sqrt(3) + 3)
    mixed = math.log(3) * (weight * 5 + (1 - weight) / 3 * (1 - 1 - 1))
    found = tips_pool(jnp.asarray(x, "float32")[..., None], 2, kernel=CENTRE, scale=jnp.ones(1))[..., 0]
    np.testing.assert_allclose(found, [[0, mixed], [0, 0]], rtol=1e-5)
    even = tips_pool(jnp.asarray(x, "float32")[..., None], 2, kernel=CENTRE, scale=jnp.zeros(1))
    np.testing.assert_allclose(even, avg_pool(jnp.asarray(x, "float32")[..., None], 2), rtol=1e-6)


def test_phases_are_weighted_row_by_row() -> None:
    x = jnp.asarray(np.kron(np.ones((2, 2)), [[1.0, 2.0], [3.0, 4.0]]), "float32")[..., None]
    shifted = x.at[:2, 2:].add(100.0)
    found = tips_pool(shifted, 2, kernel=CENTRE, scale=jnp.ones(1))[..., 0]
    np.testing.assert_allclose(found, [[2, 102], [2, 2]], rtol=1e-6)  # all weight on phase (0, 1)


def test_shares_are_those_of_the_operator() -> None:
    x, kernel, scale = normal(2, 6, 6, 3), normal(3, 3, 3), normal(3)
    shares = tips_shares(x, 2, kernel=kernel, scale=scale)
    np.testing.assert_allclose(shares.sum(1), np.ones((2, 3)), rtol=1e-6)
    phases = np.stack([np.asarray(x[:, a::2, b::2]) for a in (0, 1) for b in (0, 1)], 1)
    mixed = (np.asarray(shares)[:, :, None, None] * phases).sum(1)
    np.testing.assert_allclose(tips_pool(x, 2, kernel=kernel, scale=scale), mixed, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(tips_shares(x[0], (2, 2), kernel=kernel, scale=scale), shares[0], rtol=1e-6)


def test_the_loss_on_shares_by_hand() -> None:
    assert tips_share_loss(jnp.eye(4)[:, :2]).item() == 0
    assert tips_share_loss(jnp.full((3, 9, 2), 1 / 9)).item() == pytest.approx(2 / 3, rel=1e-6)
    one, even = jnp.eye(4)[:, :1], jnp.full((4, 1), 0.25)
    assert tips_share_loss(jnp.concatenate([one, even], 1)).item() == pytest.approx(0.25)


def test_the_loss_on_shifts_is_the_distance_to_a_shifted_map() -> None:
    x = jnp.abs(normal(2, 4, 6, 1))
    wanted = [float(np.mean((np.asarray(x) - np.roll(x, (a - 1, b - 1), (1, 2))) ** 2)) for a, b in np.ndindex(3, 3)]
    found = [float(tips_undo_loss(x, jax.random.key(seed), kernel=CENTRE)) for seed in range(6)]
    nearest = [min(range(9), key=lambda k: abs(wanted[k] - loss)) for loss in found]
    np.testing.assert_allclose(found, [wanted[k] for k in nearest], rtol=1e-5, atol=1e-7)
    assert len(set(nearest)) > 1
    # Of a map of one row and column that the filter doubles: (2 x - x)^2 = x^2, and its slope in the filter 2 x^2.
    cell = jnp.full((1, 1, 1), 3.0)
    slope = jax.grad(lambda kernel: tips_undo_loss(cell, jax.random.key(0), kernel=kernel))(2 * CENTRE)
    assert slope[1, 1, 0] == pytest.approx(2 * 9)
    # None through the target: d/dx (2 x - x')^2 = 4 (2 x - x') = 4 x.
    assert jax.grad(lambda x: tips_undo_loss(x, jax.random.key(0), kernel=2 * CENTRE))(cell).item() == pytest.approx(12)


def test_the_bias_to_maxima_by_hand() -> None:
    before = jnp.asarray([[1.0, 2, 5, 5], [3, 4, 5, 5], [9, 1, 0, 0], [1, 1, 7, 0]])[None, ..., None]
    # windows 1 2 3 4, all 5 (left out), 9 1 1 1, 0 0 7 0
    assert max_sampling_bias(before, max_pool(before, 2), 2) == 1
    assert max_sampling_bias(before, avg_pool(before, 2), 2) == 0
    assert max_sampling_bias(before, subsample(before, 2), 2) == pytest.approx(1 / 3)
    assert np.isnan(max_sampling_bias(jnp.ones((4, 4, 1)), jnp.ones((2, 2, 1)), 2))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda x: tips_pool(x, 2, kernel=x[0, :2, :2], scale=x[0, 0, 0]),
            r"tips kernel must be (3, 3, 1), not (2, 2, 1)",
        ),
        (
            lambda x: tips_undo_loss(x, jax.random.key(0), kernel=x[0, :2, :2]),
            r"tips kernel must be (3, 3, 1), not (2, 2, 1)",
        ),
        (lambda x: tips_shares(x, 2.5, kernel=jnp.ones((3, 3, 1)), scale=jnp.ones(1)), "window must be"),
        (lambda x: max_sampling_bias(x, x, 2), "needs pooled maps of the shape"),
    ],
)
def test_what_can_t_work_is_refused_in_one_sentence(call: Any, sentence: str) -> None:
    assert_refused(call, sentence)
