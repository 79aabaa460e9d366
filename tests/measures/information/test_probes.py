"""What readers find in features: labels, places and dimensions, against values known beforehand."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import erf

from poolscope.measures.information import (
    Parts,
    divide_groups,
    divide_rows,
    effective_rank,
    label_information,
    location_error,
    location_phase,
    participation_ratio,
    paste_glyphs,
    pixel_entropy,
    plug_in_information,
    reconstruction_r2,
)
from poolscope.measures.information.labels import fit_logistic
from poolscope.pooling import avg_pool, max_pool, subsample
from poolscope.spec.errors import PoolscopeError

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


# I3: label information.


def _blobs(n: int, d: int = 5, spread: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    return rng.normal(size=(n, d)) * spread + labels[:, None] * np.eye(d)[0] * 2, labels


@pytest.mark.parametrize("reader", ["linear", "neighbours"])
def test_separated_classes_give_their_whole_entropy(reader: str) -> None:
    features, labels = _blobs(1000, spread=0.02)
    found = label_information(features, labels, reader=reader)
    assert found.entropy == pytest.approx(1, abs=0.01)
    assert found.value == pytest.approx(found.entropy, abs=0.1)
    assert (found.accuracy, found.unit) == (1, "bits")


def test_information_of_two_gaussians_matches_the_integral() -> None:
    """A linear reader is optimal for two Gaussians of equal covariance, so I_V is the mutual information."""
    x = np.linspace(-8, 10, 20001)
    p0, p1 = (np.exp(-((x - mean) ** 2) / 2) / math.sqrt(2 * math.pi) for mean in (0, 2))
    mixture = (p0 + p1) / 2
    step = x[1] - x[0]
    bits = step * sum((p / 2 * np.log2(p / mixture)).sum() for p in (p0, p1))
    features, labels = _blobs(30_000)
    assert label_information(features, labels).value == pytest.approx(float(bits), abs=0.02)


@pytest.mark.parametrize("reader", ["linear", "neighbours"])
def test_permuted_labels_carry_nothing(reader: str) -> None:
    features, labels = _blobs(2000)
    permuted = np.random.default_rng(3).permutation(labels)
    assert label_information(features, permuted, reader=reader).value <= 0.005


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
    with pytest.raises(PoolscopeError, match="reader must be linear or neighbours"):
        label_information(features, labels, reader="deep")


def test_the_linear_reader_minimises_its_objective() -> None:
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


# I4: location.


def _impulses(side: int) -> tuple[np.ndarray, np.ndarray, Parts]:
    """An impulse at every place; three copies, so that the reader is fitted, chosen and tried on all places."""
    places = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), -1).reshape(-1, 2)
    images = np.zeros((side**2, side, side, 1), np.float32)
    images[np.arange(side**2), places[:, 0], places[:, 1], 0] = 1
    rows = np.arange(3 * side**2).reshape(3, -1)
    return np.tile(images, (3, 1, 1, 1)), np.tile(places, (3, 1)), Parts(*rows)


@pytest.mark.parametrize("reader", ["marginal", "full"])
@pytest.mark.parametrize(("k", "rmse"), [(1, 0), (2, 0.5), (3, 0.816), (4, 1.118)])
def test_an_impulse_is_located_up_to_its_window(k: int, rmse: float, reader: str) -> None:
    images, places, parts = _impulses(24)
    assert rmse == pytest.approx(math.sqrt((k**2 - 1) / 12), abs=1e-3)
    for operator in (avg_pool, max_pool):
        found = location_error(_pool(operator, images, k), places, 24, parts=parts, reader=reader, alphas=(1e-10,))
        assert found.value == pytest.approx(math.sqrt((k**2 - 1) / 12), abs=1e-4)
        assert found.r2 == pytest.approx(1 - (k**2 - 1) / (24**2 - 1), abs=1e-6)


def test_overlap_keeps_location() -> None:
    side = 25
    images, places, parts = _impulses(side)
    maps = _pool(avg_pool, images, 3, 2)
    maps = maps / maps.sum((1, 2), keepdims=True)
    found = location_error(maps, places, side, parts=parts, alphas=(1e-10,))
    assert found.value == pytest.approx(0.21, abs=0.005)
    # On one axis: rows 1, 3, ... lie in one window and rows 2, 4, ... in two, so all but the ends have their own code.
    codes = np.array([[float(2 * w <= p <= 2 * w + 2) for w in range(12)] for p in range(side)])
    codes /= codes.sum(1, keepdims=True)
    assert (codes[0] == codes[1]).all()
    assert (codes[-1] == codes[-2]).all()
    exact = codes @ np.linalg.lstsq(codes, np.arange(side), rcond=None)[0] - np.arange(side)
    assert found.value == pytest.approx(math.sqrt((exact**2).mean()), abs=1e-6)
    assert abs(exact[3:-3]).max() < 0.1
    apart = location_error(_pool(avg_pool, images[:, :24, :24], 2), places, side, parts=parts, alphas=(1e-10,))
    assert found.value < apart.value


def test_global_pooling_forgets_the_place() -> None:
    images, places, _ = _impulses(16)
    once = slice(16**2)  # an impulse of height 1 and one of height 2 at every place, so that what is pooled varies
    images, places = np.concatenate([images[once], 2 * images[once]] * 3), np.concatenate([places[once]] * 6)
    parts = Parts(*np.arange(len(images)).reshape(3, -1))
    for pooled in (images.mean((1, 2), keepdims=True), images.max((1, 2), keepdims=True)):
        found = location_error(pooled, places, 16, parts=parts)
        assert found.r2 == pytest.approx(0, abs=1e-9)
        assert found.value == pytest.approx(math.sqrt((16**2 - 1) / 12), abs=1e-6)
    glyphs = np.random.default_rng(0).integers(1, 255, (50, 5, 5)).astype(np.uint8)
    stimuli = paste_glyphs(glyphs, 16, 6000)
    pooled = stimuli.images.mean((1, 2), keepdims=True)
    found = location_error(pooled, stimuli.places, 16, parts=divide_groups(stimuli.glyphs))
    assert found.r2 == pytest.approx(0, abs=0.02)


def test_pasted_glyphs_lie_where_they_are_said_to() -> None:
    glyph = np.arange(1, 7, dtype=np.uint8).reshape(1, 2, 3)
    stimuli = paste_glyphs(glyph, 7, 300, seed=4)
    for image, (row, column) in zip(stimuli.images[..., 0], stimuli.places, strict=True):
        assert (np.roll(image, (-row, -column), (0, 1))[:2, :3] == glyph[0]).all()
        assert image.sum() == 21
    assert set(stimuli.places.ravel()) == set(range(7))
    with pytest.raises(PoolscopeError, match="side must be at least the 3 pixels"):
        paste_glyphs(glyph, 2, 1)


def test_marginals_lose_nothing_of_wrapped_glyphs() -> None:
    glyphs = np.random.default_rng(0).integers(1, 255, (40, 4, 4)).astype(np.uint8)
    stimuli = paste_glyphs(glyphs, 8, 4000)
    images = stimuli.images.astype(np.float32) / 255
    parts = divide_groups(stimuli.glyphs)
    for maps in (images, _pool(max_pool, images, 2)):
        marginal, full = (
            location_error(maps, stimuli.places, 8, parts=parts, reader=reader) for reader in ("marginal", "full")
        )
        assert marginal.value == pytest.approx(full.value, abs=0.02)
        assert marginal.value <= full.value  # the same best reader, from fewer features


def test_phase_is_read_before_subsampling_and_lost_after_averaging() -> None:
    images, places, _ = _impulses(16)
    heights = np.random.default_rng(0).permutation(np.repeat([1, 2, 3], len(images) // 3)).reshape(-1, 1, 1, 1)
    rows = np.random.default_rng(0).permutation(len(images))
    images, places = (images * heights.astype(np.float32))[rows], places[rows]
    before = location_phase(images, places, 2)
    after = location_phase(_pool(avg_pool, images, 2), places, 2, map_jump=2)
    assert before.value == 1
    assert (after.chance, after.d) == (0.25, 1)
    assert after.value == pytest.approx(0.25, abs=0.08)
    kept = location_phase(_pool(subsample, images, 2), places, 2, map_jump=2)
    assert kept.value == pytest.approx(0.5, abs=0.09)  # only "was it the one cell that is kept" is left
    assert "one phase" in location_phase(images, places, 1).reason


def test_location_refuses_what_it_cannot_judge() -> None:
    images, places, parts = _impulses(8)
    for maps, where, reason in (
        (np.zeros_like(images), places, "zero"),
        (np.full_like(images, 0.3), places, "constant"),
        (images, np.zeros_like(places), "only one place"),
        (images[:1], places[:1], "1 of at least 3 samples"),
        (np.where(images == 1, np.inf, images), places, "not finite"),
    ):
        found = location_error(maps, where, 8, parts=parts if len(maps) > 1 else None)
        assert math.isnan(found.value) and math.isnan(found.r2) and reason in found.reason
        phase = location_phase(maps, where, 2, parts=parts if len(maps) > 1 else None)
        assert math.isnan(phase.value) and (reason in phase.reason or "phase" in phase.reason)
    few = location_error(images[:30], places[:30], 8, reader="full")
    assert math.isnan(few.value)
    assert "fewer than" in few.reason


# I5: dimensions.


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


def test_rows_are_divided_without_overlap() -> None:
    parts = divide_rows(100)
    assert (len(parts.fit), len(parts.select), len(parts.test)) == (70, 15, 15)
    groups = np.repeat(np.arange(20), 5)
    kept = divide_groups(groups)
    assert not set(groups[kept.fit]) & set(groups[kept.test])
    with pytest.raises(PoolscopeError, match="disjoint"):
        Parts(np.arange(3), np.arange(2), np.arange(5, 6))
    with pytest.raises(PoolscopeError, match="at least 3 rows"):
        divide_rows(2)


def test_distinct_codes_hide_all_loss_from_plug_in_information() -> None:
    images = np.random.default_rng(0).random((512, 8, 8, 1)).astype(np.float32)
    pooled = [images.reshape(512, 8 // k, k, 8 // k, k, 1).mean((2, 4)) for k in (1, 2, 4, 8)]
    assert [plug_in_information(codes) for codes in pooled] == [9.0, 9.0, 9.0, 9.0]
    losses = [reconstruction_r2(images, codes).value for codes in pooled]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] - losses[-1] > 0.9


def test_pixel_entropy_ignores_order_and_rises_under_averaging() -> None:
    binary = (np.random.default_rng(0).random((200, 8, 8, 1)) < 0.3).astype(np.float32)
    shuffled = np.random.default_rng(1).permutation(binary.ravel()).reshape(binary.shape)
    assert pixel_entropy(binary) == pytest.approx(pixel_entropy(shuffled))
    assert pixel_entropy(binary) == pytest.approx(-0.3 * math.log2(0.3) - 0.7 * math.log2(0.7), abs=0.02)
    assert pixel_entropy(_pool(avg_pool, binary, 2)) > pixel_entropy(binary) + 0.5
