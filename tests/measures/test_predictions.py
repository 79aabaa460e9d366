"""Predictions in batches, and images that can show nothing."""

from __future__ import annotations

import dataclasses
import math

import jax
import numpy as np
import pytest
from small_runs import prepare

from poolscope.data.datasets import Dataset, load_dataset
from poolscope.measures.corruptions import _corrupt_once, _find_most_kept, measure_corruptions
from poolscope.measures.information import Estimate
from poolscope.measures.predictions import Scored, find_fault, make_predictor
from poolscope.measures.shifts import measure_consistency, measure_shifts, measure_subpixel
from poolscope.spec.config import DataConfig
from poolscope.training.augment import normalise
from poolscope.training.history import Weights

MEASURES = [measure_consistency, measure_shifts, measure_corruptions]


@pytest.fixture(scope="module")
def digits() -> Dataset:
    config = DataConfig(name="digits", source="digits", train="train[:100]", val="train[100:200]", test="test[:40]")
    return load_dataset(config, 0)


def of_test_images(dataset: Dataset, images: np.ndarray, labels: np.ndarray) -> Dataset:
    return dataclasses.replace(dataset, test=dataclasses.replace(dataset.test, images=images, labels=labels))


def brightness(images: np.ndarray) -> np.ndarray:
    """Logits that depend on each image."""
    return images.mean((1, 2)) * np.linspace(-1, 1, 10)


@pytest.mark.parametrize("count", [1, 250, 260])
def test_predictions_are_the_network_s_own_in_any_number(count: int) -> None:
    trainer, dataset = prepare()
    state = trainer.initialise(0)
    weights = Weights(state.params, state.rest)
    images = np.concatenate([dataset.test.images, dataset.train.images])[:count]
    logits = make_predictor(trainer, weights, dataset)(images)
    apply = jax.jit(lambda images: trainer.apply(weights, normalise(images, dataset.mean, dataset.std), train=False)[0])
    expected = apply(images)
    assert logits.shape == (count, 4)
    np.testing.assert_allclose(logits, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("images", "labels", "reason"),
    [
        (np.full((40, 8, 8, 1), 9, np.uint8), np.arange(40) % 10, "the images are constant"),
        (np.zeros((40, 8, 8, 1), np.uint8), np.arange(40) % 10, "the images are constant"),
        (None, np.full(40, 3), "the labels are all of one class"),
        (None, np.arange(1), "1 of at least 2 images"),
    ],
)
def test_images_that_can_show_nothing_give_nan_and_the_reason(
    digits: Dataset, images: np.ndarray | None, labels: np.ndarray, reason: str
) -> None:
    given = digits.test.images[: len(labels)] if images is None else images
    assert find_fault(given, labels) == reason
    dataset = of_test_images(digits, given, labels)
    for measure in MEASURES:
        found = measure(brightness, dataset)
        assert found.keys() == measure(brightness, digits).keys()
        for value in found.values():
            assert isinstance(value, Estimate) and math.isnan(value.value) and value.reason == reason


@pytest.mark.parametrize("measure", MEASURES)
def test_logits_that_are_not_finite_give_nan_and_the_reason(measure: object, digits: Dataset) -> None:
    found = measure(lambda images: np.full((len(images), 10), np.inf), digits)  # type: ignore[operator]
    assert {value.reason for value in found.values()} == {"a logit is not finite"}
    assert not any(isinstance(value, Estimate) for value in measure(brightness, digits).values())  # type: ignore[operator]


@pytest.mark.parametrize("measure", [*MEASURES, measure_subpixel])
@pytest.mark.parametrize(("probed", "counts"), [(7, {7}), (40, {40}), (1000, {40})])
def test_as_many_images_are_shifted_and_corrupted_as_are_asked_for_or_all(
    measure: object, digits: Dataset, probed: int, counts: set[int]
) -> None:
    seen = set()

    def count(images: np.ndarray) -> np.ndarray:
        seen.add(len(images))
        return brightness(images)

    measure(count, digits, probed=probed)  # type: ignore[operator]
    assert seen == counts


def test_corruptions_that_are_not_kept_are_the_same(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = measure_corruptions(brightness, digits)
    _corrupt_once.cache_clear()
    monkeypatch.setattr("poolscope.measures.corruptions._find_most_kept", lambda: 0)
    again = measure_corruptions(brightness, digits)
    for name, value in kept.items():
        other = again[name]
        if isinstance(value, Scored) and isinstance(other, Scored):
            assert value.scores.tolist() == other.scores.tolist()
            value, other = value.value, other.value
        assert value == other, name
    assert _corrupt_once.cache_info().currsize == 0


def test_each_image_is_scored_by_how_it_was_answered_itself(digits: Dataset) -> None:
    """A network that knows the first images whatever is done to them, and is wrong about the others."""
    labels = digits.test.labels

    def recognise(images: np.ndarray) -> np.ndarray:
        answers = np.where(np.arange(len(images)) < 15, labels[: len(images)], (labels[: len(images)] + 1) % 10)
        return np.eye(10)[answers]

    corrupted = measure_corruptions(recognise, digits)["accuracy_corrupted"]
    assert isinstance(corrupted, Scored)
    np.testing.assert_allclose(corrupted.scores, [1.0] * 15 + [0.0] * 25, atol=1e-12)
    assert corrupted.value == pytest.approx(15 / 40)
    calls = iter(range(1000))

    def waver(images: np.ndarray) -> np.ndarray:
        answers = np.zeros(len(images), int)
        answers[30:] = next(calls) % 10  # the last ones answer something else under every shift
        return np.eye(10)[answers]

    consistent = measure_shifts(waver, digits, fills=("zero",))["consistency_zero_3"]
    assert isinstance(consistent, Scored)
    assert (consistent.scores[:30] == 1).all() and (consistent.scores[30:] < 0.2).all()
    assert consistent.value == pytest.approx(consistent.scores.mean())


@pytest.mark.parametrize(("limits", "kept"), [([], 2**30 / 80), ([2**32], 2**26 / 80 * 4), ([2**20], 4 * 2**20)])
def test_as_much_is_kept_as_a_quarter_of_the_memory_bears_on_every_core(
    limits: list[int], kept: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = {"SC_PHYS_PAGES": 2**22, "SC_PAGE_SIZE": 2**12}
    monkeypatch.setattr("poolscope.measures.corruptions.os.sysconf", pages.__getitem__)
    monkeypatch.setattr("poolscope.measures.corruptions.os.cpu_count", lambda: 4)
    monkeypatch.setattr("poolscope.measures.corruptions._read_limits", lambda: limits)
    assert _find_most_kept() == pytest.approx(max(kept, 4 * 2**20))
