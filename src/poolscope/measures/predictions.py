"""Predictions of a trained network on given test images, and why images can't show how robust they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jax
import numpy as np

from poolscope.data.datasets import Dataset
from poolscope.measures.information import Estimate
from poolscope.training.augment import normalise
from poolscope.training.history import Weights
from poolscope.training.trainer import Trainer

_BATCH = 250

Logits = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Scored:
    """A mean over test images with the score of each, from 0 to 1, so that the images' share of its error is known."""

    value: float
    scores: np.ndarray


Values = Mapping[str, float | Estimate | Scored]


def make_predictor(trainer: Trainer, weights: Weights, dataset: Dataset) -> Logits:
    """uint8 images -> logits (N, classes), evaluated like test images, in batches of one size."""
    apply = jax.jit(
        lambda weights, images: trainer.apply(weights, normalise(images, dataset.mean, dataset.std), train=False)[0]
    )

    def predict(images: np.ndarray) -> np.ndarray:
        results = []
        for start in range(0, len(images), _BATCH):
            rows = images[start : start + _BATCH]
            filled = np.pad(rows, ((0, _BATCH - len(rows)), (0, 0), (0, 0), (0, 0)), mode="edge")
            results.append(np.asarray(apply(weights, filled))[: len(rows)])
        return np.concatenate(results)

    return predict


def measure_or_explain(measure: Callable[[Logits], Values], predict: Logits, dataset: Dataset, probed: int) -> Values:
    """Measure predictions on the first `probed` test images, or give NaN with the reason in every column.

    There is nothing to measure where `find_fault` finds a fault in the images, or a logit isn't finite.
    """
    images, labels = dataset.test.images[:probed], dataset.test.labels[:probed]
    fault = find_fault(images, labels)
    if not fault and not np.isfinite(predict(images)).all():
        fault = "a logit is not finite"
    if not fault:
        return measure(predict)
    n, d = len(images), math.prod(images.shape[1:])
    names = measure(lambda given: np.zeros((len(given), dataset.classes)))
    return {name: Estimate(value=math.nan, unit="", n=n, d=d, reason=fault) for name in names}


def find_fault(images: np.ndarray, labels: np.ndarray) -> str:
    """Why images (N, H, W, C) with labels can't show what shifts and corruptions do, or nothing."""
    if len(images) < 2:
        return f"{len(images)} of at least 2 images"
    if not np.ptp(images, axis=(1, 2)).any():
        return "the images are constant"
    if len(np.unique(labels)) < 2:
        return "the labels are all of one class"
    return ""
