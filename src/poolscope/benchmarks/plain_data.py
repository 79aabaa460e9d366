"""The batches of the plain runs in Flax and PyTorch, in NumPy: drawn, augmented and normalised as their users would."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from poolscope.data.datasets import Dataset, load_dataset
from poolscope.spec.compose import compose_runs
from poolscope.spec.config import RunConfig


def read_run(overrides: Sequence[str]) -> tuple[RunConfig, Dataset]:
    """The run of these overrides and its data; ValueError for a run that the plain ones don't have."""
    (config,) = compose_runs([*overrides]).configs
    if not config.train.steps or (config.optim.name, config.model.norm, config.model.head) != ("sgd", "batch", "avg"):
        raise ValueError("the plain runs take train.steps, optim=sgd, model.norm=batch and model.head=avg")
    return config, load_dataset(config.data, 0)


def draw_batches(config: RunConfig, data: Dataset) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """A float32 batch (batch, H, W, C) and its labels for each step."""
    rng, size = np.random.default_rng(0), config.train.batch_size
    order: np.ndarray = np.array([], int)
    for _ in range(config.train.steps or 0):
        if len(order) < size:
            order = rng.permutation(len(data.train.labels))
        rows, order = order[:size], order[size:]
        images = move(data.train.images[rows], config.train.shift, config.train.flip, rng)
        yield normalise(images, data), data.train.labels[rows]


def move(images: np.ndarray, shift: int, flip: bool, rng: np.random.Generator) -> np.ndarray:
    """Mirror half of the images and shift each by up to `shift` pixels; zeros come in."""
    if flip:
        images = np.where(rng.random(len(images))[:, None, None, None] < 0.5, images[:, :, ::-1], images)
    if not shift:
        return images
    _, height, width, _ = images.shape
    padded = np.pad(images, ((0, 0), (shift, shift), (shift, shift), (0, 0)))
    places = rng.integers(0, 2 * shift + 1, (len(images), 2))
    return np.stack([image[i : i + height, j : j + width] for image, (i, j) in zip(padded, places, strict=True)])


def normalise(images: np.ndarray, data: Dataset) -> np.ndarray:
    """Levels 0..255 to zero mean and unit variance."""
    return ((images.astype(np.float32) / np.float32(255) - data.mean) / data.std).astype(np.float32)
