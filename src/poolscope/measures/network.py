"""The measurements of one trained network: a function each, which returns its columns by name."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from poolscope.data.datasets import Dataset, load_dataset
from poolscope.data.splits import NOISE_STREAM, corrupt_labels, stream
from poolscope.measures.corruptions import measure_corruptions
from poolscope.measures.overfitting import (
    Memory,
    calibrated_gap,
    compare_at_fit,
    find_fit_time,
    find_onset,
    measure_memory,
)
from poolscope.measures.predictions import Logits, Values, make_predictor
from poolscope.measures.shifts import measure_consistency, measure_shifts, measure_subpixel
from poolscope.measures.stages import Sample, measure_effective_field, measure_stages, measure_stages_quickly
from poolscope.spec.config import PROBED
from poolscope.spec.plan import Plan
from poolscope.training.history import Evaluation, Trained, Weights
from poolscope.training.trainer import Trainer

UNREAD = Evaluation(math.nan, math.nan, np.zeros(0, int), np.zeros(0, bool))  # of images that are not evaluated
_REMEMBERED = 2000  # training images with a corrupted label that memory is measured on


@dataclass(frozen=True)
class Subject:
    """A trained network and its evaluations: final weights on every split, and the best-by-validation ones on test.

    Where the test images are not read, test and test_best are `UNREAD`. probed: how many test images are shifted and
    corrupted.
    """

    plan: Plan
    dataset: Dataset
    trainer: Trainer
    trained: Trained
    train_eval: Evaluation
    val: Evaluation
    test: Evaluation
    test_best: Evaluation
    seconds: float
    seed: int
    probed: int = PROBED

    @cached_property
    def predict(self) -> Logits:
        """uint8 images -> logits of the final weights."""
        return make_predictor(self.trainer, self.trained.final, self.dataset)

    @cached_property
    def initial(self) -> Weights:
        """The weights before the first step."""
        state = self.trainer.initialise(self.seed)
        return Weights(state.params, state.rest)


def measure_validation(subject: Subject) -> dict[str, float]:
    """Accuracy in [0, 1] and mean cross-entropy in nats on training and validation images, final weights."""
    values: dict[str, float] = {}
    for name in ("train_eval", "val"):
        result = getattr(subject, name)
        values |= {f"{name}_accuracy": result.accuracy, f"{name}_loss": result.loss}
    return values | {"best_epoch": subject.trained.best_epoch}


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


def measure_generalisation(subject: Subject) -> dict[str, float]:
    """Overfitting beyond the gaps: calibrated gap, onset, time to fit, held-out values at equal fit, memorised labels.

    calibrated_gap (nats) leaves out mere over-confidence; onset is the share of training after which validation loss
    rose; fit_steps the steps to 99 % training accuracy, or all of them with fit_reached = 0; val_loss_at_<L> and
    val_accuracy_at_<L> are validation values when the training loss passed L nats; memorised and recovered concern
    corrupted labels (data.label_noise) and are NaN without any.
    """
    dataset, curves, predict = subject.dataset, subject.trained.curves, subject.predict
    gap = calibrated_gap(
        *((predict(split.images), split.labels) for split in (dataset.train_eval, dataset.val, dataset.test))
    )
    fit = find_fit_time(curves["step"], curves["train_eval_accuracy"])
    values = {
        "calibrated_gap": gap,
        "onset": find_onset(curves["epoch"], curves["val_loss"]),
        "fit_steps": fit.steps,
        "fit_reached": float(fit.reached),
    }
    for held in ("val_loss", "val_accuracy"):
        at = compare_at_fit(curves["train_eval_loss"], curves[held])
        values |= {f"{held}_at_{level:g}": value for level, value in at.items()}
    memory = _measure_memory(subject)
    return values | {"memorised": memory.memorised, "recovered": memory.recovered}


def measure_stages_before_training(subject: Subject) -> Values:
    """What each pooling stage keeps (I1 to I5), in the untrained network; columns end in _init."""
    sample = Sample.of(subject.dataset)
    columns = measure_stages(subject.trainer, subject.initial, subject.dataset, sample)
    return {f"{name}_init": estimate for name, estimate in columns.items()}


def measure_stages_after_training(subject: Subject) -> Values:
    """What each pooling stage keeps (I1 to I5), in the trained network."""
    sample = Sample.of(subject.dataset)
    return measure_stages(subject.trainer, subject.trained.final, subject.dataset, sample)


def measure_stages_in_short(subject: Subject) -> Values:
    """What each pooling stage of the trained network keeps of its input (I1) and how much it aliases (I2)."""
    return measure_stages_quickly(subject.trainer, subject.trained.final, subject.dataset)


def measure_invariance_in_short(subject: Subject) -> Values:
    """Consistency, worst-shift accuracy and logit stability over the shifts of one pixel."""
    return measure_consistency(subject.predict, subject.dataset, probed=subject.probed)


def measure_invariance(subject: Subject) -> Values:
    """All of C1 to C5, wrapped and zero-filled, trained; consistency also before training (_init)."""
    predict = make_predictor(subject.trainer, subject.initial, subject.dataset)
    before = measure_consistency(predict, subject.dataset, max_shift=3, probed=subject.probed)
    after = measure_shifts(subject.predict, subject.dataset, probed=subject.probed)
    return {**after, **{f"{name}_init": value for name, value in before.items()}}


def measure_shifts_of_images(subject: Subject) -> Values:
    """C1 to C5 of the trained network under zero-filled shifts: consistency, accuracy by distance."""
    return measure_shifts(subject.predict, subject.dataset, fills=("zero",), probed=subject.probed)


def measure_subpixel_shifts(subject: Subject) -> Values:
    """C1, C4 and C5 of the trained network under circular shifts by halves of a pixel."""
    return measure_subpixel(subject.predict, subject.dataset, subject.probed)


def measure_robustness(subject: Subject) -> Values:
    """Accuracy under corruptions made on the spot, absolute and relative to clean images."""
    return measure_corruptions(subject.predict, subject.dataset, subject.probed)


def measure_effective_fields(subject: Subject) -> dict[str, float]:
    """Effective receptive field before and after training: standard deviation in pixels of where gradients arrive."""
    field = partial(measure_effective_field, subject.trainer, dataset=subject.dataset)
    return {
        "effective_field": field(weights=subject.trained.final),
        "effective_field_init": field(weights=subject.initial),
    }


def _measure_memory(subject: Subject) -> Memory:
    """Memory of corrupted training labels, beside wrong labels drawn likewise for held-out images."""
    config, dataset = subject.trainer.config.data, subject.dataset
    corrupted = np.flatnonzero(dataset.corrupted)[:_REMEMBERED]
    if not len(corrupted):
        return Memory(math.nan, math.nan)
    true = load_dataset(replace(config, label_noise=0.0), subject.seed).train.labels[corrupted]
    held_wrong, _ = corrupt_labels(dataset.val.labels, dataset.classes, 1.0, stream(subject.seed, NOISE_STREAM))
    return measure_memory(
        subject.predict(dataset.train.images[corrupted]).argmax(1),
        dataset.train.labels[corrupted],
        true,
        subject.predict(dataset.val.images).argmax(1),
        held_wrong,
    )
