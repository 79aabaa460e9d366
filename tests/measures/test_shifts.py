"""Invariance measures against brute force, and networks whose invariance follows from their geometry."""

from __future__ import annotations

import itertools
import math

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolscope.measures import shifts
from poolscope.measures.shifts import (
    Shifted,
    agreement_map,
    logit_stability,
    mean_distance,
    predict_shifts,
    ray_shifts,
    score_images,
    shift_accuracy,
    shift_by_waves,
    shift_consistency,
    shift_images,
    square_shifts,
    worst_shift_accuracy,
)
from poolscope.spec.config import DataConfig, ModelConfig, PoolConfig, RunConfig
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.plan import plan_network
from poolscope.training.network import ConvNet


@given(st.integers(2, 6), st.integers(1, 5), st.integers(2, 4), st.integers(0, 1000))
def test_consistency_equals_the_count_over_all_pairs(shifts: int, images: int, classes: int, seed: int) -> None:
    predictions = np.random.default_rng(seed).integers(0, classes, (shifts, images))
    agreeing = [
        predictions[a, i] == predictions[b, i]
        for i in range(images)
        for a, b in itertools.permutations(range(shifts), 2)
    ]
    assert shift_consistency(predictions) == pytest.approx(np.mean(agreeing))
    of_images = np.reshape(agreeing, (images, -1)).mean(axis=1)
    np.testing.assert_allclose(score_images(predictions), of_images)


def test_a_constant_classifier_is_consistent_and_no_better_than_chance() -> None:
    labels = np.arange(50) % 5
    predictions = np.full((49, 50), 3)
    assert shift_consistency(predictions) == 1
    assert worst_shift_accuracy(predictions, labels) == 0.2
    assert worst_shift_accuracy(predictions[:1], labels) == 0.2


def test_worst_shift_accuracy_counts_images_that_are_always_right() -> None:
    predictions = np.array([[0, 1, 2], [0, 1, 1], [0, 2, 2]])
    assert worst_shift_accuracy(predictions, np.array([0, 1, 2])) == pytest.approx(1 / 3)
    assert math.isnan(shift_consistency(predictions[:1]))


@pytest.mark.parametrize(
    "logits", [np.empty((0, 3)), np.full((2, 3), np.nan), np.array([[0, 1, 2], [0, np.inf, 1]])], ids=str
)
def test_no_image_and_endless_logits_have_no_consistency(logits: np.ndarray) -> None:
    shifted = predict_shifts(lambda given: logits, np.ones((len(logits), 4, 4, 1)), square_shifts(1))
    assert math.isnan(shift_consistency(shifted.predictions))
    assert math.isnan(worst_shift_accuracy(shifted.predictions, np.zeros(len(logits), int)))
    assert math.isnan(logit_stability(shifted))
    assert np.isnan(agreement_map(shifted)).all()
    curves = shift_accuracy(shifted, np.zeros(len(logits), int), 1)
    assert all(np.isnan(curve).all() for curve in curves.values())


def test_shift_sets() -> None:
    assert len(square_shifts(3)) == 49
    assert {tuple(shift) for shift in square_shifts(1)} == set(itertools.product((-1, 0, 1), repeat=2))
    assert len(ray_shifts(8)) == 3 * 17 - 2


@given(st.integers(-6, 6), st.integers(-6, 6))
def test_shifts_move_pixels_where_they_say(down: int, right: int) -> None:
    images = np.arange(1, 31, dtype=np.uint8).reshape(1, 5, 6, 1)
    rolled, filled = (shift_images(images, down, right, fill) for fill in ("circular", "zero"))
    for i, j in itertools.product(range(5), range(6)):
        assert rolled[0, (i + down) % 5, (j + right) % 6, 0] == images[0, i, j, 0]
        source = (i - down, j - right)
        inside = 0 <= source[0] < 5 and 0 <= source[1] < 6
        assert filled[0, i, j, 0] == (images[0, *source, 0] if inside else 0)
    assert images[0, 0, 0, 0] == 1


def test_an_unknown_fill_is_refused() -> None:
    with pytest.raises(PoolscopeError, match="fill must be one of circular, zero"):
        shift_images(np.zeros((1, 2, 2, 1)), 1, 1, "mirror")


def test_measures_of_a_position_reader() -> None:
    """A network that says in which half its one bright pixel lies: everything can be worked out by hand."""
    images = np.zeros((2, 8, 8, 1))
    images[0, 0, 1], images[1, 0, 6] = 1, 1  # columns 1 (left) and 6 (right)

    def predict(given: np.ndarray) -> np.ndarray:
        return np.stack([given[:, :, :4].sum((1, 2, 3)), given[:, :, 4:].sum((1, 2, 3))], 1)

    labels = np.array([0, 1])
    shifted = predict_shifts(predict, images, np.concatenate([square_shifts(3), ray_shifts(8)]))
    accuracy = shift_accuracy(shifted, labels, 8)
    # Moved by t, column 1 stays on the left for -1 <= t <= 2 (wrapped), column 6 on the right for -2 <= t <= 1.
    assert accuracy["rows"].tolist() == [1.0] * 9
    assert accuracy["columns"].tolist() == [1, 1, 0.5, 0, 0, 0, 0.5, 1, 1]
    assert accuracy["diagonal"].tolist() == accuracy["columns"].tolist()
    agreement = agreement_map(shifted.within(3))
    assert agreement.shape == (7, 7)
    assert agreement[0].tolist() == [0, 0.5, 1, 1, 1, 0.5, 0]
    square = shifted.within(1)
    assert worst_shift_accuracy(square.predictions, labels) == 1
    assert logit_stability(square) == 0
    # Distance of the two images' logits: sqrt 2; of an image that changed halves: sqrt 2 as well.
    assert mean_distance(predict(images)) == pytest.approx(math.sqrt(2))
    row = predict_shifts(predict, images, np.array([[0, 4], [0, 1]]))
    assert logit_stability(row) == pytest.approx(0.5)
    with pytest.raises(PoolscopeError, match="is not among"):
        row.at((2, 2))


@pytest.mark.parametrize("block", [3, 7, 500])
def test_mean_distance_equals_the_mean_over_pairs(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shifts, "_BLOCK", block)
    rows = np.random.default_rng(0).normal(size=(7, 3))
    pairs = [np.linalg.norm(a - b) for a, b in itertools.combinations(rows, 2)]
    assert mean_distance(rows) == pytest.approx(np.mean(pairs))
    assert math.isnan(mean_distance(rows[:1]))


def test_stability_needs_logits_that_differ() -> None:
    same = Shifted(square_shifts(1), np.zeros((9, 4), int), np.zeros((9, 4)), 0.0)
    assert math.isnan(logit_stability(same))


@pytest.mark.parametrize(
    ("pool", "window", "dense"), [("max", 2, False), ("subsample", 1, False), ("avg", 2, False), ("subsample", 1, True)]
)
def test_invariance_of_circular_networks_follows_their_jump(pool: str, window: int, dense: bool) -> None:
    """Two stages of stride 2 under a global average: exact for shifts by multiples of 4; a-trous: for all shifts."""
    config = RunConfig(
        data=DataConfig(name="synthetic", source="synthetic"),
        model=ModelConfig(blocks=3, pool_stages=2, width=4, conv_padding="CIRCULAR", dense=dense),
        pool=PoolConfig(name=pool, window=window, stride=2),
    )
    plan = plan_network(config, (16, 16, 1), 5)
    model = ConvNet(config, plan, jax.random.key(1))
    images = np.random.default_rng(0).normal(size=(4, 16, 16, 1)).astype(np.float32)
    shifts = np.array([[0, 0], [4, 0], [-4, 8], [1, 0], [2, 0], [3, 1]])
    shifted = predict_shifts(jax.jit(lambda given: model(given, train=False)[0]), images, shifts)
    relative = shifted.moved / shifted.spread
    assert relative[:3].max() < 1e-5
    if dense:
        assert relative.max() < 1e-5
    else:
        assert relative[3:].min() > 1e-3


def test_waves_move_by_any_part_of_a_pixel_and_by_whole_ones_as_rolls(monkeypatch: pytest.MonkeyPatch) -> None:
    place = np.arange(8)
    images = np.zeros((1, 8, 6, 1))
    images[0, :, :, 0] = (5 + np.cos(2 * np.pi * place / 8))[:, None] + np.sin(2 * np.pi * np.arange(6) / 6)
    moved = shift_by_waves(images, 0.5, -1.25)[0, :, :, 0]
    expected = (5 + np.cos(2 * np.pi * (place - 0.5) / 8))[:, None] + np.sin(2 * np.pi * (np.arange(6) + 1.25) / 6)
    np.testing.assert_allclose(moved, expected, atol=1e-6)
    noise = np.random.default_rng(0).uniform(0, 255, (5, 5, 6, 3))
    np.testing.assert_allclose(shift_by_waves(noise, 2, -1), shift_images(noise, 2, -1), atol=1e-4)
    whole = shift_by_waves(noise, 0.5, 0)
    monkeypatch.setattr(shifts, "_BLOCK", 2)
    np.testing.assert_array_equal(shift_by_waves(noise, 0.5, 0), whole)


def test_half_a_pixel_is_seen_where_whole_ones_are_not() -> None:
    """A reader of the largest cell sees no whole shift, but what lies between pixels; one of the mean sees neither."""
    images = np.random.default_rng(0).uniform(0, 255, (4, 6, 6, 1))
    readers = {
        "largest": lambda x: np.stack([x.max((1, 2, 3)), -x.min((1, 2, 3))], 1),
        "mean": lambda x: np.stack([x.mean((1, 2, 3)), np.zeros(len(x))], 1),
    }
    found = {name: predict_shifts(read, images, square_shifts(2) / 2, "subpixel") for name, read in readers.items()}
    assert len(found["mean"].shifts) == 25
    assert found["mean"].moved.max() < 1e-3 < 1 < found["largest"].moved.max()
    whole = (found["largest"].shifts % 1 == 0).all(1)
    assert whole.sum() == 9 and found["largest"].moved[whole].max() < 1e-3
