"""Placing: batches of one size, and an axis of seeds where seeds differ and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_runs import configure

from poolscope.data.datasets import load_dataset
from poolscope.data.splits import Split
from poolscope.spec.config import TrainConfig
from poolscope.training.devices import Devices, make_mesh
from poolscope.training.placement import SHARED, place_order, place_split, place_training
from poolscope.training.streams import STREAMS, epoch_order, stream_key

IMAGES = np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1)
LABELS = np.arange(5, dtype=np.int32)


def devices(seeds: int) -> Devices:
    return Devices(make_mesh(TrainConfig(batch_size=2, devices=1), 5, 1), seeds)


@pytest.mark.parametrize("own_images", [False, True])
@pytest.mark.parametrize("own_labels", [False, True])
def test_seeds_share_what_is_equal(own_images: bool, own_labels: bool) -> None:
    other = Split(IMAGES + np.uint8(own_images), LABELS + np.int32(own_labels))
    split = place_split(devices(2), 2, [Split(IMAGES, LABELS), other])
    assert split.axes == (0 if own_images else None, 0 if own_labels else None)
    assert split.images[0].shape == ((2,) if own_images else ()) + (2, 1, 1, 1)
    assert split.labels[0].shape == ((2,) if own_labels else ()) + (2,)


@pytest.mark.parametrize(
    ("batch", "expected"),
    [(2, [[0, 1], [2, 3], [4, 4]]), (5, [[0, 1, 2, 3, 4]]), (6, [[0, 1, 2, 3, 4, 4]])],
)
def test_batches_have_one_size_and_the_last_repeats_its_final_example(batch: int, expected: list[list[int]]) -> None:
    split = place_split(devices(1), batch, [Split(IMAGES, LABELS)])
    assert [labels.tolist() for labels in split.labels] == expected and split.size == 5 and split.axes == SHARED
    assert [images[:, 0, 0, 0].tolist() for images in split.images] == expected


def test_an_epoch_has_the_seed_s_order_keys_and_statistics() -> None:
    dataset = load_dataset(configure().data, 0)
    dataset = replace(dataset, train=Split(dataset.train.images[:5], dataset.train.labels[:5]))
    data = place_training(devices(1), [dataset], [4])
    assert set(data.keys) == set(STREAMS) and data.axes == SHARED
    np.testing.assert_array_equal(data.images, dataset.train.images)
    np.testing.assert_allclose(data.mean, dataset.mean)
    np.testing.assert_array_equal(data.order, epoch_order(stream_key(4, "order"), 0, 5))
    together = place_training(devices(2), [dataset, dataset], [4, 1])
    assert together.axes == SHARED and together.images.shape == data.images.shape
    np.testing.assert_array_equal(together.order, place_order(devices(2), [4, 1], 0, 5))
    np.testing.assert_array_equal(together.order[0], data.order)
