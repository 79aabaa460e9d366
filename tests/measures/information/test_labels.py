"""Bits about the label, against integrals, and the probe against its objective."""

from __future__ import annotations

import math

import numpy as np
import pytest

from poolscope.measures.information import (
    label_information,
)
from poolscope.measures.information.labels import fit_logistic
from poolscope.spec.errors import PoolscopeError


def _blobs(n: int, d: int = 5, spread: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    return rng.normal(size=(n, d)) * spread + labels[:, None] * np.eye(d)[0] * 2, labels


@pytest.mark.parametrize("probe", ["linear", "neighbours"])
def test_separated_classes_give_their_whole_entropy(probe: str) -> None:
    features, labels = _blobs(1000, spread=0.02)
    found = label_information(features, labels, probe=probe)
    assert found.entropy == pytest.approx(1, abs=0.01)
    assert found.value == pytest.approx(found.entropy, abs=0.1)
    assert (found.accuracy, found.unit) == (1, "bits")


def test_information_of_two_gaussians_matches_the_integral() -> None:
    """A linear probe is optimal for two Gaussians of equal covariance, so I_V is the mutual information."""
    x = np.linspace(-8, 10, 20001)
    p0, p1 = (np.exp(-((x - mean) ** 2) / 2) / math.sqrt(2 * math.pi) for mean in (0, 2))
    mixture = (p0 + p1) / 2
    step = x[1] - x[0]
    bits = step * sum((p / 2 * np.log2(p / mixture)).sum() for p in (p0, p1))
    features, labels = _blobs(30_000)
    assert label_information(features, labels).value == pytest.approx(float(bits), abs=0.02)


@pytest.mark.parametrize("probe", ["linear", "neighbours"])
def test_permuted_labels_carry_nothing(probe: str) -> None:
    features, labels = _blobs(2000)
    permuted = np.random.default_rng(3).permutation(labels)
    assert label_information(features, permuted, probe=probe).value <= 0.005


def test_identity_changes_no_label_information() -> None:
    features, labels = _blobs(600)
    same = label_information(features.reshape(600, 1, 5, 1), labels)
    assert same.value - label_information(features, labels).value == 0


def test_projection_equalises_the_number_of_features_and_is_fixed() -> None:
    features, labels = _blobs(800, d=40)
    first, again = (label_information(features, labels, project=20) for _ in range(2))
    assert first.d == 20
    assert first == again
    assert first.value < label_information(features, labels).value


def test_label_information_refuses_what_it_cannot_judge() -> None:
    features, labels = _blobs(100)
    for given_features, given_labels, reason in (
        (features, np.zeros(100, int), "one class"),
        (np.zeros((100, 5)), labels, "zero"),
        (np.full((100, 5), 0.3), labels, "constant"),
        (np.random.default_rng(0).normal(size=(100, 500)), labels, "fewer than"),
        (features[:2], labels[:2], "2 of at least 3 samples"),
        (np.where(np.arange(5) == 2, np.nan, features), labels, "finite"),
    ):
        found = label_information(given_features, given_labels)
        assert math.isnan(found.value)
        assert reason in found.reason
    with pytest.raises(PoolscopeError, match="probe must be linear or neighbours"):
        label_information(features, labels, probe="deep")


def test_the_linear_probe_minimises_its_objective() -> None:
    """The slope of the penalised loss, written out row by row, vanishes at the weights found."""
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(300, 4))
    labels = (rows @ rng.normal(size=(4, 3)) + rng.normal(size=(300, 3))).argmax(1)
    for penalty in (1.0, 0.01):
        weights = fit_logistic(rows, labels, penalty, np.zeros((5, 3)))
        slope = penalty * np.concatenate([weights[:-1], np.zeros((1, 3))])
        for row, label in zip(np.column_stack([rows, np.ones(300)]), labels, strict=True):
            odds = np.exp(row @ weights)
            slope += np.outer(row, odds / odds.sum() - np.eye(3)[label]) / 300
        assert abs(slope).max() < 1e-3
        assert abs(weights).max() > 0.05
