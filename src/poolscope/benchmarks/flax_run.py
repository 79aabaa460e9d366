"""The training of a run in plain Flax, from start to figures: `python -m poolscope.benchmarks.flax_run key=value ...`.

The network, data, augmentation, optimiser and number of steps are those of `poolscope train` with the same overrides,
for pool=max and pool=avg; the code is what Flax's documentation has a user write. Prints the accuracies.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax import Array

from poolscope.benchmarks.plain_data import draw_batches, normalise, read_run
from poolscope.data.datasets import Dataset
from poolscope.data.splits import Split
from poolscope.spec.config import RunConfig


class CNN(nnx.Module):
    """3x3 convolution, batch norm and ReLU in each block, a 2x2 pool after the first ones, mean, linear."""

    def __init__(self, config: RunConfig, channels: int, classes: int, *, rngs: nnx.Rngs) -> None:
        widths = [config.model.width * 2**block for block in range(config.model.blocks)]
        ends = list(pairwise([channels, *widths]))
        self.convs = nnx.List(nnx.Conv(i, o, kernel_size=(3, 3), rngs=rngs) for i, o in ends)
        self.norms = nnx.List(nnx.BatchNorm(o, momentum=0.9, rngs=rngs) for _, o in ends)
        self.linear = nnx.Linear(widths[-1], classes, rngs=rngs)
        self.pool = nnx.max_pool if config.pool.name == "max" else nnx.avg_pool
        self.pooled = config.model.pool_stages

    def __call__(self, x: Array) -> Array:
        """Logits of normalised images (N, H, W, C)."""
        for number, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            x = nnx.relu(norm(conv(x)))
            if number < self.pooled:
                x = self.pool(x, window_shape=(2, 2), strides=(2, 2))
        return self.linear(x.mean((1, 2)))


@nnx.jit
def train_step(model: CNN, optimizer: nnx.Optimizer, images: Array, labels: Array) -> Array:
    """One step, in place."""

    def loss_fn(model: CNN) -> Array:
        return optax.softmax_cross_entropy_with_integer_labels(model(images), labels).mean()

    loss, grads = nnx.value_and_grad(loss_fn)(model)
    optimizer.update(model, grads)
    return loss


@nnx.jit
def predict(model: CNN, images: Array) -> Array:
    """The class of each image."""
    return model(images).argmax(-1)


def evaluate(model: CNN, split: Split, data: Dataset, batch: int) -> float:
    """Accuracy in evaluation form."""
    model.eval()
    right = []
    for at in range(0, len(split.labels), batch):
        images = jnp.asarray(normalise(split.images[at : at + batch], data))
        right.append(np.asarray(predict(model, images)) == split.labels[at : at + batch])
    model.train()
    return float(np.concatenate(right).mean())


def train(overrides: Sequence[str]) -> dict[str, float]:
    """Train seed 0 and return the accuracy on train_eval, val and test."""
    config, data = read_run(overrides)
    model = CNN(config, data.shape[2], data.classes, rngs=nnx.Rngs(0))
    schedule = optax.cosine_decay_schedule(config.optim.learning_rate, config.train.steps or 1)
    optimizer = nnx.Optimizer(model, optax.sgd(schedule, config.optim.momentum, config.optim.nesterov), wrt=nnx.Param)
    for images, labels in draw_batches(config, data):
        train_step(model, optimizer, jnp.asarray(images), jnp.asarray(labels))
    splits = {"train_eval": data.train_eval, "val": data.val, "test": data.test}
    return {name: evaluate(model, split, data, config.train.eval_batch_size) for name, split in splits.items()}


if __name__ == "__main__":
    jax.config.update("jax_platforms", "cpu")
    print(train(sys.argv[1:]))
