"""Batches that are read from disk while training, through Grain, for images that don't fit into memory.

Grain's threads read some batches ahead. Which images a batch has is said by the order of the epoch, as in memory.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from poolscope.data.datasets import Dataset
from poolscope.data.splits import Split
from poolscope.training.devices import Devices
from poolscope.training.placement import EpochData, place_order, place_statistics
from poolscope.training.streams import STREAMS, stream_key

_THREADS, _AHEAD = 2, 4


class BatchReader:
    """The batches of one seed's epochs, on the devices as they are asked for."""

    def __init__(self, devices: Devices, dataset: Dataset, seed: int, batch_size: int) -> None:
        self.devices, self.split, self.seed, self.size = devices, dataset.train, seed, batch_size
        mean, std = place_statistics(devices, [dataset])
        keys = devices.place({name: stream_key(seed, name) for name in STREAMS})
        images = devices.place(np.zeros((batch_size, *dataset.shape), np.uint8))
        labels, order = devices.place((np.zeros(batch_size, np.int32), np.arange(batch_size, dtype=np.int32)))
        self.first = EpochData(images, labels, mean, std, order, keys)
        self._next = (-1, -1)
        self._batches: Iterator[tuple[np.ndarray, np.ndarray]] = iter(())

    def read(self, epoch: int, position: int) -> EpochData:
        """What the step at a position of an epoch reads: its batch, in order."""
        if self._next != (epoch, position):
            order = np.asarray(place_order(self.devices, [self.seed], epoch, len(self.split.labels)))
            self._batches = read_batches(self.split, order, self.size, position)
        self._next = (epoch, position + 1)
        images, labels = next(self._batches)
        return replace(self.first, images=self.devices.place(images), labels=self.devices.place(labels))


def read_batches(split: Split, order: np.ndarray, size: int, first: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Read the batches that an order is cut into, from number `first` on; the rest of the order is left out."""
    grain: Any = importlib.import_module("grain")
    batches = grain.MapDataset.source(_Batches(split, order, size))[first:]
    ahead = grain.ReadOptions(num_threads=_THREADS, prefetch_buffer_size=_AHEAD)
    read: Iterator[tuple[np.ndarray, np.ndarray]] = iter(batches.to_iter_dataset(ahead))
    return read


class _Batches:
    """The batches of an order, as Grain asks for them."""

    def __init__(self, split: Split, order: np.ndarray, size: int) -> None:
        self.split, self.order, self.size = split, order, size

    def __len__(self) -> int:
        return len(self.order) // self.size

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        rows = self.order[number * self.size : (number + 1) * self.size]
        return self.split.images[rows], self.split.labels[rows]
