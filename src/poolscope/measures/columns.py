"""What is measured on a trained network: each number that a measurement returns is a column of the runs table.

Where a column has no value, `measure_all` says why; `poolscope list measures` prints every column with unit and cost.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from poolscope.data.datasets import Dataset, load_dataset
from poolscope.data.splits import NOISE_STREAM, move_labels, stream
from poolscope.measures.information import Estimate
from poolscope.measures.overfitting import (
    Memory,
    calibrated_gap,
    compare_at_fit,
    find_fit_time,
    find_onset,
    measure_memory,
)
from poolscope.measures.robustness import (
    Logits,
    make_predictor,
    measure_consistency,
    measure_corruptions,
    measure_shifts,
)
from poolscope.measures.stages import Sample, measure_effective_field, measure_stages, measure_stages_quickly
from poolscope.spec.config import MeasureConfig
from poolscope.spec.plan import Plan
from poolscope.training.trainer import Evaluation, Trained, Trainer, Weights

Values = Mapping[str, float | Estimate]
_REMEMBERED = 2000  # training images with a moved label that memory is measured on


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
    seed: int

    @cached_property
    def predict(self) -> Logits:
        """uint8 images -> logits of the final weights."""
        return make_predictor(self.trainer, self.trained.final, self.dataset)

    @cached_property
    def initial(self) -> Weights:
        """The weights before the first step."""
        state = self.trainer.initialise(self.seed)
        return Weights(state.params, state.rest)


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
    moved labels (data.label_noise) and are NaN without any.
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
    return measure_consistency(subject.predict, subject.dataset)


def measure_invariance(subject: Subject) -> Values:
    """All of C1 to C5, wrapped and zero-filled, trained; consistency also before training (_init)."""
    predict = make_predictor(subject.trainer, subject.initial, subject.dataset)
    before = measure_consistency(predict, subject.dataset, reach=3)
    return measure_shifts(subject.predict, subject.dataset) | {f"{name}_init": value for name, value in before.items()}


def measure_shifts_of_images(subject: Subject) -> Values:
    """C1 to C5 of the trained network under zero-filled shifts: consistency, accuracy by distance."""
    return measure_shifts(subject.predict, subject.dataset, fills=("zero",))


def measure_robustness(subject: Subject) -> Values:
    """Accuracy under corruptions made on the spot, absolute and relative to clean images."""
    return measure_corruptions(subject.predict, subject.dataset)


def measure_reach(subject: Subject) -> dict[str, float]:
    """Effective receptive field before and after training: standard deviation in pixels of where gradients arrive."""
    field = partial(measure_effective_field, subject.trainer, dataset=subject.dataset)
    return {
        "effective_field": field(weights=subject.trained.final),
        "effective_field_init": field(weights=subject.initial),
    }


def _measure_memory(subject: Subject) -> Memory:
    """Memory of moved training labels; nothing was moved on the held-out images, so wrong labels are drawn for them."""
    config, dataset = subject.trainer.config.data, subject.dataset
    moved = np.flatnonzero(dataset.flipped)[:_REMEMBERED]
    if not len(moved):
        return Memory(math.nan, math.nan)
    true = load_dataset(replace(config, label_noise=0.0), subject.seed).train.labels[moved]
    held_wrong, _ = move_labels(dataset.val.labels, dataset.classes, 1.0, stream(subject.seed, NOISE_STREAM))
    return measure_memory(
        subject.predict(dataset.train.images[moved]).argmax(1),
        dataset.train.labels[moved],
        true,
        subject.predict(dataset.val.images).argmax(1),
        held_wrong,
    )


@dataclass(frozen=True)
class Column:
    """One or more columns of the runs table.

    name: <a|b> stands for a or b, any other <word> for a number, name or moment. unknown: why it may have no value,
    where the measurement doesn't say so itself.
    """

    name: str
    unit: str
    what: str
    unknown: str = ""

    def holds(self, column: str) -> bool:
        """Whether this describes the column."""
        pieces = re.split(r"<([^>]+)>", self.name)
        given = [f"({piece})" if "|" in piece else r"(-?\d[\d.]*|[a-z_]+)" for piece in pieces[1::2]]
        texts = [re.escape(piece) for piece in pieces[::2]]
        return bool(re.fullmatch("".join(a + b for a, b in zip(texts, [*given, ""], strict=True)), column))


@dataclass(frozen=True)
class Measurement:
    """A measurement, the columns that it gives, and what it costs for one network.

    cost: measured on one idle core of an AMD EPYC server, 32x32 CIFAR-10 images, a network of 8, 16, 32 filters.
    """

    measure: Callable[[Subject], Values]
    columns: tuple[Column, ...]
    cost: str = "nothing"

    @property
    def what(self) -> str:
        """The first line of its documentation."""
        return (self.measure.__doc__ or "").strip().splitlines()[0]


_NEVER = "the training loss did not pass this level between two evaluations"
_UNMOVED = "no training label was moved (data.label_noise=0)"
_SAME = "all images have the same logits"
_FALSE = "no clean image is classified right"


def _stages(suffix: str) -> tuple[Column, ...]:
    return tuple(
        Column(f"pool<k>_{name}{suffix}", unit, what)
        for name, unit, what in (
            ("r2", "R2", "I1: the pool's input, rebuilt from its output cell by cell"),
            ("aliasing", "share of AC energy", "I2: the pool's output at stride 1 above the new Nyquist frequency"),
            ("image_r2_<before|after>", "R2", "I1: the image, rebuilt from either side of the pool"),
            ("label_bits_<before|after>", "bits", "I3: the label, by a linear reader of at most 512 projections"),
            ("label_bits_near_<before|after>", "bits", "I3: the label, by the ten nearest neighbours"),
            ("location_rmse_<before|after>", "pixels", "I4: the place of a glyph"),
            ("phase_<before|after>", "share", "I4: the place modulo the jump, share read right"),
            ("dimensions_<before|after>", "dimensions", "I5: participation ratio of a channel's map"),
        )
    )


def _square(suffix: str = "") -> tuple[Column, ...]:
    return (
        Column(f"consistency_<circular|zero>_<reach>{suffix}", "share of pairs of shifts", "C1: equal predictions"),
        Column(f"worst_shift_accuracy_<circular|zero>_<reach>{suffix}", "share", "C4: right under every shift"),
        Column(f"logit_stability_<circular|zero>_<reach>{suffix}", "ratio", "C5: moved logits / other images'", _SAME),
    )


_SHIFTS = (
    *_square(),
    Column("agreement_<circular|zero>_<down>_<right>", "share", "C2: predicted as unshifted, for one shift"),
    Column("shift_accuracy_<circular|zero>_<distance>", "share", "C3: accuracy at a distance in pixels"),
    Column("shift_accuracy_<circular|zero>", "share", "C3: mean over 1 to 8 pixels"),
)

MEASUREMENTS: dict[str, Measurement] = {
    "accuracy": Measurement(
        measure_accuracy,
        (
            Column("<train_eval|val|test>_accuracy", "share", "final weights"),
            Column("<train_eval|val|test>_loss", "nats", "mean cross-entropy, final weights"),
            Column("test_accuracy_best", "share", "weights of the least validation loss"),
            Column("test_loss_best", "nats", "weights of the least validation loss"),
            Column("best_epoch", "epochs", "when the validation loss was least"),
        ),
    ),
    "overfitting": Measurement(
        measure_overfitting,
        (
            Column("generalisation_gap", "share", "accuracy on clean training images - on test images"),
            Column("loss_gap", "nats", "test loss - training loss"),
            Column("overfit_depth", "nats", "test loss at the end - at the least validation loss"),
        ),
    ),
    "cost": Measurement(
        measure_cost,
        (
            Column("parameters", "numbers", "learnable"),
            Column("macs", "multiply-accumulates", "of one image"),
            Column("pool_ops", "operations", "comparisons or additions of one image's pooling"),
            Column("receptive_field", "pixels", "from the plan, the longer side"),
            Column("<steps|epochs>", "count", "trained"),
            Column("<train|test>_size", "images", "trained on, tested on"),
            Column("seconds_train", "seconds", "training with its evaluations"),
            Column("images_per_second", "1/s", "trained, compilation left out", "there were too few evaluations"),
        ),
    ),
    "generalisation": Measurement(
        measure_generalisation,
        (
            Column(
                "calibrated_gap", "nats", "test loss at a fitted temperature - training loss", "a logit is not finite"
            ),
            Column("onset", "share of training", "when the validation loss was least", "a loss is not a number"),
            Column("fit_steps", "steps", "to 99 % of the training images", "an accuracy is not a number"),
            Column("fit_reached", "0 or 1", "whether it got there"),
            Column("val_<loss|accuracy>_at_<level>", "nats, share", "when the training loss passed a level", _NEVER),
            Column("memorised", "share", "moved labels predicted, less chance", _UNMOVED),
            Column("recovered", "share", "true labels predicted for moved ones", _UNMOVED),
        ),
        "2.6 s",
    ),
    "stages_in_short": Measurement(measure_stages_in_short, _stages("")[:2], "3.0 s together"),
    "invariance_in_short": Measurement(measure_invariance_in_short, _square(), "3.0 s together"),
    "stages_before_training": Measurement(measure_stages_before_training, _stages("_init"), "4.8 s"),
    "stages_after_training": Measurement(measure_stages_after_training, _stages(""), "3.1 s"),
    "shifts": Measurement(measure_shifts_of_images, _SHIFTS, "not timed alone"),
    "invariance": Measurement(measure_invariance, (*_SHIFTS, *_square("_init")), "14.1 s"),
    "robustness": Measurement(
        measure_robustness,
        (
            Column("accuracy_uncorrupted", "share", "on the 500 test images that are corrupted"),
            Column("accuracy_under_<corruption>", "share", "C6: mean over severities"),
            Column("relative_accuracy_<group>", "ratio", "C7: to clean images, mean of a group", _FALSE),
            Column("relative_accuracy", "ratio", "C7: to clean images, mean of all", _FALSE),
        ),
        "5.6 s",
    ),
    "reach": Measurement(
        measure_reach,
        (
            Column("effective_field", "pixels", "trained: standard deviation of where gradients arrive", "no pool"),
            Column("effective_field_init", "pixels", "the same before training", "no pool"),
        ),
        "0.9 s",
    ),
}

_HEAD = ("measurement", "in measure=", "cost")
_BASIC = ("accuracy", "overfitting", "cost")
SETS: dict[str, tuple[str, ...]] = {
    "none": ("accuracy",),
    "basic": _BASIC,
    "quick": (*_BASIC, "generalisation", "stages_in_short", "invariance_in_short"),
    "robust": (*_BASIC, "stages_in_short", "shifts", "robustness"),
    "full": (
        *_BASIC,
        *("generalisation", "stages_before_training", "stages_after_training", "invariance", "robustness", "reach"),
    ),
}


@dataclass(frozen=True)
class Measured:
    """Values by column, NaN where there is none, and then the reason."""

    values: dict[str, float]
    reasons: dict[str, str]

    @property
    def unmeasured(self) -> str:
        """Columns without a value, by reason, as one line."""
        causes = dict.fromkeys(self.reasons.values())
        of = {cause: " ".join(name for name, reason in self.reasons.items() if reason == cause) for cause in causes}
        return "; ".join(f"{names}: {cause}" for cause, names in of.items())


def measure_all(config: MeasureConfig, subject: Subject) -> Measured:
    """Every measurement of the configured set."""
    values: dict[str, float] = {}
    reasons: dict[str, str] = {}
    for name in SETS[config.name]:
        for column, found in MEASUREMENTS[name].measure(subject).items():
            values[column] = found.value if isinstance(found, Estimate) else float(found)
            if math.isnan(values[column]):
                said = found.reason if isinstance(found, Estimate) else ""
                reasons[column] = said or describe_column(name, column).unknown or "not a number"
    return Measured(values, reasons)


def list_columns() -> list[dict[str, str]]:
    """Every column, its unit, what it says, by which measurement and set it is measured, and at what cost."""
    rows = []
    for name, measurement in MEASUREMENTS.items():
        sets = ", ".join(key for key, names in SETS.items() if name in names)
        for place, column in enumerate(measurement.columns):
            head = (name, sets, measurement.cost) if place == 0 else ("",) * len(_HEAD)
            said = {"column": column.name, "unit": column.unit, "what": column.what}
            rows.append(dict(zip(_HEAD, head, strict=True)) | said)
    return rows


def describe_column(measurement: str, column: str) -> Column:
    """What a column of a measurement is."""
    return next(one for one in MEASUREMENTS[measurement].columns if one.holds(column))
