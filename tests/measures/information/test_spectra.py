"""Aliasing and spectra, against transfer functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from noise_maps import noise, pool_maps, stride1_maps

from poolscope.measures.information import (
    aliasing_ratio,
    band_fidelity,
    peak_signal_to_noise,
    radial_spectrum,
)
from poolscope.pooling import avg_pool, blur_pool, max_blur_pool, max_pool, subsample

Operator = Callable[..., np.ndarray]


def _cosine(frequency: float, side: int = 32) -> np.ndarray:
    wave = np.cos(2 * np.pi * frequency * np.arange(side))
    return np.broadcast_to(wave[None, None, :, None], (1, side, side, 1)).astype(np.float64)


def test_identity_does_not_alias() -> None:
    assert aliasing_ratio(noise(4, 16), 1).value == 0


@pytest.mark.parametrize(("frequency", "gain"), [(1 / 16, 0.9619), (1 / 8, 0.8536), (3 / 8, 0.1464), (1 / 2, 0.0)])
def test_average_passes_cosines_by_its_transfer_function(frequency: float, gain: float) -> None:
    wave = _cosine(frequency)
    dense = stride1_maps(partial(avg_pool), np.repeat(wave[:, :1], 32, 1), 2)
    assert (dense**2).sum() / (wave**2).sum() == pytest.approx(math.cos(math.pi * frequency) ** 2, abs=1e-6)
    assert gain == pytest.approx(math.cos(math.pi * frequency) ** 2, abs=1e-4)


def test_period_two_becomes_zero_or_constant() -> None:
    wave = _cosine(0.5)
    assert not pool_maps(avg_pool, wave, 2).any()
    assert (pool_maps(subsample, wave, 2) == 1).all()
    assert (pool_maps(max_pool, wave, 2) == 1).all()
    assert math.isnan(aliasing_ratio(stride1_maps(max_pool, wave, 2), 2).value)  # all its energy has moved to the mean


@pytest.mark.parametrize("operator", [subsample, avg_pool, blur_pool])
def test_everything_above_the_new_nyquist_aliases(operator: Operator) -> None:
    assert aliasing_ratio(stride1_maps(operator, _cosine(3 / 8), 2), 2).value == pytest.approx(1, abs=1e-9)
    assert aliasing_ratio(stride1_maps(operator, _cosine(1 / 8), 2), 2).value == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("operator", "options", "expected"),
    [
        (subsample, {}, 0.750),
        (avg_pool, {}, 0.331),
        (blur_pool, {"filter_size": 3}, 0.146),
        (blur_pool, {"filter_size": 4}, 0.065),
        (blur_pool, {"filter_size": 5}, 0.030),
    ],
)
def test_white_noise_aliases_by_the_transfer_function(operator: Operator, options: dict, expected: float) -> None:
    f = (np.arange(4000) + 0.5) / 4000 - 0.5
    taps = options.get("filter_size", 2 if operator is avg_pool else 1)
    power = np.cos(np.pi * f) ** (2 * (taps - 1))  # a binomial filter of t taps is t - 1 averages of two
    share = power[np.abs(f) < 0.25].sum() / power.sum()
    assert 1 - share**2 == pytest.approx(expected, abs=1e-3)
    found = aliasing_ratio(stride1_maps(operator, noise(6, 128), 2, **options), 2)
    assert found.value == pytest.approx(expected, abs=0.015)
    assert (found.n, found.unit) == (6, "share of AC energy")


def test_natural_like_images_order_the_operators_by_aliasing() -> None:
    side = 32
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side), indexing="ij"))
    radius[0, 0] = np.inf
    spectrum = np.fft.fft2(noise(300, side)[..., 0]) / radius
    images = np.real(np.fft.ifft2(spectrum))[..., None]
    values = [
        aliasing_ratio(stride1_maps(operator, images, 2), 2).value
        for operator in (max_blur_pool, blur_pool, avg_pool, max_pool, subsample)
    ]
    assert values == sorted(values)
    assert values == pytest.approx([0.013, 0.022, 0.061, 0.121, 0.230], abs=0.02)


def test_aliasing_weighs_channels_by_their_energy() -> None:
    waves = np.concatenate([_cosine(1 / 8), 2 * _cosine(3 / 8)], -1)
    assert aliasing_ratio(waves, 2).value == pytest.approx(0.8)


def test_radial_spectrum_of_white_noise_is_flat_and_of_a_wave_is_a_line() -> None:
    flat = radial_spectrum(noise(200, 32, channels=2))
    assert flat.power == pytest.approx(np.ones(16), abs=0.05)
    line = radial_spectrum(_cosine(1 / 4))
    assert line.frequencies[line.power.argmax()] == pytest.approx(0.25, abs=0.02)
    assert np.sort(line.power)[-2] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        (np.full((3, 8, 8, 1), 0.3), "the output is constant"),
        (np.zeros((3, 8, 8, 2)), "all outputs are zero"),
        (np.full((3, 8, 8, 1), np.inf), "a value is not finite"),
        (np.zeros((0, 8, 8, 1)), "there are no maps"),
    ],
)
def test_what_does_not_vary_does_not_alias(images: np.ndarray, reason: str) -> None:
    found = aliasing_ratio(images, 2)
    assert math.isnan(found.value)
    assert found.reason == reason
    assert np.isnan(radial_spectrum(images).power).all() or not images.size or not radial_spectrum(images).power.any()
    assert not np.isfinite(band_fidelity(images, images).power).any()
    assert not math.isfinite(peak_signal_to_noise(images, images))
