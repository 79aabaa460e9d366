"""The history of a fit: curves, the epoch of the least validation loss, and why it ended early."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from flax import nnx

from poolscope.training.network import Activations


class Weights(NamedTuple):
    """What a network needs to predict: parameters and running statistics."""

    params: nnx.State
    rest: nnx.State


@dataclass(frozen=True)
class Evaluation:
    """A network on every example of a split.

    loss: mean cross-entropy in nats; accuracy: in [0, 1]; predictions: the class of each example, (N,) int;
    correct: whether it is the right one, (N,) bool; activations: the first example's around each pool, {} of seeds that
    are evaluated together.
    """

    loss: float
    accuracy: float
    predictions: np.ndarray
    correct: np.ndarray
    activations: Activations = field(default_factory=dict)


@dataclass(frozen=True)
class Trained:
    """The end of a fit.

    status: "done" or "diverged", then with a reason. final, best: the last weights, and those of the evaluation with
    the least validation loss. curves: lists of equal length, one value for each evaluation during training.
    images_per_second: median over the stretches between evaluations, without the evaluations. evaluations: those of the
    last weights by split; {} of seeds that were trained together, or where the fit resumed after its last step.
    """

    status: str
    reason: str
    final: Weights
    best: Weights
    best_epoch: float
    curves: dict[str, list[float]]
    images_per_second: float
    evaluations: dict[str, Evaluation] = field(default_factory=dict)


@dataclass
class History:
    """The evaluations of one seed during its fit; `reason` says why it ended early, if it did."""

    curves: dict[str, list[float]] = field(default_factory=dict)
    best_loss: float = math.inf
    best_epoch: float = 0.0
    reason: str = ""

    def add(self, values: dict[str, float], steps: int) -> bool:
        """Add an evaluation of a fit of `steps` steps; returns whether it has the least validation loss so far.

        A value that is not finite ends the history: later evaluations are not added.
        """
        if self.reason:
            return False
        for name, value in values.items():
            self.curves.setdefault(name, []).append(value)
        if bad := next((name for name, value in values.items() if not math.isfinite(value)), ""):
            self.reason = (
                f"{bad} is not finite after step {values['step']:.0f} of {steps}; try a smaller optim.learning_rate"
            )
        elif values["val_loss"] < self.best_loss:
            self.best_loss, self.best_epoch = values["val_loss"], values["epoch"]
            return True
        return False

    def end(self, final: Weights, best: Weights, images_per_second: float) -> Trained:
        """The end of the fit with these weights."""
        status = "diverged" if self.reason else "done"
        return Trained(status, self.reason, final, best, self.best_epoch, self.curves, images_per_second)
