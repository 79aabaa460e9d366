"""Weights in files: the same logits from them, their metadata, plain Flax, and what is refused."""

from __future__ import annotations

import json
import os
import re
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest
from digit_runs import DRAWS, SMALL, make_trainer
from flax import nnx
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from poolscope.spec.config import digest
from poolscope.spec.errors import PoolscopeError
from poolscope.training.augment import normalise
from poolscope.training.trainer import Trainer
from poolscope.training.weights import Facts, find_weights, load_network, save_weights

PLAIN = ["data=digits", "pool=max", "model.norm=batch", *SMALL]


def keep(path: Path, *overrides: str) -> tuple[Trainer, Facts, np.ndarray]:
    """Initial weights in a file, with running statistics of their own; the trainer, and some images."""
    trainer, dataset = make_trainer(*overrides)
    weights = trainer.initialise(0).weights
    rest = jax.tree.map(
        lambda leaf: np.asarray(leaf) + np.float32(0.5) if leaf.dtype == np.float32 else leaf, weights.rest
    )
    facts = Facts(trainer.config, 3, dataset.shape, dataset.classes, (0.25,), (0.5,), ("a", "b"))
    save_weights(weights._replace(rest=rest), facts, path)
    return trainer, facts, np.asarray(dataset.test.images[:5])


@pytest.mark.parametrize("overrides", [PLAIN, [*SMALL, "data=digits", *DRAWS], [*SMALL, "data=digits", "pool=lip"]])
def test_a_loaded_network_gives_the_logits_of_the_kept_one(overrides: list[str], tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    trainer, facts, images = keep(path, *overrides)
    network = load_network(path)
    assert network.facts == facts and network.facts.labels == ("a", "b")
    weights = trainer.initialise(0).weights
    rest = jax.tree.map(
        lambda leaf: np.asarray(leaf) + np.float32(0.5) if leaf.dtype == np.float32 else leaf, weights.rest
    )
    inputs = normalise(images, np.float32([0.25]), np.float32([0.5]))
    expected, activations, _ = jax.jit(partial(trainer.apply, train=False))(weights._replace(rest=rest), inputs)
    logits, found = network.apply(images)
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5)
    assert set(found) == set(activations)


def test_the_metadata_name_the_run(tmp_path: Path) -> None:
    trainer, _, _ = keep(tmp_path / "weights.safetensors", *PLAIN)
    with safe_open(tmp_path / "weights.safetensors", framework="numpy") as file:
        metadata = file.metadata()
    assert metadata["digest"] == digest(trainer.config) and metadata["seed"] == "3"
    assert json.loads(metadata["config"])["pool"]["name"] == "max"
    assert json.loads(metadata["mean"]) == [0.25]
    assert find_weights(Path("a/seed-0.json"), "best") == Path("a/seed-0.best.safetensors")


def test_the_three_lines_of_the_docs_load_them_into_plain_flax(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = Path("docs/export.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"```python\n(from flax import nnx, traverse_util\n.*?)```", text, re.S)
    assert len([line for line in lines.splitlines() if line]) == 3

    class Plain(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.conv1, self.norm1 = nnx.Conv(1, 4, (3, 3), rngs=rngs), nnx.BatchNorm(4, rngs=rngs)
            self.conv2, self.norm2 = nnx.Conv(4, 8, (3, 3), rngs=rngs), nnx.BatchNorm(8, rngs=rngs)
            self.head = nnx.Linear(8, 10, rngs=rngs)

        def __call__(self, x: jax.Array) -> jax.Array:
            x = nnx.relu(self.norm1(self.conv1(x), use_running_average=True))
            x = nnx.max_pool(x, (2, 2), (2, 2))
            return self.head(nnx.relu(self.norm2(self.conv2(x), use_running_average=True)).mean((1, 2)))

    _, _, images = keep(tmp_path / "seed-0.final.safetensors", *PLAIN, "model.pool_after=[1]")
    expected = load_network(tmp_path / "seed-0.final.safetensors")(images)
    monkeypatch.chdir(tmp_path)
    model = Plain(nnx.Rngs(0))
    exec(lines, {"model": model})
    inputs = (np.float32(images) / 255 - np.float32(0.25)) / np.float32(0.5)
    np.testing.assert_allclose(nnx.jit(model)(inputs), expected, rtol=1e-4, atol=1e-4)


def test_weights_that_don_t_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    keep(path, *PLAIN)
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
    arrays = load_file(path)
    changes = [
        (arrays | {"head.bias": np.zeros(3, np.float32)}, {}, r"don't fit: head.bias is of shape \(3,\)"),
        ({name: array for name, array in arrays.items() if name != "head.bias"}, {}, "head.bias is absent"),
        (arrays | {"more": np.zeros(3, np.float32)}, {}, "the network has no more"),
        (arrays, {"digest": "0123456789ab"}, "damaged, or aren't"),
        (arrays, {"mean": "x"}, "damaged, or aren't"),
        (arrays, {"config": "[1]"}, "damaged, or aren't"),
    ]
    for changed, facts, sentence in changes:
        save_file(changed, path, metadata | facts)
        with pytest.raises(PoolscopeError, match=sentence):
            load_network(path)
    save_file(arrays, path)
    with pytest.raises(PoolscopeError, match="damaged, or aren't"):
        load_network(path)
    os.truncate(path, 50)
    with pytest.raises(PoolscopeError, match="damaged, or aren't"):
        load_network(path)
    with pytest.raises(PoolscopeError, match="can't be read"):
        load_network(tmp_path / "nosuch")
