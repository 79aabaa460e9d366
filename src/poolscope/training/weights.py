"""Trained weights in files: safetensors with names like conv1.kernel, and in their metadata what they belong to.

The names are the attributes of the network's modules, so that plain Flax reads them too; nothing in a file is executed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import jax
import numpy as np
from flax import nnx
from flax.traverse_util import flatten_dict
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from poolscope.spec.config import RunConfig, digest, to_record
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.plan import plan_network
from poolscope.store.cells import flatten, read_config
from poolscope.store.files import open_whole
from poolscope.training.augment import normalise
from poolscope.training.history import Weights
from poolscope.training.network import Activations, ConvNet

KINDS = ("final", "best")


@dataclass(frozen=True)
class Facts:
    """What weights belong to.

    shape: of the images, (height, width, channels). mean, std: of the training images in [0, 1], by channel. labels:
    names of the classes, empty where they have none.
    """

    config: RunConfig
    seed: int
    shape: tuple[int, int, int]
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    labels: tuple[str, ...] = ()

    def write(self) -> dict[str, str]:
        """Write the metadata of a file."""
        numbers = {"shape": self.shape, "classes": self.classes, "mean": self.mean, "std": self.std}
        return {
            "study": self.config.study,
            "digest": digest(self.config),
            "seed": str(self.seed),
            "config": json.dumps(to_record(self.config)),
            "labels": json.dumps(self.labels),
            **{name: json.dumps(value) for name, value in numbers.items()},
        }


class TrainedNetwork(nnx.Module):
    """A trained network: images as they are, (N, H, W, C) from 0 to 255, to logits (N, classes)."""

    def __init__(self, network: ConvNet, facts: Facts) -> None:
        self.network = network
        self.facts = facts

    def __call__(self, images: jax.Array | np.ndarray) -> jax.Array:
        """Compute logits."""
        return self.apply(images)[0]

    def apply(self, images: jax.Array | np.ndarray) -> tuple[jax.Array, Activations]:
        """Compute logits, and the maps before and after each pool."""
        mean, std = (np.asarray(values, np.float32) for values in (self.facts.mean, self.facts.std))
        return _forward(*nnx.split(self.network), images, mean, std)


@partial(jax.jit, static_argnums=0)
def _forward(
    graph: nnx.GraphDef[ConvNet], state: nnx.State, images: jax.Array, mean: jax.Array, std: jax.Array
) -> tuple[jax.Array, Activations]:
    return nnx.merge(graph, state)(normalise(images, mean, std), train=False)


def find_weights(record: Path, kind: str) -> Path:
    """Return the path of the weights beside a record: seed-0.final.safetensors."""
    return record.with_name(f"{record.stem}.{kind}.safetensors")


def save_weights(weights: Weights, facts: Facts, path: Path) -> None:
    """Write weights whole or not at all."""
    arrays = {
        ".".join(map(str, name)): np.asarray(jax.device_get(leaf))
        for state in weights
        for name, leaf in flatten_dict(nnx.to_pure_dict(state)).items()
        if not jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    }
    with open_whole(path) as file:
        file.write(save({name: np.ascontiguousarray(array) for name, array in arrays.items()}, facts.write()))


def load_network(path: str | Path) -> TrainedNetwork:
    """Load a trained network.

    Raises:
        PoolscopeError: where there is no such file, it isn't one of poolscope's weights, or they have another shape
            than the network of their configuration.

    Example:
        >>> network = load_network("results/runs/mine/0123456789ab/seed-0.final.safetensors")  # doctest: +SKIP
        >>> logits = network(images)  # doctest: +SKIP
    """
    path = Path(path)
    try:
        with safe_open(path, framework="numpy") as file:
            facts = _read_facts(file.metadata() or {})
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, it is no mapping
    except OSError as error:
        raise PoolscopeError(f"The weights {path} can't be read ({error.strerror or 'no such file'}).") from error
    except (SafetensorError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise PoolscopeError(f"The weights {path} are damaged, or aren't poolscope's.") from error
    plan = plan_network(facts.config, facts.shape, facts.classes)
    network = ConvNet(facts.config, plan, jax.random.key(0))
    for name, leaf in nnx.to_flat_state(nnx.state(network)):
        key = ".".join(map(str, name))
        if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            continue
        array = arrays.pop(key, None)
        if array is None or array.shape != leaf.shape:
            found = "absent" if array is None else f"of shape {array.shape}"
            raise PoolscopeError(f"The weights {path} don't fit: {key} is {found}, the network's has {leaf.shape}.")
        leaf.set_value(jax.numpy.asarray(array))
    if arrays:
        raise PoolscopeError(f"The weights {path} don't fit: the network has no {next(iter(arrays))}.")
    return TrainedNetwork(network, facts)


def _read_facts(metadata: Mapping[str, str]) -> Facts:
    config = read_config(flatten(json.loads(metadata["config"])))
    config.study = metadata["study"]
    if digest(config) != metadata["digest"]:
        raise ValueError("of another configuration")
    height, width, channels = json.loads(metadata["shape"])
    mean, std = (tuple(map(float, json.loads(metadata[name]))) for name in ("mean", "std"))
    labels = tuple(map(str, json.loads(metadata["labels"])))
    return Facts(config, int(metadata["seed"]), (height, width, channels), int(metadata["classes"]), mean, std, labels)
