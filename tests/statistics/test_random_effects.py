"""Effects pooled over contexts, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from poolscope.statistics.random_effects import pool_contexts


def test_contexts_pooled_by_hand() -> None:
    # effects 1, 2, 6 with errors 1: w = 1, mean 3, Q = 4 + 1 + 9 = 14, tau² = (14 - 2) / (3 - 1) = 6, v = 1/7;
    # se² = (14 / 7) / (2 * 3/7) = 7/3, as 1 / Σv; t(0.975, 2) = 4.302653, t(0.975, 1) = 12.706205
    pooled = pool_contexts([1.0, 2.0, 6.0], [1.0, 1.0, 1.0])
    assert (pooled.contexts, pooled.mean, pooled.tau) == (3, pytest.approx(3.0), pytest.approx(math.sqrt(6)))
    assert pooled.high == pytest.approx(3 + 4.302653 * math.sqrt(7 / 3), abs=1e-5)
    assert pooled.prediction_low == pytest.approx(3 - 12.706205 * math.sqrt(6 + 7 / 3), abs=1e-4)


def test_contexts_that_agree_have_no_spread_and_weigh_by_their_precision() -> None:
    # weights 1 and 4: mean (1 + 4 * 1.5) / 5 = 1.4, Q = 0.16 + 4 * 0.01 = 0.2 < 1; se² = 1/5
    pooled = pool_contexts([1.0, 1.5], [1.0, 0.5])
    assert (pooled.mean, pooled.tau) == (pytest.approx(1.4), 0.0)
    assert pooled.high - pooled.mean == pytest.approx(12.706205 * math.sqrt(0.2), abs=1e-5)
    assert math.isnan(pooled.prediction_low)


def test_precise_contexts_weigh_by_their_precision_too() -> None:
    """A thousandth of all numbers above: the same weights, and a thousandth of mean and spread."""
    effects, errors = np.array([1, 2, 6]), np.array([1, 0.5, 2])
    fine, coarse = (pool_contexts(scale * effects, scale * errors) for scale in (1e-3, 1))
    assert (1000 * fine.mean, 1000 * fine.tau) == pytest.approx((coarse.mean, coarse.tau))
    assert coarse.tau > 0
    assert 1000 * fine.high == pytest.approx(coarse.high)


def test_an_interval_is_widened_where_contexts_differ_by_more_than_their_weights_say() -> None:
    """Hartung & Knapp: the weighted variance of the effects, over k - 1, where it is above 1 / sum v."""
    effects, errors = np.array([0.0, 0.0, 0.0, 5.0]), np.array([0.5, 0.5, 0.5, 1.0])
    pooled = pool_contexts(effects, errors)
    v = 1 / (errors**2 + pooled.tau**2)
    spread = v @ (effects - pooled.mean) ** 2 / 3
    assert spread > 1
    assert pooled.high - pooled.mean == pytest.approx(3.182446 * math.sqrt(spread / v.sum()), abs=1e-5)


def test_one_context_and_none_have_no_interval() -> None:
    assert pool_contexts([2.0], [1.0]).mean == 2.0
    assert math.isnan(pool_contexts([2.0], [1.0]).low)
    assert pool_contexts([], []).contexts == 0
