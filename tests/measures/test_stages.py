"""Pooling stages of a network: where their cells lie, which images probes are fitted on, and what is read of them."""

from __future__ import annotations

import dataclasses
import math

import jax.numpy as jnp
import numpy as np
import pytest
from small_runs import prepare

from poolscope.data.datasets import load_dataset
from poolscope.measures.stages import (
    REPORTED,
    Sample,
    _alignment,
    _apply_at_stride1,
    _dimensions,
    _projected,
    check_counts,
    read_stage,
)
from poolscope.pooling import make_layer, max_pool
from poolscope.spec.config import DataConfig, ModelConfig, PoolConfig, RunConfig
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.plan import plan_network

DIGITS = DataConfig(
    name="digits", source="digits", train="train[:1000]", val="train[1000:]", test="test", train_eval_size=200
)


def test_stages_line_up_with_the_image() -> None:
    """An average of an average, read without convolutions: the first cell begins where the first window does."""
    plan = plan_network(
        RunConfig(
            data=DIGITS,
            model=ModelConfig(blocks=2, pool_stages=2, pool_after="early", conv_padding="VALID"),
            pool=PoolConfig(name="avg"),
        ),
        (28, 28, 1),
        10,
    )
    assert _alignment(plan, "pool1", "before") == ((1, 1), (1, 1))
    assert _alignment(plan, "pool1", "after") == ((2, 2), (1, 1))
    assert _alignment(plan, "pool2", "before") == ((2, 2), (3, 3))
    assert _alignment(plan, "pool2", "after") == ((4, 4), (3, 3))


def test_probes_are_fitted_on_validation_images_then_on_spare_test_images() -> None:
    dataset = load_dataset(DIGITS, 0)  # 437 validation and 360 test images
    held = Sample.of(dataset)
    assert [len(part) for part in (held.parts.fit, held.parts.select, held.parts.test)] == [327, 110, 360]
    many = dataclasses.replace(dataset, test=dataset.train)  # 1,000 of them are all reported on
    assert len(Sample.of(many).parts.fit) == 327
    twice = np.concatenate([dataset.train.images] * 5), np.concatenate([dataset.train.labels] * 5)
    sample = Sample.of(
        dataclasses.replace(dataset, test=dataclasses.replace(dataset.train, images=twice[0], labels=twice[1]))
    )
    assert [len(part) for part in (sample.parts.fit, sample.parts.select, sample.parts.test)] == [3000, 1000, 1000]
    np.testing.assert_array_equal(sample.images[:437], dataset.val.images)
    np.testing.assert_array_equal(sample.labels[437:4000], twice[1][1000 : 1000 + 3563])
    np.testing.assert_array_equal(sample.images[sample.parts.test], twice[0][:1000])


@pytest.mark.parametrize("circular", [False, True])
def test_stages_are_read_as_the_network_computes_them(circular: bool) -> None:
    trainer, dataset = prepare("pool.name=max")
    images = dataset.test.images[:7]
    weights = trainer.initialise(0).weights
    before, after = read_stage(trainer, weights, "pool1", images, dataset, circular=circular)
    assert before.shape == (7, 8, 8, 16)
    np.testing.assert_allclose(after, max_pool(jnp.asarray(before), 2), atol=1e-6)
    moved, _ = read_stage(trainer, weights, "pool1", np.roll(images, 3, 1), dataset, circular=circular)
    same = np.allclose(np.roll(before, 3, 1), moved, atol=1e-5)
    assert same == circular  # padding with zeros gives the place away; wrapped edges don't


def test_a_pool_at_stride_1_on_a_torus() -> None:
    maps = np.random.default_rng(0).normal(size=(2, 6, 6, 1)).astype(np.float32)
    found = _apply_at_stride1(make_layer("max", 2), maps)
    wrapped = np.pad(maps, ((0, 0), (0, 1), (0, 1), (0, 0)), mode="wrap")
    np.testing.assert_array_equal(found, max_pool(jnp.asarray(wrapped), 2, 1))


@pytest.mark.parametrize(
    ("val", "test", "enough"), [(1, 0, False), (1, REPORTED, False), (1, REPORTED + 1, True), (2, 0, True)]
)
def test_too_few_images_to_fit_and_to_choose_on_are_refused(val: int, test: int, enough: bool) -> None:
    if enough:
        check_counts(val, test)
    else:
        with pytest.raises(PoolscopeError, match=r"data\.val names 1 image, .* use at least 2, or measure=basic"):
            check_counts(val, test)


@pytest.mark.parametrize(("fitted", "features"), [(1, 1), (9, 1), (10, 2), (327, 64), (2559, 256), (3000, 512)])
def test_labels_are_read_from_a_power_of_two_with_five_images_for_each(fitted: int, features: int) -> None:
    assert _projected(fitted) == features


def test_dimensions_are_averaged_over_channels_that_vary() -> None:
    rng = np.random.default_rng(0)
    maps = np.zeros((400, 2, 2, 3), np.float32)
    maps[..., 0] = rng.normal(size=(400, 1, 1))  # one dimension
    maps[..., 1] = rng.normal(size=(400, 2, 2))  # four
    assert _dimensions(maps).value == pytest.approx(2.5, abs=0.1)
    assert math.isnan(_dimensions(maps[..., 2:]).value)
