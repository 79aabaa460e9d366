"""poolscope itself: its own Trainer on uint8 images that it gathers and normalises, and its own operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

from poolscope import pooling
from poolscope.benchmarks.by_flax import time_pool
from poolscope.benchmarks.networks import (
    CLASSES,
    MEAN,
    STD,
    Network,
    draw_images,
    draw_weights,
    read_network,
    sample_map,
    write_overrides,
)
from poolscope.kernels.freed_memory import keep_freed_memory
from poolscope.pooling import make_pool
from poolscope.spec.compose import compose_runs
from poolscope.spec.config import PoolConfig
from poolscope.spec.plan import plan_network
from poolscope.training.placement import EpochData
from poolscope.training.streams import STREAMS, stream_key
from poolscope.training.trainer import Trainer


class Training:
    """An epoch a call; `losses` are the last epoch's."""

    def __init__(self, network: Network, loop: str, seeds: int = 1, precision: str = "float32") -> None:
        keep_freed_memory()
        self.network, self.seeds = network, seeds
        ways = [f"train.loop={loop}", f"train.precision={precision}"]
        (config,) = compose_runs([*write_overrides(network), *ways]).configs
        images, labels, order = draw_images(network)
        self.trainer = Trainer(config, plan_network(config, network.shape, CLASSES), len(labels), seeds)
        state = self.trainer.initialise(0)
        drawn = nnx.to_pure_dict(state.params)
        for name, layer in draw_weights(network).items():
            drawn[name] = {key: jax.device_put(new, drawn[name][key].sharding) for key, new in layer.items()}
        nnx.replace_by_pure_dict(state.params, drawn)
        mean, std = (np.full(network.shape[2], value, np.float32) for value in (MEAN, STD))
        keys = {name: stream_key(0, name) for name in STREAMS}
        devices = self.trainer.devices
        images, labels, *others = devices.place((images, labels, mean, std, order, keys))
        self.state, others = devices.join([(state, others)] * seeds)
        self.data = EpochData(images, labels, *others)

    def __call__(self) -> int:
        self.state, self.losses = self.trainer.advance(self.state, self.data, 0, self.network.steps)
        jax.block_until_ready(self.losses)
        return self.seeds * self.network.steps * self.network.batch


def prepare_training(loop: str, seeds: int = 1, precision: str = "float32", **network: Any) -> Training:
    """The Trainer that `poolscope train` uses, with train.loop=step or scan; several seeds in one program."""
    return Training(read_network(network), loop, seeds, precision)


def prepare_pool(
    operator: str, shape: list[int], window: int, stride: int, padding: str, backward: bool
) -> Callable[[], int]:
    """max_pool or avg_pool, forward, or forward and backward."""
    keep_freed_memory()
    pool = getattr(pooling, f"{operator}_pool")
    return time_pool(lambda x: pool(x, window, stride, padding), tuple(shape), backward)


def prepare_operator(operator: str, shape: list[int]) -> Callable[[], int]:
    """Forward and backward of any registered operator at 2/2 in its training form, its own parameters included."""
    keep_freed_memory()
    layer = make_pool(PoolConfig(name=operator), shape[3], rngs=jax.random.key(0))
    graph, values = nnx.split(layer)
    x, key = jnp.asarray(sample_map(tuple(shape))), jax.random.key(1)

    def apply(values: nnx.State, x: Array) -> Array:
        return nnx.merge(graph, values)(x, rngs=key, deterministic=False)

    gradient = jnp.asarray(sample_map(jax.eval_shape(apply, values, x).shape, seed=1))

    @jax.jit
    def forward_backward(values: nnx.State, x: Array, gradient: Array) -> tuple[Array, Any]:
        y, pull = jax.vjp(apply, values, x)
        return y, pull(gradient)

    def repeat() -> int:
        jax.block_until_ready(forward_backward(values, x, gradient))
        return shape[0]

    return repeat
