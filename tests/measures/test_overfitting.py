"""Overfitting measures by hand and against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from poolscope.measures.overfitting import (
    calibrated_gap,
    compare_at_fit,
    cross_entropy,
    find_fit_time,
    find_onset,
    fit_temperature,
    measure_memory,
)
from poolscope.spec.errors import PoolscopeError


def test_cross_entropy_by_hand() -> None:
    logits = np.array([[0.0, math.log(3)], [0.0, 0.0]])
    assert cross_entropy(logits, np.array([1, 0])) == pytest.approx((math.log(4 / 3) + math.log(2)) / 2)
    assert cross_entropy(2 * logits, np.array([1, 0]), 2.0) == pytest.approx(cross_entropy(logits, np.array([1, 0])))
    assert cross_entropy(np.array([[1e4, 0.0]]), np.array([0])) == 0


def test_temperature_undoes_over_confidence() -> None:
    """Labels drawn from softmax(z): logits 3 z are over-confident by exactly 3."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(20_000, 4))
    labels = (z + rng.gumbel(size=z.shape)).argmax(1)
    assert fit_temperature(3 * z, labels) == pytest.approx(3, rel=0.05)
    train = (50 * np.eye(4)[labels], labels)
    unsure = (0.5 * np.eye(4)[labels], labels)  # a train loss above 0 is taken off
    difference = calibrated_gap(train, (3 * z, labels), (3 * z, labels)) - calibrated_gap(
        unsure, (3 * z, labels), (3 * z, labels)
    )
    assert difference == pytest.approx(cross_entropy(*unsure), abs=1e-6)
    raw = cross_entropy(3 * z, labels) - cross_entropy(*train)
    assert calibrated_gap(train, (3 * z, labels), (3 * z, labels)) == pytest.approx(cross_entropy(z, labels), abs=1e-3)
    assert raw > 1.3 * cross_entropy(z, labels)


def test_onset_and_fit_time() -> None:
    assert find_onset([1, 2, 3, 4], [0.9, 0.5, 0.6, 0.7]) == 0.5
    assert find_onset([1, 2, 3, 4], [0.9, 0.5, 0.4, 0.3]) == 1
    reached = find_fit_time([10, 20, 30], [0.9, 0.99, 1.0])
    assert (reached.steps, reached.reached) == (20, True)
    never = find_fit_time([10, 20, 30], [0.9, 0.95, 0.98])
    assert (never.steps, never.reached) == (30, False)


def test_where_nothing_can_be_said_there_is_no_number() -> None:
    none, labels = np.empty((0, 3)), np.array([0, 1])
    assert math.isnan(cross_entropy(none, np.empty(0, int)))
    assert math.isnan(cross_entropy(np.array([[0.0, np.inf], [0.0, 1.0]]), labels))
    assert math.isnan(fit_temperature(np.zeros((2, 3)), labels))  # no temperature changes equal logits
    assert math.isnan(fit_temperature(none, np.empty(0, int)))
    some = (np.eye(2), labels)
    assert math.isnan(calibrated_gap(some, (np.zeros((2, 2)), labels), some))
    assert math.isnan(find_onset([], []))
    assert math.isnan(find_onset([1, 2, 3], [0.9, math.nan, 0.8]))
    assert find_onset([1, 2, 3], [0.5, 0.5, 0.5]) == 1  # it never rose
    assert math.isnan(find_fit_time([10, 20], [math.nan, math.nan]).steps)
    assert math.isnan(find_fit_time([], []).steps)
    assert all(math.isnan(value) for value in compare_at_fit([], []).values())
    assert all(math.isnan(value) for value in compare_at_fit([math.nan, math.nan], [1, 2]).values())


def test_memory_by_hand() -> None:
    true, given = np.array([0, 1, 2, 3]), np.array([1, 2, 3, 0])
    found = measure_memory(np.array([1, 2, 2, 0]), given, true, np.array([5, 6, 7, 8]), np.array([5, 1, 1, 1]))
    assert found.memorised == 0.75 - 0.25
    assert found.recovered == 0.25
    with pytest.raises(PoolscopeError, match="corrupted labels only"):
        measure_memory(true, true, true, true, true)
    assert math.isnan(measure_memory(*(np.empty(0, int),) * 5).memorised)


def test_comparison_at_equal_fit_interpolates() -> None:
    found = compare_at_fit([2.0, 1.0, 0.4, 0.2], [2.1, 1.3, 1.0, 1.4])
    assert found[1.0] == pytest.approx(1.3)
    assert found[0.5] == pytest.approx(1.3 + (1.0 - 0.5) / 0.6 * (1.0 - 1.3))
    assert found[0.25] == pytest.approx(1.0 + (0.4 - 0.25) / 0.2 * 0.4)
    assert math.isnan(found[0.1])
    assert math.isnan(compare_at_fit([0.9, 0.5], [1, 2])[1.0])


def test_a_slower_arm_is_equal_at_equal_fit() -> None:
    steps = np.linspace(0, 8, 81)
    fast, slow = np.exp(-steps / 2), np.exp(-steps / 4)
    held = [loss + 0.3 * (1 - loss) ** 2 for loss in (fast, slow)]
    assert abs(held[0][40] - held[1][40]) > 0.05
    for level, value in compare_at_fit(fast, held[0]).items():
        if 0.15 < level < 1:
            assert value == pytest.approx(compare_at_fit(slow, held[1])[level], abs=2e-3)
