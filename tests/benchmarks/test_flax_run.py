"""The training that stands beside poolscope's commands takes the same steps of the same network on the same data."""

from __future__ import annotations

import jax
import numpy as np
from flax import nnx

from poolscope.benchmarks.flax_run import CNN, train
from poolscope.spec.compose import compose_runs
from poolscope.spec.plan import plan_network

SMALL = ["data=digits", "model.width=4", "model.norm=batch"]


def test_it_learns_the_digits() -> None:
    with jax.numpy_dtype_promotion("standard"):  # Flax divides by a whole number
        words = ["train.steps=60", "model.width=8", "model.blocks=2", "model.pool_stages=1", "train.batch_size=32"]
        accuracies = train([*SMALL, *words, "train.shift=1", "pool=avg"])
    assert accuracies.keys() == {"train_eval", "val", "test"}
    assert all(accuracy > 0.3 for accuracy in accuracies.values())  # chance is 0.1


def test_it_has_the_network_s_parameters() -> None:
    (config,) = compose_runs([*SMALL, "pool=max"]).configs
    model = nnx.eval_shape(lambda: CNN(config, 1, 10, rngs=nnx.Rngs(0)))
    count = sum(np.prod(leaf.shape) for leaf in jax.tree.leaves(nnx.state(model, nnx.Param)))
    assert count == plan_network(config, (8, 8, 1), 10).parameters
