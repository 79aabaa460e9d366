"""Dimensions in use, against known spectra."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolscope.measures.information import (
    effective_rank,
    participation_ratio,
)
from poolscope.spec.errors import PoolscopeError


def test_participation_ratio_of_white_noise() -> None:
    rows = np.random.default_rng(0).standard_normal((1000, 144))
    found = participation_ratio(rows)
    assert found.plug_in == pytest.approx(144 * 1000 / 1144, rel=0.01)
    assert found.value == pytest.approx(144, rel=0.01)
    assert found.share == pytest.approx(1, rel=0.01)


@given(st.lists(st.floats(0.1, 10), min_size=2, max_size=6), st.floats(0.01, 100))
def test_dimensions_follow_the_spectrum(values: list[float], scale: float) -> None:
    """Rows whose covariance has exactly these eigenvalues."""
    eigenvalues = np.array(values)
    d, n = len(values), 4096
    signs = np.array([[(-1) ** bin(i & j).count("1") for i in range(64)] for j in range(1, d + 1)]).T  # orthogonal
    rows = scale * np.tile(signs, (n // 64, 1)) * np.sqrt(eigenvalues)
    p = eigenvalues / eigenvalues.sum()
    assert participation_ratio(rows).plug_in == pytest.approx(1 / (p**2).sum(), rel=1e-9)
    assert effective_rank(rows).value == pytest.approx(np.exp(-(p * np.log(p)).sum()), rel=1e-9)
    q = np.sqrt(eigenvalues) / np.sqrt(eigenvalues).sum()
    assert effective_rank(rows, "singular_values").value == pytest.approx(np.exp(-(q * np.log(q)).sum()), rel=1e-9)
    assert 1 <= participation_ratio(rows).value <= d * (1 + 1e-9)


def test_correction_recovers_an_uneven_spectrum_from_few_samples() -> None:
    eigenvalues = 1 / np.arange(1, 101)
    truth = eigenvalues.sum() ** 2 / (eigenvalues**2).sum()
    rng = np.random.default_rng(5)
    found = [participation_ratio(rng.standard_normal((200, 100)) * np.sqrt(eigenvalues)) for _ in range(100)]
    value, plug_in = (np.mean([getattr(one, name) for one in found]) for name in ("value", "plug_in"))
    assert value == pytest.approx(truth, rel=0.03)
    assert plug_in < 0.95 * truth


@pytest.mark.parametrize("measure", [participation_ratio, effective_rank])
def test_dimension_refuses_what_it_cannot_judge(measure: Callable) -> None:
    for rows, reason in (
        (np.zeros((50, 4)), "zero"),
        (np.full((50, 4), 0.3), "constant"),
        (np.random.default_rng(0).normal(size=(10, 20)), "fewer than"),
        (np.full((50, 4), np.inf), "finite"),
        (np.ones((1, 4)), "constant"),
    ):
        found = measure(rows)
        assert math.isnan(found.value)
        assert reason in found.reason
    with pytest.raises(PoolscopeError, match="eigenvalues or singular_values"):
        effective_rank(np.eye(3), "roots")


# Rows, and why mutual information of distinct codes is no measure.
