"""Overfitting from curves, logits and labels: how large, since when, and whether less of it came with better tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from poolscope.spec.errors import PoolscopeError

LEVELS = (1.0, 0.5, 0.25, 0.1)  # nats of training loss at which arms are compared


def cross_entropy(logits: np.ndarray, labels: np.ndarray, temperature: float = 1.0) -> float:
    """Mean of -log softmax(logits / temperature)[label], in nats; NaN without images or where a logit isn't finite."""
    scores = np.asarray(logits, np.float64) / temperature
    if not len(scores) or not np.isfinite(scores).all():
        return math.nan
    scores = scores - scores.max(1, keepdims=True)
    return float((np.log(np.exp(scores).sum(1)) - scores[np.arange(len(scores)), labels]).mean())


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature from 1/20 to 20 with the least cross-entropy (Guo et al. 2017).

    NaN without images, where a logit isn't finite, or where every image has equal logits, which no temperature changes.
    """
    from scipy.optimize import minimize_scalar

    if math.isnan(cross_entropy(logits, labels)) or not np.ptp(logits, axis=1).any():
        return math.nan

    found = minimize_scalar(
        lambda log: cross_entropy(logits, labels, math.exp(log)), bounds=(-math.log(20), math.log(20)), method="bounded"
    )
    return float(math.exp(found.x))


def calibrated_gap(
    train: tuple[np.ndarray, np.ndarray], val: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray]
) -> float:
    """CE(test) at the temperature that fits the validation images, less CE(train) at 1: the loss gap without mere
    over-confidence, in nats. Each argument is (logits, labels)."""
    return cross_entropy(*test, fit_temperature(*val)) - cross_entropy(*train)


def find_onset(epochs: Sequence[float], val_loss: Sequence[float]) -> float:
    """When the validation loss was least, as a share of the training time; 1: it never rose (a censored value).

    NaN where there is no loss, or one is not a number.
    """
    if not len(val_loss) or np.isnan(val_loss).any():
        return math.nan
    last = len(val_loss) - 1 - int(np.argmin(np.asarray(val_loss, float)[::-1]))
    return float(epochs[last] / epochs[-1])


@dataclass(frozen=True)
class FitTime:
    """Steps until the training accuracy first reached a level; the last step, and reached=False, where it never did."""

    steps: float
    reached: bool


def find_fit_time(steps: Sequence[float], accuracy: Sequence[float], level: float = 0.99) -> FitTime:
    """The first evaluation at which training accuracy is at least `level`; NaN steps where none is a number."""
    if not len(accuracy) or np.isnan(accuracy).all():
        return FitTime(math.nan, False)
    there = np.flatnonzero(np.asarray(accuracy) >= level)
    return FitTime(float(steps[there[0]] if len(there) else steps[-1]), bool(len(there)))


@dataclass(frozen=True)
class Memory:
    """What became of training images whose label was corrupted.

    memorised: share predicted as the wrong label they were given, less the share of held-out images predicted as a
    wrong label drawn for them in the same way. recovered: share predicted as their true label all the same.
    """

    memorised: float
    recovered: float


def measure_memory(
    predicted: np.ndarray, given: np.ndarray, true: np.ndarray, held_predicted: np.ndarray, held_wrong: np.ndarray
) -> Memory:
    """Measure how far corrupted training labels were memorised.

    predicted, given, true (n,): classes of training images with a corrupted label, which must differ from the true one.
    held_predicted, held_wrong (m,): of images that were not trained on, with labels corrupted likewise. NaN where there
    are none.
    """
    if (given == true).any():
        raise PoolscopeError("given must hold corrupted labels only: each must differ from the true one.")
    if not len(given) or not len(held_wrong):
        return Memory(math.nan, math.nan)
    by_chance = float((held_predicted == held_wrong).mean())
    return Memory(float((predicted == given).mean()) - by_chance, float((predicted == true).mean()))


def compare_at_fit(
    train_loss: Sequence[float], held: Sequence[float], levels: Sequence[float] = LEVELS
) -> dict[float, float]:
    """A held-out value at the moment when the training loss first falls to each level, between evaluations linearly.

    NaN at levels that training never reached, or had passed before the first evaluation. Compares arms at equal fit, so
    that one which merely trained more slowly doesn't look regularised.
    """
    loss, value = np.asarray(train_loss, float), np.asarray(held, float)
    result = {}
    for level in levels:
        below = np.flatnonzero(loss <= level)
        first = int(below[0]) if len(below) else 0
        if first == 0:
            result[level] = float(value[0]) if len(below) and loss[0] == level else math.nan
            continue
        share = (loss[first - 1] - level) / (loss[first - 1] - loss[first])
        result[level] = float(value[first - 1] + share * (value[first] - value[first - 1]))
    return result
