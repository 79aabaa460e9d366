"""Small configurations, networks and data sets for the tests of training."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from hypothesis import strategies as st
from omegaconf import OmegaConf
from pool_geometries import compile_quickly

from poolscope.data.datasets import Dataset, load_dataset
from poolscope.data.splits import Split
from poolscope.spec.config import RunConfig, check_config
from poolscope.spec.paths import shipped
from poolscope.spec.plan import Plan, plan_network
from poolscope.training.network import ConvNet
from poolscope.training.placement import EpochData
from poolscope.training.streams import STREAMS, stream_key
from poolscope.training.trainer import Trainer

_SMALL = [
    "data.shape=[8,8,1]",
    "pool.name=max",
    "model.blocks=2",
    "model.pool_stages=1",
    "model.width=16",
    "train.epochs=2",
    "train.batch_size=100",
]


def configure(*overrides: str, data: str = "synthetic", model: str = "cnn") -> RunConfig:
    """A small checked configuration; overrides as on the command line, but with pool.name=... for pool=...."""
    files = {
        section: OmegaConf.load(shipped("configs") / section / f"{name}.yaml")
        for section, name in (("data", data), ("model", model))
    }
    small = [line for line in _SMALL if not (line.startswith("data") and data != "synthetic")]
    small = [line for line in small if not (line.startswith("model") and model != "cnn")]
    composed = OmegaConf.merge(
        OmegaConf.structured(RunConfig), files, OmegaConf.from_dotlist(small), OmegaConf.from_dotlist(list(overrides))
    )
    config = OmegaConf.to_object(composed)
    assert isinstance(config, RunConfig)
    check_config(config)
    return config


def build(config: RunConfig, shape: tuple[int, int, int], classes: int = 4, seed: int = 0) -> tuple[Plan, ConvNet]:
    """The plan and the network for images of a shape."""
    plan = plan_network(config, shape, classes)
    return plan, ConvNet(config, plan, jax.random.key(seed))


def prepare(*overrides: str, seed: int = 0) -> tuple[Trainer, Dataset]:
    """A trainer and the data of a seed, for the small synthetic set."""
    config = configure(*overrides)
    dataset = load_dataset(config.data, seed)
    plan = plan_network(config, dataset.shape, dataset.classes)
    return Trainer(config, plan, len(dataset.train.labels)), dataset


def cut(dataset: Dataset, count: int) -> Dataset:
    """The data set with the first images only of its held-out splits, to save time."""
    parts = {name: getattr(dataset, name) for name in ("train_eval", "val", "test")}
    return replace(dataset, **{name: Split(part.images[:count], part.labels[:count]) for name, part in parts.items()})


def images_like(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Normal float32 images."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def epoch_data(trainer: Trainer, dataset: Dataset, seed: int) -> EpochData:
    """What the steps of the first epoch read."""
    keys = {name: stream_key(seed, name) for name in STREAMS}
    order = jax.random.permutation(jax.random.fold_in(keys["order"], 0), len(dataset.train.labels))
    train = dataset.train
    return EpochData(*map(jnp.asarray, (train.images, train.labels, dataset.mean, dataset.std)), order, keys)


def choose(draw: st.DrawFn, **choices: list[Any]) -> list[str]:
    """Overrides of keys such as pool__name, each with one of these values."""
    return [f"{key.replace('__', '.')}={draw(st.sampled_from(values))}" for key, values in choices.items()]


def forward(model: ConvNet, x: Any, seed: int | None = None, train: bool = False) -> Any:
    """The network's logits and taps as NumPy arrays, from one program; its running statistics move along."""
    graph, state = nnx.split(model)

    def program(state: nnx.State, x: jax.Array) -> Any:
        network = nnx.merge(graph, state)
        return network(x, train=train, key=None if seed is None else jax.random.key(seed)), nnx.state(network)

    found, after = compile_quickly(program)(state, x)
    nnx.update(model, after)
    return jax.tree.map(np.asarray, found)
