"""The measures of information against cases whose answers are known: closed forms, exact stimuli, degenerate input."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf

from poolscope.measures.information import (
    Rebuilt,
    aliasing_ratio,
    band_fidelity,
    divide_rows,
    peak_signal_to_noise,
    principal_ceiling,
    radial_spectrum,
    reconstruction_r2,
)
from poolscope.pooling import avg_pool, blur_pool, max_blur_pool, max_pool, subsample

Operator = Callable[..., np.ndarray]


def _pool(operator: Callable, images: np.ndarray, window: int, stride: int | None = None, **options) -> np.ndarray:
    return np.asarray(operator(jnp.asarray(images, jnp.float32), window, stride, **options), np.float64)


def _dense(operator: Callable, images: np.ndarray, window: int, **options) -> np.ndarray:
    """The operator at stride 1 with wrapped edges; 8 spare cells keep any edge rule of its own out."""
    height, width = images.shape[1:3]
    wrapped = np.pad(images, ((0, 0), (8, 8 + window - 1), (8, 8 + window - 1), (0, 0)), mode="wrap")
    return _pool(operator, wrapped, window, 1, **options)[:, 8 : 8 + height, 8 : 8 + width]


def _noise(n: int, side: int, seed: int = 0, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, side, side, channels)).astype(np.float32)


def _max_variance(count: int) -> float:
    """Variance of the maximum of `count` standard normals, by numerical integration."""
    x = np.linspace(-9, 9, 20001)
    density = count * np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi) * ((1 + erf(x / math.sqrt(2))) / 2) ** (count - 1)
    step = x[1] - x[0]
    mean = (x * density).sum() * step
    return float((x**2 * density).sum() * step - mean**2)


# I1: reconstruction. `bias` is what finite samples are expected to cost.


@pytest.mark.parametrize("reach", ["global", "local"])
def test_identity_is_rebuilt_exactly(reach: str) -> None:
    images = _noise(400, 8)
    found = reconstruction_r2(images, images, reach=reach, stride=(1, 1))
    assert found.value == pytest.approx(1, abs=1e-9)
    if reach == "global":
        assert found.efficiency == pytest.approx(1, abs=1e-9)
        assert found.kept == 1


@pytest.mark.parametrize(("operator", "k"), [(avg_pool, 2), (avg_pool, 3), (subsample, 2), (subsample, 3)])
def test_average_and_subsampling_of_white_noise_keep_one_in_k_squared(operator: Operator, k: int) -> None:
    images = _noise(20_000, 12)
    after = _pool(operator, images, k)
    found = reconstruction_r2(images, after)
    assert found.value == pytest.approx(1 / k**2 + (1 - 1 / k**2) * -found.d / found.n, abs=0.002)
    assert found.value - found.bias == pytest.approx(1 / k**2, abs=0.002)
    assert found.efficiency == pytest.approx(1, abs=0.02)
    assert found.kept == pytest.approx(1 / k**2)
    local = reconstruction_r2(images, after, reach="local")
    assert local.value == pytest.approx(1 / k**2, abs=0.003)
    assert (local.d, local.unit) == (9, "R2")


@pytest.mark.parametrize(("k", "expected"), [(2, 0.1271), (3, 0.0345)])
def test_max_of_gaussian_noise_follows_steins_lemma(k: int, expected: float) -> None:
    assert 1 / (k**4 * _max_variance(k**2)) == pytest.approx(expected, abs=5e-5)
    images = _noise(20_000, 12)
    found = reconstruction_r2(images, _pool(max_pool, images, k))
    assert found.value - found.bias == pytest.approx(expected, abs=0.003)
    local = reconstruction_r2(images, _pool(max_pool, images, k), reach="local")
    assert local.value == pytest.approx(expected, abs=0.003)


def test_max_of_rectified_noise_keeps_less_than_average() -> None:
    images = np.maximum(_noise(6000, 12), 0)
    assert reconstruction_r2(images, _pool(max_pool, images, 2), reach="local").value == pytest.approx(0.19, abs=0.005)
    assert reconstruction_r2(images, _pool(avg_pool, images, 2), reach="local").value == pytest.approx(0.25, abs=0.003)


@pytest.mark.parametrize(
    ("side", "window", "stride", "expected"), [(13, 3, 2, 36 / 169), (12, 2, 1, 121 / 144)], ids=["overlap", "stride 1"]
)
def test_overlapping_averages_keep_their_rank(side: int, window: int, stride: int, expected: float) -> None:
    images = _noise(20_000, side)
    found = reconstruction_r2(images, _pool(avg_pool, images, window, stride), alphas=(1e-10,))
    assert found.value - found.bias == pytest.approx(expected, abs=0.002)


def test_smoothing_alone_loses_little_to_a_linear_reader_but_max_does() -> None:
    images = _noise(20_000, 12)
    assert reconstruction_r2(images, _pool(avg_pool, images, 2, 1)).value == pytest.approx(0.8394, abs=0.003)
    assert reconstruction_r2(images, _pool(max_pool, images, 2, 1)).value == pytest.approx(0.32, abs=0.01)


def test_correlated_images_match_the_closed_form() -> None:
    side, rho = 12, 0.9
    axis = rho ** np.abs(np.subtract.outer(np.arange(side), np.arange(side)))
    covariance = np.kron(axis, axis)
    root = np.linalg.cholesky(covariance)
    images = np.random.default_rng(1).standard_normal((12_000, side**2)) @ root.T
    images = images.reshape(-1, side, side, 1).astype(np.float32)

    def closed(rows: np.ndarray) -> float:
        pool = np.kron(rows, rows)
        kept = covariance @ pool.T @ np.linalg.solve(pool @ covariance @ pool.T, pool @ covariance)
        return float(np.trace(kept) / np.trace(covariance))

    average, first = np.kron(np.eye(6), [[0.5, 0.5]]), np.kron(np.eye(6), [[1.0, 0.0]])
    assert closed(average) == pytest.approx(0.9234, abs=5e-5)
    assert closed(first) == pytest.approx(0.8844, abs=5e-5)
    values = {
        operator: reconstruction_r2(images, _pool(operator, images, 2)).value
        for operator in (avg_pool, subsample, max_pool)
    }
    assert values[avg_pool] == pytest.approx(closed(average), abs=0.002)
    assert values[subsample] == pytest.approx(closed(first), abs=0.002)
    assert values[subsample] < values[max_pool] < values[avg_pool]
    assert values[max_pool] == pytest.approx(0.8918, abs=0.004)


def test_ceiling_is_held_out_and_bounds_linear_pooling() -> None:
    images = _noise(3000, 12)
    ceiling = principal_ceiling(images)
    assert ceiling.at(36) == pytest.approx(0.25, abs=0.006)  # the fitted eigenvalues alone would promise 0.34
    assert ceiling.at(144) == pytest.approx(1)
    assert ceiling.at(0) == 0
    fitted = images[divide_rows(3000).fit].reshape(-1, 144)
    eigenvalues = np.linalg.eigvalsh(np.cov(fitted.T))[::-1]
    assert eigenvalues[:36].sum() / eigenvalues.sum() > 0.33


def test_constant_images_have_no_r2_and_no_error() -> None:
    images = np.full((60, 8, 8, 1), 0.7, np.float32)
    for reach in ("global", "local"):
        found = reconstruction_r2(images, _pool(avg_pool, images, 2), reach=reach)
        assert math.isnan(found.value)
        assert found.reason == "the input is constant"
        assert found.mse == pytest.approx(0, abs=1e-12)


def test_degenerate_maps_have_no_r2_but_a_reason() -> None:
    images = _noise(60, 8)
    pooled = _pool(avg_pool, images, 2)
    for reach in ("global", "local"):
        for before, after, reason in (
            (images, np.zeros_like(pooled), "all features are zero"),
            (images, np.full_like(pooled, 0.3), "the features are constant"),
            (images[:1], pooled[:1], "1 of at least 3 samples"),
            (images[:0], pooled[:0], "0 of at least 3 samples"),
            (np.where(images > 2, np.inf, images), pooled, "an input is not finite"),
            (images, np.where(pooled > 1, np.nan, pooled), "a feature is not finite"),
        ):
            found = reconstruction_r2(before, after, reach=reach)
            assert math.isnan(found.value)
            assert reason in found.reason, (reach, found.reason)
    few = reconstruction_r2(images[:12], pooled[:12])
    assert math.isnan(few.value) and few.reason == "8 samples are fewer than the 16 features"
    assert math.isnan(principal_ceiling(images[:2]).at(1))


def test_a_location_that_never_varies_counts_for_nothing() -> None:
    """R^2 is pooled over locations, so that a border which is always black changes neither sum."""
    images = _noise(4000, 8)
    bordered = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)), constant_values=0.7)
    parts = divide_rows(4000)
    values = [reconstruction_r2(maps, _pool(avg_pool, maps, 2), parts=parts).value for maps in (images, bordered)]
    assert values[1] == pytest.approx(values[0], abs=1e-4)  # the penalty's scale is the mean over more features


def test_local_reconstruction_reads_each_channel_by_itself_and_skips_constant_ones() -> None:
    images = _noise(1500, 12, channels=2)
    images[..., 1] = 3
    found = reconstruction_r2(images, _pool(avg_pool, images, 2), reach="local")
    assert found.value == pytest.approx(0.25, abs=0.003)
    both = _noise(1500, 12, channels=2)
    crossed = both[:, ::2, ::2, ::-1]  # each output holds the other channel
    assert reconstruction_r2(both, crossed, reach="local").value == pytest.approx(0, abs=0.003)
    joint = reconstruction_r2(both, crossed, reach="local", per_channel=False)
    assert (joint.value, joint.d) == (pytest.approx(0.25, abs=0.003), 18)


def test_local_reconstruction_follows_the_offset() -> None:
    images = _noise(8000, 13)
    after = images[:, 1::2, 1::2]
    assert reconstruction_r2(images, after, reach="local", stride=(2, 2), offset=(1, 1)).value == pytest.approx(
        0.25, abs=0.003
    )
    # A cell that begins one later holds none of its own output but a neighbour's, still in reach of the 3 x 3 reader.
    far = reconstruction_r2(images, after, reach="local", stride=(2, 2), offset=(5, 5)).value
    assert far == pytest.approx(0, abs=0.003)


def test_reconstructed_images_and_their_bands() -> None:
    images = _noise(3000, 8)
    parts = divide_rows(3000)
    pooled = _pool(avg_pool, images, 2)
    found = reconstruction_r2(images, pooled, parts=parts)
    assert isinstance(found, Rebuilt)
    rebuilt = found.rebuild(pooled[parts.test], (8, 8, 1))
    truth = images[parts.test].astype(np.float64)
    fidelity = band_fidelity(truth, rebuilt)
    assert fidelity.power[0] > 0.6  # low frequencies survive an average
    assert fidelity.power[0] > fidelity.power[-1]
    r2 = 1 - ((truth - rebuilt) ** 2).sum() / ((truth - images[parts.fit].mean(0)) ** 2).sum()
    assert r2 == pytest.approx(found.value, abs=1e-9)
    # PSNR = 10 log10(MAX^2 / ((1 - R^2) Var))
    assert peak_signal_to_noise(truth, rebuilt, 2.0) == pytest.approx(
        10 * math.log10(4 / ((1 - r2) * np.mean((truth - images[parts.fit].mean(0)) ** 2))), abs=1e-9
    )


# I2: aliasing.


def _cosine(frequency: float, side: int = 32) -> np.ndarray:
    wave = np.cos(2 * np.pi * frequency * np.arange(side))
    return np.broadcast_to(wave[None, None, :, None], (1, side, side, 1)).astype(np.float64)


def test_identity_does_not_alias() -> None:
    assert aliasing_ratio(_noise(4, 16), 1).value == 0


@pytest.mark.parametrize(("frequency", "gain"), [(1 / 16, 0.9619), (1 / 8, 0.8536), (3 / 8, 0.1464), (1 / 2, 0.0)])
def test_average_passes_cosines_by_its_transfer_function(frequency: float, gain: float) -> None:
    wave = _cosine(frequency)
    dense = _dense(partial(avg_pool), np.repeat(wave[:, :1], 32, 1), 2)
    assert (dense**2).sum() / (wave**2).sum() == pytest.approx(math.cos(math.pi * frequency) ** 2, abs=1e-6)
    assert gain == pytest.approx(math.cos(math.pi * frequency) ** 2, abs=1e-4)


def test_period_two_becomes_zero_or_constant() -> None:
    wave = _cosine(0.5)
    assert not _pool(avg_pool, wave, 2).any()
    assert (_pool(subsample, wave, 2) == 1).all()
    assert (_pool(max_pool, wave, 2) == 1).all()
    assert math.isnan(aliasing_ratio(_dense(max_pool, wave, 2), 2).value)  # all its energy has moved to the mean


@pytest.mark.parametrize("operator", [subsample, avg_pool, blur_pool])
def test_everything_above_the_new_nyquist_aliases(operator: Operator) -> None:
    assert aliasing_ratio(_dense(operator, _cosine(3 / 8), 2), 2).value == pytest.approx(1, abs=1e-9)
    assert aliasing_ratio(_dense(operator, _cosine(1 / 8), 2), 2).value == pytest.approx(0, abs=1e-9)


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
    found = aliasing_ratio(_dense(operator, _noise(6, 128), 2, **options), 2)
    assert found.value == pytest.approx(expected, abs=0.015)
    assert (found.n, found.unit) == (6, "share of AC energy")


def test_natural_like_images_order_the_operators_by_aliasing() -> None:
    side = 32
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side), indexing="ij"))
    radius[0, 0] = np.inf
    spectrum = np.fft.fft2(_noise(300, side)[..., 0]) / radius
    images = np.real(np.fft.ifft2(spectrum))[..., None]
    values = [
        aliasing_ratio(_dense(operator, images, 2), 2).value
        for operator in (max_blur_pool, blur_pool, avg_pool, max_pool, subsample)
    ]
    assert values == sorted(values)
    assert values == pytest.approx([0.013, 0.022, 0.061, 0.121, 0.230], abs=0.02)


def test_aliasing_weighs_channels_by_their_energy() -> None:
    waves = np.concatenate([_cosine(1 / 8), 2 * _cosine(3 / 8)], -1)
    assert aliasing_ratio(waves, 2).value == pytest.approx(0.8)


def test_radial_spectrum_of_white_noise_is_flat_and_of_a_wave_is_a_line() -> None:
    flat = radial_spectrum(_noise(200, 32, channels=2))
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
