"""Where something is, against what windows leave of it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from noise_maps import pool_maps

from poolscope.measures.information import (
    Parts,
    divide_groups,
    location_error,
    location_phase,
    paste_glyphs,
)
from poolscope.pooling import avg_pool, max_pool, subsample
from poolscope.spec.errors import PoolscopeError


def _impulses(side: int) -> tuple[np.ndarray, np.ndarray, Parts]:
    """An impulse at every place; three copies, so that the probe is fitted, chosen and tried on all places."""
    places = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), -1).reshape(-1, 2)
    images = np.zeros((side**2, side, side, 1), np.float32)
    images[np.arange(side**2), places[:, 0], places[:, 1], 0] = 1
    rows = np.arange(3 * side**2).reshape(3, -1)
    return np.tile(images, (3, 1, 1, 1)), np.tile(places, (3, 1)), Parts(*rows)


@pytest.mark.parametrize("probe", ["marginal", "full"])
@pytest.mark.parametrize(("k", "rmse"), [(1, 0), (2, 0.5), (3, 0.816), (4, 1.118)])
def test_an_impulse_is_located_up_to_its_window(k: int, rmse: float, probe: str) -> None:
    side = 12
    images, places, parts = _impulses(side)
    assert rmse == pytest.approx(math.sqrt((k**2 - 1) / 12), abs=1e-3)
    for operator in (avg_pool, max_pool):
        found = location_error(pool_maps(operator, images, k), places, side, parts=parts, probe=probe, alphas=(1e-10,))
        assert found.value == pytest.approx(math.sqrt((k**2 - 1) / 12), abs=1e-4)
        assert found.r2 == pytest.approx(1 - (k**2 - 1) / (side**2 - 1), abs=1e-6)


def test_overlap_keeps_location() -> None:
    side = 25
    images, places, parts = _impulses(side)
    maps = pool_maps(avg_pool, images, 3, 2)
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
    apart = location_error(pool_maps(avg_pool, images[:, :24, :24], 2), places, side, parts=parts, alphas=(1e-10,))
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
    for maps in (images, pool_maps(max_pool, images, 2)):
        marginal, full = (
            location_error(maps, stimuli.places, 8, parts=parts, probe=probe) for probe in ("marginal", "full")
        )
        assert marginal.value == pytest.approx(full.value, abs=0.02)
        assert marginal.value <= full.value  # the same best probe, from fewer features


def test_phase_is_read_before_subsampling_and_lost_after_averaging() -> None:
    images, places, _ = _impulses(16)
    heights = np.random.default_rng(0).permutation(np.repeat([1, 2, 3], len(images) // 3)).reshape(-1, 1, 1, 1)
    rows = np.random.default_rng(0).permutation(len(images))
    images, places = (images * heights.astype(np.float32))[rows], places[rows]
    before = location_phase(images, places, 2)
    after = location_phase(pool_maps(avg_pool, images, 2), places, 2, map_jump=2)
    assert before.value == 1
    assert (after.chance, after.d) == (0.25, 1)
    assert after.value == pytest.approx(0.25, abs=0.08)
    kept = location_phase(pool_maps(subsample, images, 2), places, 2, map_jump=2)
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
    few = location_error(images[:30], places[:30], 8, probe="full")
    assert math.isnan(few.value)
    assert "fewer than" in few.reason
