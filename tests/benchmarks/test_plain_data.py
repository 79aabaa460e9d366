"""The batches of the plain runs: every image once an epoch, moved as `poolscope train` moves them."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from poolscope.benchmarks.plain_data import draw_batches, move, read_run

SMALL = ["data=digits", "model.width=4", "model.norm=batch"]


def test_an_epoch_has_every_image_at_most_once() -> None:
    config, data = read_run([*SMALL, "train.steps=100", "train.batch_size=32"])
    count = len(data.train.labels) // 32
    batches = list(islice(draw_batches(config, data), count))
    labels = np.concatenate([labels for _, labels in batches])
    assert all(images.shape == (32, 8, 8, 1) and images.dtype == np.float32 for images, _ in batches)
    assert (np.bincount(labels) <= np.bincount(data.train.labels)).all()
    assert len(list(draw_batches(config, data))) == 100


def test_images_are_mirrored_and_shifted_with_zeros_coming_in() -> None:
    images = np.arange(1, 10, dtype=np.uint8).reshape(1, 3, 3, 1).repeat(64, 0)
    moved = move(images, 1, True, np.random.default_rng(0))
    assert moved.shape == images.shape and len(np.unique(moved, axis=0)) > 9
    assert set(np.unique(moved)) == set(range(10))


def test_other_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="the plain runs take"):
        read_run([*SMALL, "train.steps=5", "model.head=flatten"])
