"""PyTorch, where it is installed, trains the network of the run."""

from __future__ import annotations

from importlib import import_module

import pytest

from poolscope.benchmarks.plain_data import read_run
from poolscope.spec.plan import plan_network

pytest.importorskip("torch", reason="torch is not installed")
SMALL = ["data=digits", "model.width=8", "model.norm=batch", "train.batch_size=32", "train.shift=1"]


@pytest.mark.parametrize(("mode", "pool"), [("eager", "avg"), ("bfloat16", "max")])
def test_it_learns_the_digits(mode: str, pool: str) -> None:
    train = import_module("poolscope.benchmarks.torch_run").train
    accuracies = train(mode, [*SMALL, "train.steps=60", f"pool={pool}"])
    assert accuracies.keys() == {"train_eval", "val", "test"}
    assert all(accuracy > 0.3 for accuracy in accuracies.values())  # chance is 0.1


def test_it_has_the_network_s_parameters() -> None:
    config, data = read_run([*SMALL, "train.steps=1", "pool=max"])
    model = import_module("poolscope.benchmarks.torch_run").build(config, 1, 10)
    assert sum(values.numel() for values in model.parameters()) == plan_network(config, data.shape, 10).parameters


def test_a_mode_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="the mode must be one of eager, compiled, bfloat16"):
        import_module("poolscope.benchmarks.torch_run").train("fast", SMALL)
