"""What is measured on a trained network: each number that a measurement returns is a column of the runs table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from poolscope.architecture import Plan
from poolscope.config import MeasureConfig
from poolscope.data import Dataset
from poolscope.train import Evaluation, Trained, Trainer


@dataclass(frozen=True)
class Subject:
    """A trained network and its evaluations: final weights on every split, and the best-by-validation ones on test."""

    plan: Plan
    dataset: Dataset
    trainer: Trainer
    trained: Trained
    train_eval: Evaluation
    val: Evaluation
    test: Evaluation
    test_best: Evaluation
    seconds: float


def measure_accuracy(subject: Subject) -> dict[str, float]:
    """Accuracy in [0, 1] and mean cross-entropy in nats, final weights; test also at the best validation loss."""
    values: dict[str, float] = {}
    for name in ("train_eval", "val", "test"):
        result = getattr(subject, name)
        values |= {f"{name}_accuracy": result.accuracy, f"{name}_loss": result.loss}
    return values | {
        "test_accuracy_best": subject.test_best.accuracy,
        "test_loss_best": subject.test_best.loss,
        "best_epoch": subject.trained.best_epoch,
    }


def measure_overfitting(subject: Subject) -> dict[str, float]:
    """Gaps between training images and test images, both clean, un-augmented and in evaluation mode.

    generalisation_gap = train_eval accuracy - test accuracy; loss_gap = test loss - train_eval loss (nats);
    overfit_depth = final test loss - test loss at the best validation loss, which early stopping would have removed.
    """
    return {
        "generalisation_gap": subject.train_eval.accuracy - subject.test.accuracy,
        "loss_gap": subject.test.loss - subject.train_eval.loss,
        "overfit_depth": subject.test.loss - subject.test_best.loss,
    }


def measure_cost(subject: Subject) -> dict[str, float]:
    """Parameters, multiply-accumulates and pooling operations of one image; seconds and images per second of training.

    images_per_second is the median over the stretches between evaluations, so that compilation, paid in the first
    one, doesn't count where there are three or more.
    """
    trained, plan = subject.trained, subject.plan
    return {
        "parameters": plan.parameters,
        "macs": plan.macs,
        "pool_ops": plan.pool_ops,
        "receptive_field": max(max(layer.receptive_field) for layer in plan.layers),
        "steps": trained.curves["step"][-1],
        "epochs": trained.curves["epoch"][-1],
        "train_size": len(subject.dataset.train.labels),
        "test_size": len(subject.dataset.test.labels),
        "seconds_train": subject.seconds,
        "images_per_second": trained.images_per_second,
    }


MEASUREMENTS: dict[str, Callable[[Subject], dict[str, float]]] = {
    "accuracy": measure_accuracy,
    "overfitting": measure_overfitting,
    "cost": measure_cost,
}

SETS: dict[str, tuple[str, ...]] = {"basic": ("accuracy", "overfitting", "cost")}


def measure_all(config: MeasureConfig, subject: Subject) -> dict[str, float]:
    """Every measurement of the configured set, as one flat mapping of column names to numbers."""
    values: dict[str, float] = {}
    for name in SETS[config.name]:
        values |= MEASUREMENTS[name](subject)
    return values
