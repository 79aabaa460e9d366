"""The mesh of devices, seed x batch, and the sharding of arrays over it.

Arrays of one seed have no axis for it; those of several seeds, trained together, lead with it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from poolscope.spec.config import TrainConfig
from poolscope.spec.errors import PoolscopeError


class Devices:
    """The devices of a mesh, and the transfer of arrays to them and back. seeds: how many are trained together."""

    def __init__(self, mesh: Mesh, seeds: int) -> None:
        self.mesh, self.seeds = mesh, seeds
        self.everywhere = self.spread()
        self.by_seed = self.spread("seed") if seeds > 1 else self.everywhere
        self._stack = jax.jit(
            lambda *parts: jax.tree.map(lambda *leaves: jnp.stack(leaves), *parts), out_shardings=self.by_seed
        )

    def spread(self, *axes: str) -> NamedSharding:
        """The sharding whose leading axes are these axes of the mesh."""
        return NamedSharding(self.mesh, PartitionSpec(*axes))

    def place(self, values: Any) -> Any:
        """A copy of every array on every device."""
        return jax.device_put(values, self.everywhere)

    def place_seeds(self, parts: Sequence[np.ndarray], axis: int | None, *axes: str) -> Array:
        """The arrays of the seeds, stacked; or one copy without an axis of seeds where `axis` is None."""
        if axis is None:
            return jax.device_put(parts[0], self.spread(*axes))
        return jax.device_put(np.stack(parts), self.spread("seed", *axes))

    def join(self, parts: Sequence[Any]) -> Any:
        """Trees of arrays, one for each seed, as one."""
        return parts[0] if len(parts) == 1 else self._stack(*parts)

    def part(self, joined: Any) -> list[Any]:
        """The tree of each seed, on every device."""
        if self.seeds == 1:
            return [self.place(joined)]
        joined = jax.device_get(joined)
        return [self.place(jax.tree.map(lambda leaf, at=seed: leaf[at], joined)) for seed in range(self.seeds)]


def make_mesh(config: TrainConfig, train_size: int, seeds: int = 1) -> Mesh:
    """The mesh "seed" x "batch" of as many devices as `config` asks for, else of all that can be used, seeds first.

    Raises PoolscopeError where the batch can't be drawn from the training images or shared by the devices.
    """
    devices, batch = jax.devices(), config.batch_size
    if batch > train_size:
        raise PoolscopeError(
            f"train.batch_size must be at most the number of training images, {train_size}, not {batch}."
        )
    if (config.devices or 1) > len(devices):
        raise PoolscopeError(
            f"train.devices must be at most the {len(devices)} that JAX sees here, not {config.devices}."
        )
    if config.devices:
        across = math.gcd(seeds, config.devices)
        each = config.devices // across
    else:
        across = max(n for n in range(1, min(seeds, len(devices)) + 1) if seeds % n == 0)
        each = max(n for n in range(1, len(devices) // across + 1) if batch % n == 0)
    if batch % each:
        raise PoolscopeError(f"train.batch_size must be a multiple of train.devices = {each}, not {batch}.")
    return Mesh(np.array(devices[: across * each]).reshape(across, each), ("seed", "batch"))


def count_together(config: TrainConfig, back_end: str, seeds: int) -> int:
    """How many of these seeds are trained in one program (train.seeds_at_once; null: all, but 1 on a CPU)."""
    return min(seeds, config.seeds_at_once or (1 if back_end == "cpu" else seeds))
