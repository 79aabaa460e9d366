"""Predictions in batches, and images that can show nothing."""

from __future__ import annotations

import dataclasses
import math

import jax
import numpy as np
import pytest
from small_runs import prepare

from poolscope.data.datasets import Dataset, load_dataset
from poolscope.measures.corruptions import _corrupt_once, measure_corruptions
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
        one, other = (of.value if isinstance(of, Scored) else of for of in (value, again[name]))
        assert one == other, name
    assert _corrupt_once.cache_info().currsize == 0
