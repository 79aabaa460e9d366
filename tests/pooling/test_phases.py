"""Polyphase components: none lost, chosen alike after a shift, and mixed."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hand_maps import assert_refused, normal

from poolscope.pooling import aps_pool, lps_pool, space_to_depth

pytestmark = pytest.mark.usefixtures("compiled_calls")


def test_space_to_depth_loses_nothing_and_orders_channels_by_offset() -> None:
    x = jnp.arange(32.0).reshape(1, 4, 4, 2)
    y = space_to_depth(x, 2)
    assert y.shape == (1, 2, 2, 8)
    assert y[0, 0, 0].tolist() == [0, 1, 2, 3, 8, 9, 10, 11]
    assert sorted(np.asarray(y).ravel()) == sorted(np.asarray(x).ravel())


@pytest.mark.parametrize("norm", ["l2", "l1", "linf"])
def test_aps_follows_circular_shifts(norm: str) -> None:
    x = normal(3, 8, 8, 2)
    y = np.asarray(aps_pool(x, 2, norm=norm))
    for shift in ((0, 1), (1, 0), (3, 5)):
        shifted = np.asarray(aps_pool(jnp.roll(x, shift, (1, 2)), 2, norm=norm))
        for n in range(3):
            rolls = [np.roll(y[n], (a, b), (0, 1)) for a in range(4) for b in range(4)]
            assert any(np.array_equal(shifted[n], roll) for roll in rolls)
    phases = [np.asarray(x[:, a::2, b::2]) for a in (0, 1) for b in (0, 1)]
    assert all(any(np.array_equal(y[n], phase[n]) for phase in phases) for n in range(3))
    np.testing.assert_array_equal(aps_pool(jnp.ones((1, 4, 4, 1)) * 2, 2), np.full((1, 2, 2, 1), 2))


def test_lps_mixes_phases_in_training_and_picks_one_in_evaluation() -> None:
    x = normal(4, 8, 8, 2)
    weights = {"kernel1": normal(3, 3, 2, 5), "bias1": normal(5), "kernel2": normal(3, 3, 5, 5), "bias2": normal(5)}
    phases = np.stack([np.asarray(x[:, a::2, b::2]) for a in (0, 1) for b in (0, 1)])
    chosen = np.asarray(lps_pool(x, 2, **weights, deterministic=True))
    assert all(any(np.array_equal(chosen[n], phases[k, n]) for k in range(4)) for n in range(4))
    mixed = np.asarray(lps_pool(x, 2, **weights, key=jax.random.key(0)))
    for n in range(4):
        shares, residual = np.linalg.lstsq(phases[:, n].reshape(4, -1).T, mixed[n].ravel(), rcond=None)[:2]
        assert residual[0] < 1e-8
        assert abs(shares.sum() - 1) < 1e-5
        assert (shares > 0).all()
    cold = np.asarray(lps_pool(x, 2, **weights, tau=1e-4, key=jax.random.key(0)))
    assert all(min(np.abs(cold[n] - phases[k, n]).max() for k in range(4)) < 1e-5 for n in range(4))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda x: aps_pool(x, 2, norm="l3"), "aps norm must be one of l2, l1, linf, not 'l3'"),
        (lambda x: space_to_depth(x, 5), "window 5 is larger than its 4x4 input"),
    ],
)
def test_what_can_t_work_is_refused_in_one_sentence(call: Any, sentence: str) -> None:
    assert_refused(call, sentence)
