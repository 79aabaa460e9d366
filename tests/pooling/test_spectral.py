"""Frequencies kept, scaled and dropped, and what a shift by a part of a cell does."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hand_maps import assert_refused, close, maps, normal

from poolscope.pooling import asap_pool, diffstride_pool, flc_pool, frequency_pool, spectral_pool

pytestmark = pytest.mark.usefixtures("compiled_calls")

PLACE = 2 * np.pi * np.arange(8) / 8


def test_spectral_keeps_low_frequencies_and_drops_high_ones() -> None:
    place = np.arange(16)
    low, high = np.cos(2 * np.pi * 2 * place / 16), np.cos(2 * np.pi * 6 * place / 16)
    x = maps((np.outer(np.ones(16), 3 + low + high)).tolist())
    expected = np.outer(np.ones(8), 3 + np.cos(2 * np.pi * 2 * np.arange(8) / 8))
    close(spectral_pool(x, 8)[0, :, :, 0], jnp.asarray(expected))
    y = normal(2, 7, 6, 3)
    close(spectral_pool(y, (7, 6)), y)
    odd = y[:, :, :5]
    close(spectral_pool(spectral_pool(odd, (14, 9)), (7, 5)), odd)  # padding the spectrum loses nothing
    close(spectral_pool(y, 1), y.mean((1, 2), keepdims=True))


def test_diffstride_between_spectral_pooling_and_the_mean() -> None:
    x = normal(2, 8, 8, 3)
    close(diffstride_pool(x, 2, strides=jnp.ones(2)), spectral_pool(x, 4))
    coarse = diffstride_pool(x, 2, strides=jnp.full(2, 1e6), smoothness=1.0)
    close(coarse, jnp.broadcast_to(x.mean((1, 2), keepdims=True), coarse.shape))
    move = jax.grad(lambda strides: jnp.sum(diffstride_pool(x, 2, strides=strides) ** 2))(jnp.full(2, 2.25))
    assert (np.asarray(move) != 0).all()


def wave(values: np.ndarray) -> jax.Array:
    """One row, (1, 1, 8, 1)."""
    return jnp.asarray(values, "float32")[None, None, :, None]


@pytest.mark.parametrize(
    ("pool", "low", "highest", "high"),  # amplitudes kept of frequencies 1, 2 (the new Nyquist frequency) and 3 of 8
    [
        (spectral_pool, 1, 0.5, 0),  # the mean of both signs, of which the output has one
        (frequency_pool, 1, 0, 0),
        (asap_pool, math.sqrt(0.54 + 0.46 * math.cos(math.pi / 4)), math.sqrt(0.54) / 2, 0),
    ],
)
def test_a_wave_passes_scaled_or_not_at_all(
    pool: Callable[..., jax.Array], low: float, highest: float, high: float
) -> None:
    for frequency, kept in ((0, 1), (1, low), (2, highest), (3, high)):
        found = pool(wave(np.cos(frequency * PLACE)), output_size=(1, 4)).ravel()
        np.testing.assert_allclose(found, kept * np.cos(frequency * PLACE[::2]), atol=1e-6)


def test_frequency_pooling_moves_with_any_shift_and_spectral_pooling_does_not() -> None:
    x = np.random.default_rng(0).normal(size=8)
    turn = np.exp(-2j * np.pi * np.fft.fftfreq(4) / 2)
    for pool, exact in ((frequency_pool, True), (spectral_pool, False)):
        there, moved = (np.asarray(pool(wave(values), output_size=(1, 4))).ravel() for values in (x, np.roll(x, 1)))
        error = np.abs(np.fft.ifft(np.fft.fft(there) * turn) - moved).max()
        assert (error < 1e-6) == exact


def test_flc_is_the_magnitude_of_a_spectrum_with_one_sign_of_its_highest_frequency() -> None:
    positive = 3 + np.cos(PLACE)
    found = flc_pool(wave(positive), output_size=(1, 4))
    np.testing.assert_allclose(found, spectral_pool(wave(positive), (1, 4)), atol=1e-6)
    np.testing.assert_allclose(flc_pool(wave(-positive), (1, 4)), found, atol=1e-6)
    quarter = 3 + 2 * np.sin(2 * PLACE)  # of 2 sin only one half is kept, at a right angle to the mean: |3 + i (+-1)|
    np.testing.assert_allclose(flc_pool(wave(quarter), (1, 4)).ravel(), [math.sqrt(10)] * 4, rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda x: spectral_pool(x, 0), "spectral output_size must be at least 1, not 0"),
        (lambda x: diffstride_pool(x, 2, strides=jnp.ones(2), smoothness=0.0), "smoothness must be above 0, not 0.0"),
    ],
)
def test_what_can_t_work_is_refused_in_one_sentence(call: Any, sentence: str) -> None:
    assert_refused(call, sentence)
