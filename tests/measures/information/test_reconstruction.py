"""How much of a map linear probes rebuild, against closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from noise_maps import max_variance, noise, pool_maps

from poolscope.measures.information import (
    Rebuilt,
    band_fidelity,
    divide_rows,
    peak_signal_to_noise,
    principal_ceiling,
    reconstruction_r2,
)
from poolscope.pooling import avg_pool, max_pool, subsample

Operator = Callable[..., np.ndarray]


@pytest.mark.parametrize("context", ["global", "local"])
def test_identity_is_rebuilt_exactly(context: str) -> None:
    images = noise(400, 8)
    found = reconstruction_r2(images, images, context=context, stride=(1, 1))
    assert found.value == pytest.approx(1, abs=1e-9)
    if context == "global":
        assert found.efficiency == pytest.approx(1, abs=1e-9)
        assert found.kept == 1


@pytest.mark.parametrize(("operator", "k"), [(avg_pool, 2), (avg_pool, 3), (subsample, 2), (subsample, 3)])
def test_average_and_subsampling_of_white_noise_keep_one_in_k_squared(operator: Operator, k: int) -> None:
    images = noise(8_000, 12)
    after = pool_maps(operator, images, k)
    found = reconstruction_r2(images, after)
    assert found.value == pytest.approx(1 / k**2 + (1 - 1 / k**2) * -found.d / found.n, abs=0.003)
    assert found.value - found.bias == pytest.approx(1 / k**2, abs=0.003)
    assert found.efficiency == pytest.approx(1, abs=0.035)
    assert found.kept == pytest.approx(1 / k**2)
    local = reconstruction_r2(images, after, context="local")
    assert local.value == pytest.approx(1 / k**2, abs=0.006)
    assert (local.d, local.unit) == (9, "R2")


@pytest.mark.parametrize(("k", "expected"), [(2, 0.1271), (3, 0.0345)])
def test_max_of_gaussian_noise_follows_steins_lemma(k: int, expected: float) -> None:
    assert 1 / (k**4 * max_variance(k**2)) == pytest.approx(expected, abs=5e-5)
    images = noise(8_000, 12)
    found = reconstruction_r2(images, pool_maps(max_pool, images, k))
    assert found.value - found.bias == pytest.approx(expected, abs=0.003)
    local = reconstruction_r2(images, pool_maps(max_pool, images, k), context="local")
    assert local.value == pytest.approx(expected, abs=0.003)


def test_max_of_rectified_noise_keeps_less_than_average() -> None:
    images = np.maximum(noise(6000, 12), 0)
    assert reconstruction_r2(images, pool_maps(max_pool, images, 2), context="local").value == pytest.approx(
        0.19, abs=0.005
    )
    assert reconstruction_r2(images, pool_maps(avg_pool, images, 2), context="local").value == pytest.approx(
        0.25, abs=0.003
    )


@pytest.mark.parametrize(
    ("side", "window", "stride", "expected"), [(13, 3, 2, 36 / 169), (12, 2, 1, 121 / 144)], ids=["overlap", "stride 1"]
)
def test_overlapping_averages_keep_their_rank(side: int, window: int, stride: int, expected: float) -> None:
    images = noise(8_000, side)
    found = reconstruction_r2(images, pool_maps(avg_pool, images, window, stride), alphas=(1e-10,))
    assert found.value - found.bias == pytest.approx(expected, abs=0.003)


def test_smoothing_alone_loses_little_to_a_linear_probe_but_max_does() -> None:
    images = noise(8_000, 12)
    assert reconstruction_r2(images, pool_maps(avg_pool, images, 2, 1)).value == pytest.approx(0.8394, abs=0.003)
    assert reconstruction_r2(images, pool_maps(max_pool, images, 2, 1)).value == pytest.approx(0.32, abs=0.01)


def test_correlated_images_match_the_closed_form() -> None:
    side, rho = 12, 0.9
    axis = rho ** np.abs(np.subtract.outer(np.arange(side), np.arange(side)))
    covariance = np.kron(axis, axis)
    root = np.linalg.cholesky(covariance)
    images = np.random.default_rng(1).standard_normal((6_000, side**2)) @ root.T
    images = images.reshape(-1, side, side, 1).astype(np.float32)

    def closed(rows: np.ndarray) -> float:
        pool = np.kron(rows, rows)
        kept = covariance @ pool.T @ np.linalg.solve(pool @ covariance @ pool.T, pool @ covariance)
        return float(np.trace(kept) / np.trace(covariance))

    average, first = np.kron(np.eye(6), [[0.5, 0.5]]), np.kron(np.eye(6), [[1.0, 0.0]])
    assert closed(average) == pytest.approx(0.9234, abs=5e-5)
    assert closed(first) == pytest.approx(0.8844, abs=5e-5)
    values = {
        operator: reconstruction_r2(images, pool_maps(operator, images, 2)).value
        for operator in (avg_pool, subsample, max_pool)
    }
    assert values[avg_pool] == pytest.approx(closed(average), abs=0.003)
    assert values[subsample] == pytest.approx(closed(first), abs=0.003)
    assert values[subsample] < values[max_pool] < values[avg_pool]
    assert values[max_pool] == pytest.approx(0.8918, abs=0.006)


def test_ceiling_is_held_out_and_bounds_linear_pooling() -> None:
    images = noise(3000, 12)
    ceiling = principal_ceiling(images)
    assert ceiling.at(36) == pytest.approx(0.25, abs=0.006)  # the fitted eigenvalues alone would promise 0.34
    assert ceiling.at(144) == pytest.approx(1)
    assert ceiling.at(0) == 0
    fitted = images[divide_rows(3000).fit].reshape(-1, 144)
    eigenvalues = np.linalg.eigvalsh(np.cov(fitted.T))[::-1]
    assert eigenvalues[:36].sum() / eigenvalues.sum() > 0.33


def test_constant_images_have_no_r2_and_no_error() -> None:
    images = np.full((60, 8, 8, 1), 0.7, np.float32)
    for context in ("global", "local"):
        found = reconstruction_r2(images, pool_maps(avg_pool, images, 2), context=context)
        assert math.isnan(found.value)
        assert found.reason == "the input is constant"
        assert found.mse == pytest.approx(0, abs=1e-12)


def test_degenerate_maps_have_no_r2_but_a_reason() -> None:
    images = noise(60, 8)
    pooled = pool_maps(avg_pool, images, 2)
    for context in ("global", "local"):
        for before, after, reason in (
            (images, np.zeros_like(pooled), "all features are zero"),
            (images, np.full_like(pooled, 0.3), "the features are constant"),
            (images[:1], pooled[:1], "1 of at least 3 samples"),
            (images[:0], pooled[:0], "0 of at least 3 samples"),
            (np.where(images > 2, np.inf, images), pooled, "an input is not finite"),
            (images, np.where(pooled > 1, np.nan, pooled), "a feature is not finite"),
        ):
            found = reconstruction_r2(before, after, context=context)
            assert math.isnan(found.value)
            assert reason in found.reason, (context, found.reason)
    few = reconstruction_r2(images[:12], pooled[:12])
    assert math.isnan(few.value) and few.reason == "8 samples are fewer than the 16 features"
    assert math.isnan(principal_ceiling(images[:2]).at(1))


def test_a_location_that_never_varies_counts_for_nothing() -> None:
    """R^2 is pooled over locations, so that a border which is always black changes neither sum."""
    images = noise(4000, 8)
    bordered = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)), constant_values=0.7)
    parts = divide_rows(4000)
    values = [reconstruction_r2(maps, pool_maps(avg_pool, maps, 2), parts=parts).value for maps in (images, bordered)]
    assert values[1] == pytest.approx(values[0], abs=1e-4)  # the penalty's scale is the mean over more features


def test_local_reconstruction_reads_each_channel_by_itself_and_skips_constant_ones() -> None:
    images = noise(1500, 12, channels=2)
    images[..., 1] = 3
    found = reconstruction_r2(images, pool_maps(avg_pool, images, 2), context="local")
    assert found.value == pytest.approx(0.25, abs=0.003)
    both = noise(1500, 12, channels=2)
    crossed = both[:, ::2, ::2, ::-1]  # each output holds the other channel
    assert reconstruction_r2(both, crossed, context="local").value == pytest.approx(0, abs=0.003)
    joint = reconstruction_r2(both, crossed, context="local", per_channel=False)
    assert (joint.value, joint.d) == (pytest.approx(0.25, abs=0.003), 18)


def test_local_reconstruction_follows_the_offset() -> None:
    images = noise(8000, 13)
    after = images[:, 1::2, 1::2]
    assert reconstruction_r2(images, after, context="local", stride=(2, 2), offset=(1, 1)).value == pytest.approx(
        0.25, abs=0.003
    )
    # A cell that begins one later holds none of its own output but a neighbour's, still in context of the 3 x 3 probe.
    far = reconstruction_r2(images, after, context="local", stride=(2, 2), offset=(5, 5)).value
    assert far == pytest.approx(0, abs=0.003)


def test_reconstructed_images_and_their_bands() -> None:
    images = noise(3000, 8)
    parts = divide_rows(3000)
    pooled = pool_maps(avg_pool, images, 2)
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
