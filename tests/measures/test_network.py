"""Measurement sets on trained networks: which columns there are, and values against independent calculation."""

from __future__ import annotations

import dataclasses
import math
from functools import cache, partial
from pathlib import Path
from unittest.mock import patch

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from poolscope.data.datasets import load_dataset
from poolscope.measures.columns import MEASUREMENTS, SETS, Measured, Values, describe_column, list_columns, measure_all
from poolscope.measures.network import Subject, measure_effective_fields
from poolscope.pooling import max_pool
from poolscope.runs.run import _evaluate_all
from poolscope.spec.config import MEASURES, DataConfig, MeasureConfig, ModelConfig, PoolConfig, RunConfig, TrainConfig
from poolscope.spec.plan import plan_network
from poolscope.training.augment import normalise
from poolscope.training.trainer import Trainer

CONFIG = RunConfig(
    data=DataConfig(
        name="digits",
        source="digits",
        train="train[:1000]",
        val="train[1000:]",
        test="test[:150]",
        train_eval_size=200,
        label_noise=0.2,
    ),
    model=ModelConfig(blocks=2, pool_stages=1, pool_after="early", width=16),
    pool=PoolConfig(name="max"),
    train=TrainConfig(epochs=3),
    measure=MeasureConfig(name="full"),
)


@cache
def _subject() -> Subject:
    dataset = load_dataset(CONFIG.data, 0)
    plan = plan_network(CONFIG, dataset.shape, dataset.classes)
    trainer = Trainer(CONFIG, plan, len(dataset.train))
    trained = trainer.fit(dataset, 0)
    return Subject(plan, dataset, trainer, trained, seconds=1.0, seed=0, **_evaluate_all(trainer, trained, dataset))


@cache
def _found(measurement: str) -> Values:
    """What one measurement finds; each is taken once."""
    return MEASUREMENTS[measurement].measure(_subject())


@cache
def _measured(name: str = "full") -> Measured:
    """The values of a set."""
    once = {
        measurement: dataclasses.replace(described, measure=lambda _, measurement=measurement: _found(measurement))
        for measurement, described in MEASUREMENTS.items()
    }
    with patch("poolscope.measures.columns.MEASUREMENTS", once):
        return measure_all(MeasureConfig(name=name), _subject())


def _full() -> dict[str, float]:
    return _measured().values


def test_every_set_is_offered_and_every_measurement_used() -> None:
    assert set(SETS) == set(MEASURES)
    assert {path.stem for path in Path("configs/measure").glob("*.yaml")} >= set(SETS)
    assert {name for names in SETS.values() for name in names} == set(MEASUREMENTS)
    assert all(measurement.what for measurement in MEASUREMENTS.values())


def test_sets_grow() -> None:
    none, basic, quick = (set(_measured(name).values) for name in ("none", "basic", "quick"))
    assert none < basic < quick
    assert basic < set(_full())
    assert {"pool1_r2", "pool1_aliasing", "consistency_circular_1", "calibrated_gap", "onset"} <= quick


def test_every_column_is_described_once_and_every_description_has_a_column() -> None:
    for name, measurement in MEASUREMENTS.items():
        found = _found(name)
        for column, value in found.items():
            assert sum(one.holds(column) for one in measurement.columns) == 1, column
            if hasattr(value, "unit"):
                assert value.unit == describe_column(name, column).unit
        assert all(any(one.holds(column) for column in found) for one in measurement.columns), name
    rows = list_columns()
    assert len(rows) == sum(len(measurement.columns) for measurement in MEASUREMENTS.values())
    assert all(row["unit"] and row["what"] for row in rows)


def test_a_column_without_a_value_has_a_reason() -> None:
    measured = _measured()
    missing = {name for name, value in measured.values.items() if math.isnan(value)}
    assert set(measured.reasons) == missing
    assert measured.reasons["val_loss_at_0.1"] == "the training loss did not pass this level between two evaluations"
    assert missing and all(f"{name} " in measured.unmeasured or f"{name}:" in measured.unmeasured for name in missing)


def test_full_set_measures_stages_before_and_after_training() -> None:
    values = _full()
    for column in ("r2", "aliasing", "image_r2_before", "label_bits_after", "location_rmse_after", "dimensions_before"):
        for suffix in ("", "_init"):
            assert math.isfinite(values[f"pool1_{column}{suffix}"]), column
    assert values["pool1_location_rmse_before"] < values["pool1_location_rmse_after"]
    assert values["pool1_image_r2_before"] > values["pool1_image_r2_after"]
    assert 0 < values["pool1_aliasing"] < 1
    assert values["pool1_dimensions_after"] <= 16
    assert values["effective_field"] > 0


@pytest.mark.long
def test_values_are_the_same_again() -> None:
    again = measure_all(MeasureConfig(name="full"), dataclasses.replace(_subject())).values
    for name, value in _full().items():
        assert again[name] == pytest.approx(value, rel=1e-6, nan_ok=True), name


def test_shift_measures_equal_a_loop_over_shifts() -> None:
    subject, values = _subject(), _full()
    images, labels = subject.dataset.test.images, subject.dataset.test.labels
    apply = jax.jit(lambda given: subject.trainer.apply(subject.trained.final, given, train=False)[0])
    predictions = []
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            rolled = np.roll(images, (down, right), (1, 2))
            inputs = normalise(rolled, subject.dataset.mean, subject.dataset.std)
            predictions.append(np.asarray(apply(inputs)).argmax(1))
    votes = np.array(predictions)
    pairs = [(votes[a] == votes[b]).mean() for a in range(9) for b in range(9) if a != b]
    assert values["consistency_circular_1"] == pytest.approx(np.mean(pairs))
    assert values["worst_shift_accuracy_circular_1"] == pytest.approx((votes == labels).all(0).mean())
    assert values["shift_accuracy_circular_0"] == pytest.approx(subject.test.accuracy)
    assert values["shift_accuracy_circular_8"] == pytest.approx(subject.test.accuracy)  # images are 8 pixels wide
    assert values["agreement_circular_-1_1"] == pytest.approx((votes[2] == votes[4]).mean())


def test_memory_is_measured_on_exactly_the_moved_labels() -> None:
    subject, values = _subject(), _full()
    dataset = subject.dataset
    clean = load_dataset(dataclasses.replace(CONFIG.data, label_noise=0.0), 0)
    assert dataset.corrupted.sum() == 200  # 20 % of 1,000, exactly
    assert ((dataset.train.labels != clean.train.labels) == dataset.corrupted).all()
    predicted = subject.predict(dataset.train.images[dataset.corrupted]).argmax(1)
    recovered = (predicted == clean.train.labels[dataset.corrupted]).mean()
    assert values["recovered"] == pytest.approx(recovered)
    assert values["memorised"] < values["recovered"]


def test_evaluation_equals_a_loop_by_hand() -> None:
    subject = _subject()
    split = subject.dataset.train_eval
    right = 0
    data, weights = subject.dataset, subject.trained.final
    program = jax.jit(lambda images: subject.trainer.apply(weights, images, train=False)[:2])
    for image, label in zip(split.images[49::-1], split.labels[49::-1], strict=True):
        logits, activations = program(normalise(image[None], data.mean, data.std))
        right += int(np.asarray(logits).argmax() == label)
    assert subject.train_eval.correct[:50].sum() == right
    first = subject.train_eval.activations
    assert list(first) == list(activations) and first
    jax.tree.map(partial(np.testing.assert_allclose, atol=1e-5), first, activations)


def test_measurements_cope_with_a_network_without_pools() -> None:
    config = dataclasses.replace(CONFIG, pool=PoolConfig(name="none"), train=TrainConfig(steps=2))
    dataset = load_dataset(config.data, 0)
    plan = plan_network(config, dataset.shape, dataset.classes)
    trainer = Trainer(config, plan, len(dataset.train))
    trained = trainer.fit(dataset, 0)
    subject = Subject(plan, dataset, trainer, trained, seconds=1.0, seed=0, **_evaluate_all(trainer, trained, dataset))
    values = measure_all(MeasureConfig(name="quick"), subject).values
    assert not any(name.startswith("pool1") for name in values)
    assert math.isnan(measure_effective_fields(subject)["effective_field"])


def test_counts_agree_with_the_compiler_where_it_counts_exactly() -> None:
    """XLA counts 2 MACs for a VALID convolution, K - 1 comparisons for max."""
    config = RunConfig(data=CONFIG.data, model=ModelConfig(conv_padding="VALID"), pool=PoolConfig(name="max"))
    plan = plan_network(config, (32, 32, 3), 10)
    layers = {layer.name: layer for layer in plan.layers}
    x = jnp.zeros((1, 32, 32, 3))
    kernel = jnp.zeros((3, 3, 3, layers["conv1"].output[2]))
    dimensions = ("NHWC", "HWIO", "NHWC")
    conv = jax.jit(lambda x, k: jax.lax.conv_general_dilated(x, k, (1, 1), "VALID", dimension_numbers=dimensions))
    assert conv.lower(x, kernel).compile().cost_analysis()["flops"] == 2 * layers["conv1"].macs
    before = jnp.zeros((1, *layers["relu1"].output))
    assert plan.layers[2].name == "pool1"
    traced = jax.jit(lambda x: max_pool(x, 2)).trace(before)  # on CPU it also notes where the maximum is
    pool = traced.lower(lowering_platforms=("cuda",)).cost_analysis()["flops"]
    assert pool == layers["pool1"].pool_ops
    graph = nnx.split(nnx.eval_shape(lambda: _network(config, plan)), nnx.Param, ...)[1]
    assert sum(leaf.size for leaf in jax.tree.leaves(graph)) == plan.parameters


def _network(config: RunConfig, plan: object) -> nnx.Module:
    from poolscope.training.network import ConvNet

    return ConvNet(config, plan, jax.random.key(0))  # type: ignore[arg-type]
