"""Wavelet pooling: Haar by hand, an orthonormal transform, and the two levels of Williams & Li."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
import pytest

from poolscope.pooling import haar_pool, wavelet_bands_pool, wavelet_pool
from poolscope.pooling.wavelets import band_matrices, daubechies
from poolscope.spec.errors import PoolscopeError

pytestmark = pytest.mark.usefixtures("compiled_calls")


def test_haar_s_bands_by_hand() -> None:
    x = jnp.asarray([[1.0, 2.0], [3.0, 6.0]])[None, :, :, None]
    np.testing.assert_allclose(wavelet_bands_pool(x, 2, moments=1).ravel(), [6, -2, -3, 1], atol=1e-6)
    weights = jnp.asarray([[1.0], [0.0], [2.0], [-1.0]])
    found = wavelet_bands_pool(x, 2, moments=1, weights=weights)
    np.testing.assert_allclose(found.ravel(), [6, 0, -6, -1], atol=1e-6)
    np.testing.assert_allclose(wavelet_pool(x, 2, moments=1), haar_pool(x, 2), rtol=1e-6)


def test_the_filters_are_daubechies_s() -> None:
    root = math.sqrt(3)
    np.testing.assert_allclose(daubechies(2) * 4 * math.sqrt(2), [1 + root, 3 + root, 3 - root, 1 - root], rtol=1e-12)
    for moments in range(1, 11):
        low = daubechies(moments)
        assert len(low) == 2 * moments
        for shift in range(0, len(low), 2):  # orthogonal to its own shifts by two
            assert abs(low[shift:] @ low[: len(low) - shift] - (shift == 0)) < 1e-8
        alternating = (-1.0) ** np.arange(len(low)) * low[::-1]
        for power in range(moments):  # the high band of a polynomial is nothing
            assert abs(alternating @ np.linspace(-1, 1, len(low)) ** power) < 1e-6


@pytest.mark.parametrize("moments", [1, 2, 4])
def test_the_bands_are_an_orthonormal_map_and_the_pool_is_two_levels_down_and_one_up(moments: int) -> None:
    """Two levels down, first details dropped, second level put together again (Williams & Li 2018)."""
    first, second = (np.concatenate(band_matrices(n, n // 2, moments)) for n in (16, 8))
    np.testing.assert_allclose(first @ first.T, np.eye(16), atol=1e-9)
    x = np.random.default_rng(0).normal(size=(16, 16))
    low = (first @ x @ first.T)[:8, :8]
    rebuilt = second.T @ (second @ low @ second.T) @ second
    found = wavelet_pool(jnp.asarray(x, "float32")[..., None], 2, moments=moments)[..., 0]
    np.testing.assert_allclose(found, rebuilt, atol=1e-5)


def test_refusals() -> None:
    x = jnp.ones((1, 8, 8, 1))
    with pytest.raises(PoolscopeError, match=r"wavelet halves a map; its stride must be 2, not \[3, 3\]"):
        wavelet_pool(x, 3)
    with pytest.raises(PoolscopeError, match="wavelet_bands moments must be a whole number from 1 to 10, not 11"):
        wavelet_bands_pool(x, 2, moments=11)
