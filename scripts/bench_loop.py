"""Step loop against scanned epochs, one seed against several in one program: speed of the same network side by side.

Prints, for each network, images of all seeds per second of wall time and per second of CPU time (which other work on
the machine disturbs less), best of interleaved repeats in one process, and seconds to the first epoch's end,
compilation included. The defaults of `train.loop` and `train.seeds_at_once` rest on these numbers.

    python scripts/bench_loop.py [repeats]
"""

from __future__ import annotations

import sys
import time

import jax
import jax.numpy as jnp
import numpy as np

from poolscope.allocator import keep_freed_memory
from poolscope.architecture import plan_network
from poolscope.compose import compose_runs
from poolscope.config import RunConfig
from poolscope.train import STREAMS, Trainer, stream_key

IMAGES = {"digits 8x8x1": (8, 8, 1), "MNIST 28x28x1": (28, 28, 1), "CIFAR 32x32x3": (32, 32, 3)}
COUNT = 1280
KINDS = (("step", 1), ("scan", 1), ("step", 2), ("step", 4))


def main(repeats: int) -> None:
    """Measure every network under both loops and print a table."""
    keep_freed_memory()
    print(
        f"{jax.default_backend()}, {jax.device_count()} device(s), batch 64, epoch of {COUNT} images, best of {repeats}"
    )
    print(f"{'network':16}{'loop':>6}{'seeds':>7}{'images/s':>12}{'images/CPU-s':>14}{'first epoch s':>15}")
    for name, shape in IMAGES.items():
        loops = [Loop(kind, shape, seeds) for kind, seeds in KINDS]
        for _ in range(repeats):
            for loop in loops:
                loop.run()
        for loop in loops:
            speeds = [COUNT * loop.seeds / seconds for seconds in (loop.wall, loop.cpu)]
            print(f"{name:16}{loop.name:>6}{loop.seeds:7}{speeds[0]:12.0f}{speeds[1]:14.0f}{loop.first:15.1f}")


class Loop:
    """So many seeds of one network under one kind of loop, with the best times of an epoch so far."""

    def __init__(self, name: str, shape: tuple[int, int, int], seeds: int) -> None:
        (config,) = compose_runs(["data=synthetic", f"train.loop={name}"]).configs
        self.name, self.seeds, self.wall, self.cpu = name, seeds, float("inf"), float("inf")
        self.trainer = Trainer(config, plan_network(config, shape, 10), COUNT, seeds)
        images, labels, *others = jax.device_put(make_images(config, shape))
        state = self.trainer.initialise(0)
        if seeds > 1:
            state, others = jax.tree.map(lambda leaf: jnp.stack([leaf] * seeds), (state, others))
        self.state, self.data = state, (images, labels, *others)
        began = time.perf_counter()
        self.epoch()
        self.first = time.perf_counter() - began

    def run(self) -> None:
        """Time one epoch."""
        wall, cpu = time.perf_counter(), time.process_time()
        self.epoch()
        self.wall = min(self.wall, time.perf_counter() - wall)
        self.cpu = min(self.cpu, time.process_time() - cpu)

    def epoch(self) -> None:
        """Take the steps of one epoch."""
        self.state, losses = self.trainer.advance(self.state, self.data, 0, COUNT // 64)
        jax.block_until_ready(losses)


def make_images(config: RunConfig, shape: tuple[int, int, int]) -> tuple[object, ...]:
    """What `Trainer` steps over: images, labels, mean, standard deviation, their order, and the keys."""
    rng = np.random.default_rng(0)
    mean, std = np.full(shape[2], 0.5, np.float32), np.full(shape[2], 0.3, np.float32)
    keys = {name: stream_key(0, name) for name in STREAMS}
    images = rng.integers(0, 256, (COUNT, *shape), dtype=np.uint8)
    return images, rng.integers(0, 10, COUNT, dtype=np.int32), mean, std, rng.permutation(COUNT), keys


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
