"""The columns of the runs table that measurements fill: names, units, costs, and which set measures them.

Where a column has no value, `measure_all` gives the reason; `poolscope list measures` prints every column.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from poolscope.measures import network
from poolscope.measures.information import Estimate
from poolscope.measures.network import Subject
from poolscope.measures.predictions import Scored, Values
from poolscope.spec.config import MeasureConfig
from poolscope.spec.extensions import find_measurements


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
    summary: str = ""

    @property
    def what(self) -> str:
        """Its summary, else the first line of its documentation."""
        return self.summary or (self.measure.__doc__ or "").strip().splitlines()[0]


_NEVER = "the training loss did not pass this level between two evaluations"
_UNCORRUPTED = "no training label was corrupted (data.label_noise=0)"
_SAME = "all images have the same logits"
_FALSE = "no clean image is classified right"


def _stages(suffix: str) -> tuple[Column, ...]:
    return tuple(
        Column(f"pool<k>_{name}{suffix}", unit, what)
        for name, unit, what in (
            ("r2", "R2", "I1: the pool's input, rebuilt from its output cell by cell"),
            ("aliasing", "share of AC energy", "I2: the pool's output at stride 1 above the new Nyquist frequency"),
            ("image_r2_<before|after>", "R2", "I1: the image, rebuilt from either side of the pool"),
            ("label_bits_<before|after>", "bits", "I3: the label, by a linear probe of at most 512 projections"),
            ("label_bits_near_<before|after>", "bits", "I3: the label, by the ten nearest neighbours"),
            ("location_rmse_<before|after>", "pixels", "I4: the place of a glyph"),
            ("phase_<before|after>", "share", "I4: the place modulo the jump, share read right"),
            ("dimensions_<before|after>", "dimensions", "I5: participation ratio of a channel's map"),
        )
    )


def _square(suffix: str = "") -> tuple[Column, ...]:
    return (
        Column(f"consistency_<circular|zero>_<pixels>{suffix}", "share of pairs of shifts", "C1: equal predictions"),
        Column(f"worst_shift_accuracy_<circular|zero>_<pixels>{suffix}", "share", "C4: right under every shift"),
        Column(f"logit_stability_<circular|zero>_<pixels>{suffix}", "ratio", "C5: moved logits / other images'", _SAME),
    )


_SHIFTS = (
    *_square(),
    Column("agreement_<circular|zero>_<down>_<right>", "share", "C2: predicted as unshifted, for one shift"),
    Column("shift_accuracy_<circular|zero>_<distance>", "share", "C3: accuracy at a distance in pixels"),
    Column("shift_accuracy_<circular|zero>", "share", "C3: mean over 1 to 8 pixels"),
)

MEASUREMENTS: dict[str, Measurement] = {
    "validation": Measurement(
        network.measure_validation,
        (
            Column("<train_eval|val>_accuracy", "share", "final weights"),
            Column("<train_eval|val>_loss", "nats", "mean cross-entropy, final weights"),
            Column("best_epoch", "epochs", "when the validation loss was least"),
        ),
    ),
    "accuracy": Measurement(
        network.measure_accuracy,
        (
            Column("<train_eval|val|test>_accuracy", "share", "final weights"),
            Column("<train_eval|val|test>_loss", "nats", "mean cross-entropy, final weights"),
            Column("test_accuracy_best", "share", "weights of the least validation loss"),
            Column("test_loss_best", "nats", "weights of the least validation loss"),
            Column("best_epoch", "epochs", "when the validation loss was least"),
        ),
    ),
    "overfitting": Measurement(
        network.measure_overfitting,
        (
            Column("generalisation_gap", "share", "accuracy on clean training images - on test images"),
            Column("loss_gap", "nats", "test loss - training loss"),
            Column("overfit_depth", "nats", "test loss at the end - at the least validation loss"),
        ),
    ),
    "cost": Measurement(
        network.measure_cost,
        (
            Column("parameters", "numbers", "learnable"),
            Column("macs", "multiply-accumulates", "of one image"),
            Column("pool_ops", "operations", "what max or average would compare or add for an image, whichever it is"),
            Column("receptive_field", "pixels", "from the plan, the longer side"),
            Column("<steps|epochs>", "count", "trained"),
            Column("<train|test>_size", "images", "trained on, tested on"),
            Column("seconds_train", "seconds", "training with its evaluations"),
            Column("images_per_second", "1/s", "trained, compilation left out", "there were too few evaluations"),
        ),
    ),
    "generalisation": Measurement(
        network.measure_generalisation,
        (
            Column(
                "calibrated_gap", "nats", "test loss at a fitted temperature - training loss", "a logit is not finite"
            ),
            Column("onset", "share of training", "when the validation loss was least", "a loss is not a number"),
            Column("fit_steps", "steps", "to 99 % of the training images", "an accuracy is not a number"),
            Column("fit_reached", "0 or 1", "whether it got there"),
            Column("val_<loss|accuracy>_at_<level>", "nats, share", "when the training loss passed a level", _NEVER),
            Column("memorised", "share", "corrupted labels predicted, less chance", _UNCORRUPTED),
            Column("recovered", "share", "true labels predicted for corrupted ones", _UNCORRUPTED),
        ),
        "2.6 s",
    ),
    "stages_in_short": Measurement(network.measure_stages_in_short, _stages("")[:2], "3.0 s together"),
    "invariance_in_short": Measurement(network.measure_invariance_in_short, _square(), "3.0 s together"),
    "stages_before_training": Measurement(network.measure_stages_before_training, _stages("_init"), "4.8 s"),
    "stages_after_training": Measurement(network.measure_stages_after_training, _stages(""), "3.1 s"),
    "shifts": Measurement(network.measure_shifts_of_images, _SHIFTS, "not timed alone"),
    "invariance": Measurement(network.measure_invariance, (*_SHIFTS, *_square("_init")), "14.1 s"),
    "subpixel": Measurement(
        network.measure_subpixel_shifts,
        (
            Column("consistency_subpixel", "share of pairs of shifts", "C1: equal predictions, shifts by half a pixel"),
            Column("worst_shift_accuracy_subpixel", "share", "C4: right under every shift by half a pixel"),
            Column("logit_stability_subpixel", "ratio", "C5: moved logits / other images', half a pixel", _SAME),
        ),
        "not timed alone",
    ),
    "robustness": Measurement(
        network.measure_robustness,
        (
            Column("accuracy_corrupted", "share", "mean over all corruptions, each over its severities"),
            Column("accuracy_uncorrupted", "share", "on the clean images of those that are corrupted"),
            Column("accuracy_under_<corruption>", "share", "C6: mean over severities"),
            Column("relative_accuracy_<group>", "ratio", "C7: to clean images, mean of a group", _FALSE),
            Column("relative_accuracy", "ratio", "C7: to clean images, mean of all", _FALSE),
        ),
        "5.6 s",
    ),
    "effective_field": Measurement(
        network.measure_effective_fields,
        (
            Column("effective_field", "pixels", "trained: standard deviation of where gradients arrive", "no pool"),
            Column("effective_field_init", "pixels", "the same before training", "no pool"),
        ),
        "0.9 s",
    ),
}

MEASUREMENTS |= {
    name: Measurement(
        lambda subject, found=found: found.load()(subject),  # type: ignore[misc]
        tuple(Column(*column) for column in found.columns),
        found.cost,
        f"{found.summary} ({found.package} {found.version})",
    )
    for name, found in find_measurements().items()
}

_HEAD = ("measurement", "in measure=", "cost")
_BASIC = ("accuracy", "overfitting", "cost")
SETS: dict[str, tuple[str, ...]] = {
    "validation": ("validation", "cost"),
    "none": ("accuracy",),
    "basic": _BASIC,
    "quick": (*_BASIC, "generalisation", "stages_in_short", "invariance_in_short"),
    "robust": (*_BASIC, "stages_in_short", "shifts", "robustness"),
    "invariance": (*_BASIC, "invariance", "subpixel"),
    "full": (
        *_BASIC,
        "generalisation",
        "stages_before_training",
        "stages_after_training",
        "invariance",
        "robustness",
        "effective_field",
    ),
    **{name: (*_BASIC, name) for name in find_measurements()},  # a plugin's measurement, beside the basic ones
}


@dataclass(frozen=True)
class Measured:
    """Values by column, NaN where there is none, and then the reason; scores: of each test image, where kept."""

    values: dict[str, float]
    reasons: dict[str, str]
    scores: dict[str, list[float]]

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
    scores: dict[str, list[float]] = {}
    for name in SETS[config.name]:
        for column, found in MEASUREMENTS[name].measure(subject).items():
            values[column] = found.value if isinstance(found, (Estimate, Scored)) else float(found)
            if isinstance(found, Scored) and not math.isnan(found.value):
                scores[column] = found.scores.tolist()
            if math.isnan(values[column]):
                said = found.reason if isinstance(found, Estimate) else ""
                reasons[column] = said or describe_column(name, column).unknown or "not a number"
    return Measured(values, reasons, scores)


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
