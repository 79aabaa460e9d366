"""Devices: the mesh that seeds and batches share, and what it refuses; arrays of seeds there and back."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from small_runs import prepare

from poolscope.spec.config import TrainConfig
from poolscope.spec.errors import PoolscopeError
from poolscope.training.devices import Devices, count_together, make_mesh


def test_how_many_are_trained_together_is_chosen_by_back_end() -> None:
    auto, two = TrainConfig(), TrainConfig(seeds_at_once=2)
    assert [count_together(auto, back_end, 5) for back_end in ("cpu", "gpu", "tpu")] == [1, 5, 5]
    assert [count_together(two, back_end, 5) for back_end in ("cpu", "gpu")] == [2, 2]
    assert count_together(two, "cpu", 1) == 1


def test_refusals_of_batches_and_devices_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PoolscopeError, match=r"^train.batch_size must be at most .* training images, 500, not 501\.$"):
        prepare("train.batch_size=501")
    with pytest.raises(PoolscopeError, match=r"^train.devices must be at most the 1 that JAX sees here, not 2\.$"):
        make_mesh(TrainConfig(devices=2), 500)
    monkeypatch.setattr(jax, "devices", lambda: [None] * 4)
    with pytest.raises(PoolscopeError, match=r"^train.batch_size must be a multiple of train.devices = 3, not 64\.$"):
        make_mesh(TrainConfig(devices=3, batch_size=64), 500)


@pytest.mark.parametrize("seeds", [1, 3])
def test_trees_of_seeds_are_joined_and_parted_again(seeds: int) -> None:
    devices = Devices(make_mesh(TrainConfig(devices=1), 500), seeds)
    trees = [{"a": np.full((2, 2), seed, np.float32), "b": np.int32(seed)} for seed in range(seeds)]
    joined = devices.join([devices.place(tree) for tree in trees])
    assert joined["a"].shape == (() if seeds == 1 else (seeds,)) + (2, 2)
    for found, tree in zip(devices.part(joined), trees, strict=True):
        assert isinstance(found["a"], jax.Array)
        jax.tree.map(np.testing.assert_array_equal, found, tree)
