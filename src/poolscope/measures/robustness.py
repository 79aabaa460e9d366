"""What shifts and corruptions do to a network's predictions, on test images that are the same for every network.

Where the images can't show it (fewer than two, constant ones, all of one class) or a logit isn't finite, every column
is NaN and says so.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import jax
import numpy as np

from poolscope.data.datasets import Dataset
from poolscope.measures.corruptions import GROUPS, corrupt, corruptions_of, relative_accuracy
from poolscope.measures.information import Estimate
from poolscope.measures.shifts import (
    FILLS,
    Shifted,
    agreement_map,
    logit_stability,
    predict_shifts,
    ray_shifts,
    shift_accuracy,
    shift_consistency,
    square_shifts,
    worst_shift_accuracy,
)
from poolscope.training.augment import normalise
from poolscope.training.trainer import Trainer, Weights

SHIFTED, CORRUPTED = 500, 500  # test images
REACH, RAY = 3, 8  # pixels: of the square that consistency is counted over, and of the accuracy curve
_BATCH = 250

Logits = Callable[[np.ndarray], np.ndarray]
Values = dict[str, float] | dict[str, Estimate]


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


def measure_consistency(predict: Logits, dataset: Dataset, reach: int = 1) -> Values:
    """C1, C4, C5 over all shifts of at most `reach` pixels: consistency, worst-shift accuracy, logit stability."""
    images, labels = dataset.test.images[:SHIFTED], dataset.test.labels[:SHIFTED]

    def measure(predict: Logits) -> dict[str, float]:
        values: dict[str, float] = {}
        for fill in FILLS:
            shifted = predict_shifts(predict, images, square_shifts(reach), fill)
            values |= _square(shifted, labels, fill, reach)
        return values

    return _measure(measure, predict, dataset, SHIFTED)


def measure_shifts(predict: Logits, dataset: Dataset, fills: tuple[str, ...] = FILLS) -> Values:
    """C1 within 1 and 3 pixels, C2 agreement by shift, C3 accuracy by distance (and its mean), C4 and C5."""
    images, labels = dataset.test.images[:SHIFTED], dataset.test.labels[:SHIFTED]
    shifts = np.unique(np.concatenate([square_shifts(REACH), ray_shifts(RAY)]), axis=0)

    def measure(predict: Logits) -> dict[str, float]:
        values: dict[str, float] = {}
        for fill in fills:
            shifted = predict_shifts(predict, images, shifts, fill)
            values |= _square(shifted, labels, fill, 1) | _square(shifted, labels, fill, REACH)
            curve = np.mean(list(shift_accuracy(shifted, labels, RAY).values()), axis=0)
            values |= {f"shift_accuracy_{fill}_{distance}": float(value) for distance, value in enumerate(curve)}
            values[f"shift_accuracy_{fill}"] = float(np.mean(curve[1:]))
            agreement = agreement_map(shifted.within(REACH))
            values |= {
                f"agreement_{fill}_{down - REACH}_{right - REACH}": float(value)
                for (down, right), value in np.ndenumerate(agreement)
            }
        return values

    return _measure(measure, predict, dataset, SHIFTED)


def measure_corruptions(predict: Logits, dataset: Dataset) -> Values:
    """C6, C7: accuracy under each corruption, mean over severities; relative accuracy by group and over all."""
    images, labels = dataset.test.images[:CORRUPTED], dataset.test.labels[:CORRUPTED]
    there = corruptions_of(dataset.shape[2])

    def measure(predict: Logits) -> dict[str, float]:
        def accuracy(images: np.ndarray) -> float:
            return float((predict(images).argmax(1) == labels).mean())

        accuracies = {}
        for name, corruption in there.items():
            severities = range(1, len(corruption.strengths(dataset.shape[2])) + 1)
            spoilt = (_corrupted(dataset, name, severity) for severity in severities)
            accuracies[name] = float(np.mean([accuracy(given) for given in spoilt]))
        clean = accuracy(images)
        relative = {name: relative_accuracy(value, clean) for name, value in accuracies.items()}
        values = {f"accuracy_under_{name}": value for name, value in accuracies.items()}
        values["accuracy_uncorrupted"] = clean
        for group in GROUPS:
            members = [relative[name] for name in there if there[name].group == group]
            values[f"relative_accuracy_{group}"] = float(np.mean(members)) if members else math.nan
        return values | {"relative_accuracy": float(np.mean(list(relative.values())))}

    return _measure(measure, predict, dataset, CORRUPTED)


def _measure(values: Callable[[Logits], dict[str, float]], predict: Logits, dataset: Dataset, count: int) -> Values:
    """The values, or none of them and why."""
    images, labels = dataset.test.images[:count], dataset.test.labels[:count]
    fault = find_fault(images, labels)
    if not fault and not np.isfinite(predict(images)).all():
        fault = "a logit is not finite"
    if not fault:
        return values(predict)
    n, d = len(images), math.prod(images.shape[1:])
    names = values(lambda given: np.zeros((len(given), dataset.classes)))
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


def _square(shifted: Shifted, labels: np.ndarray, fill: str, reach: int) -> dict[str, float]:
    square = shifted.within(reach)
    return {
        f"consistency_{fill}_{reach}": shift_consistency(square.predictions),
        f"worst_shift_accuracy_{fill}_{reach}": worst_shift_accuracy(square.predictions, labels),
        f"logit_stability_{fill}_{reach}": logit_stability(square),
    }


@functools.lru_cache(maxsize=80)
def _corrupted_images(key: tuple[str, str, int, int], name: str, severity: int, images: _Images) -> np.ndarray:
    return corrupt(images.content, name, severity)


class _Images:
    """Images that hash by what data set they come from; the key beside them says that."""

    def __init__(self, content: np.ndarray) -> None:
        self.content = content

    def __hash__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Images) and np.array_equal(self.content, other.content)


def _corrupted(dataset: Dataset, name: str, severity: int) -> np.ndarray:
    """Made once for all the seeds that a process runs."""
    images = dataset.test.images[:CORRUPTED]
    key = (dataset.name, dataset.version, *images.shape[:2])
    return _corrupted_images(key, name, severity, _Images(images))
