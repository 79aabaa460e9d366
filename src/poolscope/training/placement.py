"""Put images, labels and what else the compiled programs read on the devices.

Of seeds that are trained together every array leads with their axis, but for images and labels that they share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array

from poolscope.data.datasets import Dataset
from poolscope.data.splits import Split
from poolscope.data.stored import StoredImages
from poolscope.training.devices import Devices
from poolscope.training.streams import STREAMS, epoch_order, stream_key

SeedAxes = tuple[int | None, int | None]  # of images and labels: 0 where each seed has its own
SHARED: SeedAxes = (None, None)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class EpochData:
    """What the steps of an epoch read, on the devices.

    images: (N, H, W, C) uint8; labels: (N,); mean and std: of each channel, float32; order: the permutation of the N
    examples that batches are cut from; keys: of each stream of randomness. Of seeds that are trained together every
    array leads with their axis, but for images and labels that they share. axes: the axis of seeds of these two.
    """

    images: Array
    labels: Array
    mean: Array
    std: Array
    order: Array
    keys: dict[str, Array]
    axes: SeedAxes = field(default=SHARED, metadata={"static": True})


class PlacedSplit(NamedTuple):
    """A split on the devices, in batches of one size. size: of the split; axes: as in `EpochData`."""

    images: Sequence[Array]
    labels: list[Array]
    size: int
    axes: SeedAxes = SHARED


class BatchesOnDisk(Sequence[Array]):
    """Images of a split in batches, each put on the devices when it is asked for. rows: those of each batch."""

    def __init__(self, devices: Devices, images: Any, rows: np.ndarray) -> None:
        self.devices, self.images, self.rows = devices, images, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return BatchesOnDisk(self.devices, self.images, self.rows[index])
        placed: Array = jax.device_put(self.images[self.rows[index]], self.devices.spread("batch"))
        return placed


def place_training(devices: Devices, datasets: Sequence[Dataset], seeds: Sequence[int]) -> EpochData:
    """Place what the steps of the first epoch read."""
    splits = [dataset.train for dataset in datasets]
    axes = _seed_axes(splits)
    images, labels = _place_images(devices, splits, axes)
    mean, std = place_statistics(devices, datasets)
    streams = [devices.place({name: stream_key(seed, name) for name in STREAMS}) for seed in seeds]
    order = place_order(devices, seeds, 0, len(splits[0].labels))
    return EpochData(images, labels, mean, std, order, devices.join(streams), axes)


def place_order(devices: Devices, seeds: Sequence[int], epoch: int, size: int) -> Array:
    """Place the order of the examples of an epoch, (size,), or (seeds, size)."""
    order: Array = devices.join([epoch_order(stream_key(seed, "order"), epoch, size) for seed in seeds])
    return order


def place_split(devices: Devices, batch_size: int, splits: Sequence[Split]) -> PlacedSplit:
    """Place a split, or one for each seed, in batches of one size, so that one program serves them all.

    batch_size: rounded up to what the devices can share. The last batch repeats its final example to fill up.
    """
    size, sharing = len(splits[0].labels), devices.mesh.shape["batch"]
    batch = -(-batch_size // sharing) * sharing
    index = np.minimum(np.arange(-(-size // batch) * batch), size - 1).reshape(-1, batch)
    axes = _seed_axes(splits)
    if isinstance(splits[0].images, StoredImages):
        labels = [jax.device_put(splits[0].labels[rows], devices.spread("batch")) for rows in index]
        return PlacedSplit(BatchesOnDisk(devices, splits[0].images, index), labels, size, axes)
    batches = [
        _place_images(devices, [Split(split.images[rows], split.labels[rows]) for split in splits], axes, "batch")
        for rows in index
    ]
    return PlacedSplit([images for images, _ in batches], [labels for _, labels in batches], size, axes)


def place_statistics(devices: Devices, datasets: Sequence[Dataset]) -> Any:
    """Place mean and standard deviation of each channel, float32."""
    parts = [(dataset.mean.astype(np.float32), dataset.std.astype(np.float32)) for dataset in datasets]
    return devices.join([devices.place(part) for part in parts])


def _place_images(devices: Devices, splits: Sequence[Split], axes: SeedAxes, *spread: str) -> tuple[Array, Array]:
    images, labels = [split.images for split in splits], [split.labels for split in splits]
    return devices.place_seeds(images, axes[0], *spread), devices.place_seeds(labels, axes[1], *spread)


def _seed_axes(splits: Sequence[Split]) -> SeedAxes:
    """0 for images and for labels that differ between seeds; None where one copy serves them all."""
    first, *others = splits
    return (
        0 if any(not np.array_equal(first.images, other.images) for other in others) else None,
        0 if any(not np.array_equal(first.labels, other.labels) for other in others) else None,
    )
