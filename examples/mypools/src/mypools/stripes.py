"""Stripes across or down, under noise: a data set that is made up on the spot."""

from __future__ import annotations

import numpy as np

from poolscope.data.splits import Source, Split
from poolscope.spec.config import DataConfig
from poolscope.spec.extensions import dataset

_SIZES = {"train": 240, "test": 60}


@dataset("stripes", summary="stripes across or down, grey, 8x8", train="train[:200]", val="train[200:]", test="test")
def open_stripes(config: DataConfig) -> Source:
    """240 and 60 images of 8x8 pixels in two classes; the same on every machine."""

    def read(split: str) -> Split:
        count = _SIZES[split]
        labels = (np.arange(count) % 2).astype(np.int32)
        across = np.broadcast_to(np.where(np.arange(8) % 2, 200.0, 40.0)[:, None], (count, 8, 8))
        noise = np.random.RandomState(count).normal(0, 9, across.shape)
        images = np.where(labels[:, None, None] == 1, across.swapaxes(1, 2), across) + noise
        return Split(images.clip(0, 255).astype(np.uint8)[..., None], labels)

    return Source(config.name, "1", (8, 8, 1), 2, _SIZES, {}, read, "made up on the spot")
