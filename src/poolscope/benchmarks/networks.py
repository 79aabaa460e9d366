"""What every contender trains: the reference networks, their images and their initial weights, in NumPy."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

CLASSES = 10
LEARNING_RATE, MOMENTUM = 0.05, 0.9  # stochastic gradient descent, Nesterov
MEAN, STD = 0.5, 0.3  # of the images' levels, scaled to [0, 1]


@dataclass(frozen=True)
class Network:
    """Blocks of 3x3 convolution, perhaps batch norm, ReLU and 2x2 pool, then a dense head; `steps` batches are one
    repetition."""

    shape: tuple[int, int, int]
    filters: tuple[int, ...]
    steps: int
    batch: int = 128
    norm: str = "none"
    pool: str = "max"

    def options(self, **changes: Any) -> dict[str, Any]:
        """As a contender's process takes it."""
        return {**asdict(self), **changes}


NETWORKS = {
    "cifar": Network((32, 32, 3), (32, 64, 128), 4),
    "mnist": Network((28, 28, 1), (32, 64), 6),
    "digits": Network((8, 8, 1), (16, 32), 40),
    "cifar, batch norm, max": Network((32, 32, 3), (32, 64, 128), 4, norm="batch"),
    "cifar, batch norm, avg": Network((32, 32, 3), (32, 64, 128), 4, norm="batch", pool="avg"),
}


def read_network(options: dict[str, Any]) -> Network:
    """The network of a request that came as JSON."""
    shape, filters = tuple(options["shape"]), tuple(options["filters"])
    return Network(shape, filters, options["steps"], options["batch"], options["norm"], options["pool"])


def draw_images(network: Network) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """uint8 images, labels and the order in which an epoch takes them, always the same."""
    rng, count = np.random.default_rng(0), network.steps * network.batch
    images = rng.integers(0, 256, (count, *network.shape), dtype=np.uint8)
    return images, rng.integers(0, CLASSES, count, dtype=np.int32), rng.permutation(count)


def make_batches(network: Network) -> tuple[np.ndarray, np.ndarray]:
    """The same epoch as float32 batches (steps, batch, height, width, channels), normalised, and their labels."""
    images, labels, order = draw_images(network)
    scaled = (images[order].astype(np.float32) / np.float32(255) - np.float32(MEAN)) / np.float32(STD)
    return scaled.reshape(network.steps, network.batch, *network.shape), labels[order].reshape(network.steps, -1)


def draw_weights(network: Network) -> dict[str, dict[str, np.ndarray]]:
    """{"conv1": {"kernel" (3, 3, in, out), "bias"}, ..., "head": {"kernel" (features, classes), "bias"}}, He-normal;
    batch norms start as they do everywhere, at a scale of one and a bias of zero."""
    rng, channels, weights = np.random.default_rng(1), network.shape[2], {}
    side = [length // 2 ** len(network.filters) for length in network.shape[:2]]
    shapes: dict[str, tuple[int, ...]] = {}
    for number, filters in enumerate(network.filters, start=1):
        shapes[f"conv{number}"], channels = (3, 3, channels, filters), filters
    shapes["head"] = (math.prod(side) * channels, CLASSES)
    for name, shape in shapes.items():
        kernel = rng.normal(0, math.sqrt(2 / math.prod(shape[:-1])), shape).astype(np.float32)
        weights[name] = {"kernel": kernel, "bias": np.zeros(shape[-1], np.float32)}
    return weights


def sample_map(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """A float32 feature map, or a gradient, of standard normal numbers."""
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def write_overrides(network: Network, data: str = "synthetic") -> list[str]:
    """The network as a user of `poolscope train` would ask for it; data=synthetic takes the network's shape."""
    height, width, channels = network.shape
    made = [f"data.shape=[{height},{width},{channels}]", f"data.classes={CLASSES}"] if data == "synthetic" else []
    return [
        *(f"data={data}", *made, f"pool={network.pool}", "pool.window=2"),
        *(f"model.blocks={len(network.filters)}", f"model.pool_stages={len(network.filters)}"),
        *(f"model.width={network.filters[0]}", "model.growth=2", "model.head=flatten"),
        f"model.norm={network.norm}",
        *("optim=sgd", f"optim.learning_rate={LEARNING_RATE}", "optim.schedule=constant"),
        *(f"optim.momentum={MOMENTUM}", "optim.nesterov=true", f"train.batch_size={network.batch}"),
    ]
