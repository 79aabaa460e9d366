"""Measurements of a made-up subject, whose numbers are known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from small_runs import configure, prepare

from poolscope.measures.columns import MEASUREMENTS, SETS, measure_all
from poolscope.measures.network import Subject
from poolscope.spec.config import MEASURES, MeasureConfig
from poolscope.training.history import Evaluation, Trained, Weights


def evaluation(loss: float, accuracy: float) -> Evaluation:
    return Evaluation(loss, accuracy, np.zeros(4, int), np.zeros(4, bool))


@pytest.fixture(scope="module")
def subject() -> Subject:
    trainer, dataset = prepare("pool.window=3", "pool.stride=2", "data.train_size=120", "model.width=4")
    curves = {"epoch": [1.0, 2.0], "step": [1.0, 2.0], "val_loss": [0.5, 0.9]}
    empty: Any = Weights({}, {})
    trained = Trained("done", "", empty, empty, 1.0, curves, 321.0)
    parts = {name: evaluation(*pair) for name, pair in EVALUATIONS.items()}
    return Subject(trainer.plan, dataset, trainer, trained, seconds=2.5, seed=0, **parts)


EVALUATIONS = {"train_eval": (0.25, 0.75), "val": (0.9, 0.5), "test": (1.0, 0.625), "test_best": (0.5, 0.6875)}


def test_the_sets_are_made_of_measurements() -> None:
    assert set(SETS) == set(MEASURES)
    assert {name for names in SETS.values() for name in names} <= set(MEASUREMENTS)
    for names in SETS.values():
        assert names[0] in ("accuracy", "validation") and len(set(names)) == len(names)
    assert set(SETS["basic"]) < set(SETS["quick"]) and set(SETS["basic"]) < set(SETS["full"])


def test_accuracies_gaps_and_costs_are_plain_arithmetic(subject: Subject) -> None:
    values = measure_all(MeasureConfig("basic"), subject).values
    # 8x8x1 -> conv 3x3x1x4 -> 3x3 windows at stride 2 on 8x8: 3x3 -> conv 3x3x4x8 -> mean -> dense 8x4.
    expected = {
        **{f"{name}_loss": pair[0] for name, pair in EVALUATIONS.items() if name != "test_best"},
        **{f"{name}_accuracy": pair[1] for name, pair in EVALUATIONS.items() if name != "test_best"},
        **{"test_loss_best": 0.5, "test_accuracy_best": 0.6875, "best_epoch": 1.0},
        **{"generalisation_gap": 0.125, "loss_gap": 0.75, "overfit_depth": 0.5},
        "parameters": 9 * 4 + 4 + 9 * 4 * 8 + 8 + 8 * 4 + 4,
        "macs": 64 * 36 + 9 * 36 * 8 + 32,
        "pool_ops": 9 * 4 * 8,
        "receptive_field": 1 + 2 + 2 + 2 * 2,
        **{"steps": 2, "epochs": 2, "train_size": 120, "test_size": 200},
        **{"seconds_train": 2.5, "images_per_second": 321.0},
    }
    assert values == pytest.approx(expected)


def test_the_least_set_holds_accuracies_only(subject: Subject) -> None:
    values = measure_all(MeasureConfig("none"), subject).values
    assert len(values) == 9 and all("accuracy" in name or "loss" in name or name == "best_epoch" for name in values)


def test_what_is_measured_is_finite_on_a_trained_network() -> None:
    trainer, dataset = prepare("train.epochs=1", "data.label_noise=0.4")
    trained = trainer.fit(dataset, 0)
    splits = {name: trainer.place_split(getattr(dataset, name)) for name in ("train_eval", "val", "test")}
    parts = {name: trainer.evaluate(trained.final, split, dataset) for name, split in splits.items()}
    subject = Subject(trainer.plan, dataset, trainer, trained, seconds=1.0, seed=0, **parts, test_best=parts["test"])
    logits = subject.predict(dataset.test.images)
    np.testing.assert_array_equal(logits.argmax(1), parts["test"].predictions)
    values = MEASUREMENTS["generalisation"].measure(subject)
    moved = np.flatnonzero(dataset.corrupted)
    assert len(moved) == 200 and configure("data.label_noise=0.4").data.label_noise == 0.4
    assert math.isfinite(values["memorised"]) and math.isfinite(values["recovered"])
    assert (values["fit_steps"], values["fit_reached"]) == (5, 0)
