"""Training: steps by hand, the same batches for every arm, whole evaluation, both loops, several devices."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from processes import with_cpu_devices
from small_runs import build, cut, epoch_data, forward, prepare

from poolscope.data.datasets import Dataset
from poolscope.data.splits import Split
from poolscope.spec.config import TrainConfig
from poolscope.training import timetable
from poolscope.training.augment import augment, normalise
from poolscope.training.history import Evaluation, Trained, Weights
from poolscope.training.placement import PlacedSplit
from poolscope.training.streams import STREAMS, stream_key
from poolscope.training.trainer import Trainer, uses_scan

PLAIN = ["optim.momentum=0", "optim.schedule=constant", "optim.learning_rate=0.1"]


def same(left: Any, right: Any) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True))


@pytest.fixture(scope="module")
def small() -> tuple[Trainer, Dataset]:
    trainer, dataset = prepare(*PLAIN, "model.norm=batch", "train.epochs=3")
    return trainer, cut(dataset, 30)


def test_steps_are_gradient_descent_on_the_order_s_batches(small: tuple[Trainer, Dataset]) -> None:
    trainer, dataset = small
    state, data = trainer.initialise(5), epoch_data(trainer, dataset, 5)
    model = build(trainer.config, dataset.shape)[1]
    graph = nnx.split(model, nnx.Param, ...)[0]
    params, rest = (jax.tree.map(jnp.copy, part) for part in (state.params, state.rest))
    state, (first, second) = trainer.advance(state, data, 0, 2)
    order = np.asarray(data.order)
    assert sorted(order) == list(range(500))

    @jax.jit
    def value(params: nnx.State, rest: nnx.State, images: jax.Array, labels: jax.Array) -> Any:
        def loss_of(params: nnx.State) -> Any:
            network = nnx.merge(graph, params, rest, copy=True)
            logits = network(images, train=True)[0]
            picked = jnp.take_along_axis(logits, labels[:, None], 1)[:, 0]
            return (jax.nn.logsumexp(logits, 1) - picked).mean(), nnx.split(network, nnx.Param, ...)[2]

        return jax.value_and_grad(loss_of, has_aux=True)(params)

    for loss, rows in ((first, order[:100]), (second, order[100:200])):
        scaled = dataset.train.images[rows].astype(np.float32) / 255
        images = (scaled - dataset.mean) / dataset.std
        (expected, rest), grads = value(params, rest, images, dataset.train.labels[rows])
        np.testing.assert_allclose(loss, expected, rtol=1e-5)
        params = jax.tree.map(lambda p, g: p - np.float32(0.1) * g, params, grads)
    for found, wanted in ((state.params, params), (state.rest, rest)):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), found, wanted)
    assert int(state.step) == 2


def test_steps_are_pure_and_use_up_their_state(small: tuple[Trainer, Dataset]) -> None:
    trainer, dataset = small
    data = epoch_data(trainer, dataset, 0)
    starts = [trainer.initialise(0) for _ in range(2)]
    assert same(*starts)
    ends = [trainer.advance(start, data, 0, 1) for start in starts]
    assert same(*ends)
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(starts[0].params))  # donated, not copied
    assert not same(trainer.initialise(0).params, trainer.initialise(1).params)


class Watched(Trainer):
    """Keeps the batches that reach the network in training."""

    def apply(self, weights: Weights, images: jax.Array, *, train: bool, key: jax.Array | None = None) -> Any:
        if train:
            jax.debug.callback(lambda batch: self.seen.append(np.asarray(batch)), images, ordered=True)
        return super().apply(weights, images, train=train, key=key)


def test_every_arm_sees_the_same_augmented_batches_in_the_same_order() -> None:
    seen = {}
    for pool in ("stochastic", "mixed"):
        config = ["train.shift=2", "train.flip=true", "train.steps=6", "model.dropout=0.3", f"pool.name={pool}"]
        built, dataset = prepare(*config, seed=1)
        trainer = Watched(built.config, built.plan, 500)
        trainer.seen = []
        trained = trainer.fit(cut(dataset, 10), 1)
        jax.effects_barrier()
        seen[pool] = trainer.seen
    assert len(seen["stochastic"]) == 6
    assert same(*seen.values())
    assert 1e-4 < abs(float(trained.final.params["pool1"]["alpha"][...]) - 0.5) < 0.5  # and the learned pool learns
    keys = {name: stream_key(1, name) for name in STREAMS}

    @jax.jit
    def expect(images: np.ndarray, step: int) -> jax.Array:
        moved = augment(jax.random.fold_in(keys["augment"], step), images, 2, True)
        return normalise(moved, dataset.mean, dataset.std)

    for step, batch in enumerate(seen["stochastic"]):
        epoch, position = divmod(step, 5)
        order = np.asarray(jax.random.permutation(jax.random.fold_in(keys["order"], epoch), 500))
        rows = order[100 * position : 100 * (position + 1)]
        np.testing.assert_allclose(batch, expect(dataset.train.images[rows], step), atol=1e-5)


def test_evaluation_covers_every_example_once_without_randomness() -> None:
    overrides = [
        "train.eval_batch_size=37",
        "model.dropout=0.5",
        "model.norm=batch",
        "train.shift=3",
        "train.flip=true",
    ]
    trainer, dataset = prepare(*overrides, "pool.name=stochastic")
    state = trainer.initialise(0)
    weights = Weights(state.params, jax.tree.map(lambda leaf: leaf + jnp.asarray(0.5, leaf.dtype), state.rest))
    model = nnx.merge(trainer.graph, weights.params, weights.rest)
    scaled = (dataset.test.images[:101].astype(np.float32) / 255 - dataset.mean) / dataset.std
    whole = np.asarray(forward(model, scaled)[0], np.float64)
    for count in (1, 36, 37, 101):
        split = Split(dataset.test.images[:count], dataset.test.labels[:count])
        placed = trainer.place_split(split)
        found = trainer.evaluate(weights, placed, dataset)
        logits, losses = whole[:count], []
        for row, label in zip(logits, split.labels, strict=True):
            losses.append(math.log(sum(math.exp(value) for value in row)) - row[label])
        assert len(found.predictions) == len(found.correct) == count
        assert found.loss == pytest.approx(np.mean(losses), rel=1e-5)
        np.testing.assert_array_equal(found.predictions, logits.argmax(1))
        np.testing.assert_array_equal(found.correct, logits.argmax(1) == split.labels)
        assert found.accuracy == pytest.approx(np.mean(logits.argmax(1) == split.labels), abs=1e-12)
        assert trainer.evaluate(weights, placed, dataset).loss == found.loss


class Scripted(Trainer):
    """Reports given validation losses, and keeps the weights after each epoch."""

    def evaluate_together(self, weights: Weights, split: PlacedSplit, datasets: Sequence[Dataset]) -> list[Evaluation]:
        if split.size == len(datasets[0].val.labels):
            self.epochs.append(jax.tree.map(np.array, weights))
            loss = self.losses[len(self.epochs) - 1]
            return [Evaluation(loss, 0.5, np.zeros(1), np.zeros(1))]
        return super().evaluate_together(weights, split, datasets)


def test_the_weights_of_the_least_validation_loss_are_kept() -> None:
    built, dataset = prepare("train.epochs=3", *PLAIN)
    dataset = replace(dataset, val=Split(dataset.val.images[:30], dataset.val.labels[:30]))
    trainer = Scripted(built.config, built.plan, 500)
    for losses, best in (((3.0, 1.0, 2.0), 2), ((1.0, 1.0, 1.0), 1), ((3.0, 2.0, 1.0), 3)):
        trainer.losses, trainer.epochs = losses, []
        trained = trainer.fit(dataset, 0)
        assert trained.best_epoch == best and trained.status == "done"
        assert same(trained.best, trainer.epochs[best - 1])
        assert same(trained.final, trainer.epochs[-1])
        assert not same(trainer.epochs[0], trainer.epochs[1])


def test_validation_weights_evaluate_to_the_curve(small: tuple[Trainer, Dataset]) -> None:
    trainer, dataset = small
    told: list[tuple[int, dict[str, float]]] = []
    trained = trainer.fit(dataset, 0, lambda step, values: told.append((step, dict(values))))
    curves = trained.curves
    assert [step for step, _ in told] == curves["step"] == [5, 10, 15]
    assert curves == {name: [values[name] for _, values in told] for name in curves}
    val = trainer.place_split(dataset.val)
    assert trainer.evaluate(trained.best, val, dataset).loss == min(curves["val_loss"])
    for name in ("train_eval", "val"):  # kept, so that no one needs to evaluate the last weights on them again
        kept, again = (
            trained.evaluations[name],
            trainer.evaluate(trained.final, trainer.place_split(getattr(dataset, name)), dataset),
        )
        assert kept.loss == again.loss == curves[f"{name}_loss"][-1] and same(kept.activations, again.activations)
        np.testing.assert_array_equal(kept.predictions, again.predictions)
    assert trained.best_epoch == curves["epoch"][int(np.argmin(curves["val_loss"]))]
    assert curves["train_loss"][-1] < curves["train_loss"][0]
    repeated, other = trainer.fit(dataset, 0), trainer.fit(dataset, 1)
    assert repeated.curves == curves and same(repeated.final, trained.final)
    assert other.curves != curves and not same(other.final, trained.final)


def test_epochs_and_steps_are_kept_count_of() -> None:
    trainer, dataset = prepare("train.steps=12", "train.batch_size=120", "optim.warmup=0.25")
    curves = trainer.fit(cut(dataset, 20), 0).curves  # 500 images: 4 batches of 120, and 20 left out
    assert curves["step"] == [4, 8, 12] and curves["epoch"] == [1, 2, 3]
    assert len({len(values) for values in curves.values()}) == 1
    rates = [0.05 * (1 + math.cos(math.pi * (step - 3) / 9)) / 2 for step in (3, 7, 11)]
    np.testing.assert_allclose(curves["learning_rate"], rates, rtol=1e-5)
    assert set(curves) == {
        *("epoch", "step", "learning_rate", "train_loss"),
        *("train_eval_loss", "train_eval_accuracy", "val_loss", "val_accuracy"),
    }


def test_scanned_epochs_train_as_steps_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a stretch between evaluations holds parts of several epochs, of different lengths."""
    monkeypatch.setattr(timetable, "_MOST_EVALUATIONS", 2)
    results: dict[str, Trained] = {}
    for loop in ("step", "scan"):
        trainer, dataset = prepare("train.steps=13", f"train.loop={loop}", "train.shift=1", "pool.name=stochastic")
        assert trainer.scans == (loop == "scan")
        results[loop] = trainer.fit(cut(dataset, 50), 2)
    one, other = results.values()
    assert one.curves["step"] == other.curves["step"] == [7, 13]
    for name, values in one.curves.items():
        np.testing.assert_allclose(values, other.curves[name], rtol=1e-4, err_msg=name)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), one.final, other.final)


def test_arms_that_differ_in_their_learning_rates_share_a_program() -> None:
    """Also in schedule and warm-up; the rates are an argument of the step. A text that is equal is in the cache."""
    same, other = ["learning_rate=0.1", "learning_rate=3e-4", "schedule=linear", "warmup=0.5"], "weight_decay=0.1"
    texts = {}
    for word in (*same, other):
        trainer, dataset = prepare("optim.name=adam", "train.shift=1", f"optim.{word}")
        given = trainer.initialise(0), epoch_data(trainer, dataset, 0), jnp.asarray(trainer._rates), 0
        with jax.numpy_dtype_promotion("standard"):  # Optax's Adam raises a float to its whole count of steps
            texts[word] = trainer._step.lower(*given).as_text()
    assert len({texts[word] for word in same}) == 1
    assert texts[other] != texts[same[0]]


def test_auto_scans_on_accelerators_only() -> None:
    assert [uses_scan(TrainConfig(loop="auto"), back_end) for back_end in ("cpu", "gpu", "tpu")] == [False, True, True]
    assert uses_scan(TrainConfig(loop="scan"), "cpu") and not uses_scan(TrainConfig(loop="step"), "gpu")


def test_a_loss_that_is_not_finite_ends_the_fit() -> None:
    trainer, dataset = prepare("optim.learning_rate=1e9", "model.blocks=3", "model.pool_stages=2", "train.epochs=8")
    trained = trainer.fit(cut(dataset, 20), 0)
    assert trained.status == "diverged"
    assert "is not finite after step" in trained.reason and "optim.learning_rate" in trained.reason
    last = {name: values[-1] for name, values in trained.curves.items()}
    assert not all(math.isfinite(value) for value in last.values())
    assert trained.reason.startswith(next(name for name, value in last.items() if not math.isfinite(value)))
    assert f"step {last['step']:.0f} of 40" in trained.reason


def test_an_arm_compiles_its_step_and_its_evaluation(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever else it needs was compiled for the arm before it."""
    jax.config.update("jax_log_compiles", True)  # in every thread
    try:
        for pool in ("max", "min"):
            trainer, dataset = prepare("train.steps=1", f"pool.name={pool}")
            caplog.clear()
            trainer.fit(cut(dataset, 10), 0)
    finally:
        jax.config.update("jax_log_compiles", False)
    compiled = [record.message.split()[1] for record in caplog.records if record.message.startswith("Compiling")]
    assert sorted(compiled) == ["jit(_evaluate_batch)", "jit(_train_step)"]


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_an_optimiser_starts_from_zeros(name: str) -> None:
    trainer, _ = prepare(f"optim.name={name}", "optim.clip_norm=1", "optim.weight_decay=0.1", "pool.name=mixed")
    state = trainer.initialise(0)
    jax.tree.map(np.testing.assert_array_equal, state.optimiser, trainer.optimiser.init(state.params))


def test_half_precision_trains_like_full_precision() -> None:
    curves = {}
    for precision in ("float32", "bfloat16"):
        trainer, dataset = prepare(f"train.precision={precision}", "pool.name=avg", "train.epochs=2")
        trained = trainer.fit(cut(dataset, 100), 0)
        assert {leaf.dtype for leaf in jax.tree.leaves(trained.final.params)} == {jnp.dtype(jnp.float32)}
        curves[precision] = trained.curves["train_loss"]
    assert curves["float32"] != curves["bfloat16"]
    np.testing.assert_allclose(curves["bfloat16"], curves["float32"], rtol=0.02)


DEVICES = """
import json, sys
import jax, numpy as np
sys.path.insert(0, sys.argv[1])
from small_runs import cut, epoch_data, prepare
from poolscope.training.devices import make_mesh
from poolscope.spec.config import TrainConfig

assert jax.device_count() == 4
told = {
    "meshes": [make_mesh(TrainConfig(batch_size=batch), 500).size for batch in (64, 6, 7, 9)],
    "of seeds": [[*make_mesh(TrainConfig(), 500, seeds).shape.values()] for seeds in (8, 4, 3, 2, 1)],
}
for devices in (1, 4):
    sizes = [f"train.devices={devices}", "train.eval_batch_size=30", "train.epochs=1"]
    trainer, dataset = prepare(*sizes, "model.norm=batch", "train.flip=true")
    dataset = cut(dataset, 45)
    images = trainer.place_split(dataset.val).images
    state, data = trainer.initialise(0), epoch_data(trainer, dataset, 0)
    program = trainer._step.lower(state, data, trainer._placed_rates, 0).compile().as_text()
    trained = trainer.fit(dataset, 0)
    told[devices] = {
        "curves": trained.curves,
        "shards": len({str(shard.index) for shard in images[0].addressable_shards}),
        "eval_batch": len(images[0]),
        "reduces": "all-reduce" in program,
        "quarter": "f32[25,8,8,16]" in program,
        "whole": "f32[100,8,8,16]" in program,
        "loss": trainer.evaluate(trained.final, trainer.place_split(dataset.test), dataset).loss,
        "copies": sorted({leaf.sharding.is_fully_replicated for leaf in jax.tree.leaves(trained.final)}),
    }
print(json.dumps(told))
"""


@pytest.mark.long
def test_four_devices_share_each_batch_and_train_as_one_does(tmp_path: Path) -> None:
    environment = with_cpu_devices(4)
    command = [sys.executable, "-c", DEVICES, str(Path(__file__).parents[1] / "support")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    one, four = told["1"], told["4"]
    assert told["meshes"] == [4, 3, 1, 3]
    assert told["of seeds"] == [[4, 1], [4, 1], [3, 1], [2, 2], [1, 4]]  # seeds first, then what is left shares batches
    assert (one["shards"], one["eval_batch"], four["shards"], four["eval_batch"]) == (1, 30, 4, 32)
    assert (one["whole"], one["reduces"]) == (True, False)
    assert (four["quarter"], four["whole"], four["reduces"]) == (True, False, True)
    assert four["copies"] == [True]
    assert one["loss"] == pytest.approx(four["loss"], rel=1e-4)
    for name, values in one["curves"].items():
        np.testing.assert_allclose(values, four["curves"][name], rtol=1e-4, err_msg=name)
