"""A run that is killed goes on from its checkpoint and ends with the bits of one that never was."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from processes import run_command
from small_runs import cut, prepare

from poolscope.data.datasets import Dataset
from poolscope.store.record import read_record
from poolscope.training.checkpoint import Checkpoint
from poolscope.training.history import Evaluation
from poolscope.training.trainer import Trainer

LONG = [
    *("data=digits", "pool=stochastic", "model.norm=batch", "model.dropout=0.2", "optim=adam", "train.shift=1"),
    *("data.train_size=256", "data.train_eval_size=50", "train.epochs=6", "seeds=[3]"),
    *("model.width=16", "model.blocks=1", "model.pool_stages=1"),
]
SCRATCH = re.compile(r"\.[0-9a-f]{8}$")  # of a write that a kill cut off; a later sweep deletes it
TIMES = ("seconds_train", "images_per_second")


def finish(results: Path, *words: str) -> tuple[dict[str, Any], str]:
    """The record of the run, but for times and provenance, and what was written to stderr on the way."""
    with jax.numpy_dtype_promotion("standard"):  # optax's Adam multiplies an integer with a number
        status, _, said = run_command("train", *LONG, f"results={results}", *words)
    assert status == 0, said
    (path,) = results.rglob("seed-3.json")
    left = [entry.name for entry in path.parent.iterdir() if not SCRATCH.search(entry.name)]
    assert left == [path.name]
    content = vars(read_record(path))
    scalars = {name: value for name, value in content["scalars"].items() if name not in TIMES}
    return content | {"scalars": scalars, "provenance": {}}, said


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The record of a run that nothing interrupted and that kept no checkpoint."""
    content, said = finish(tmp_path_factory.mktemp("whole"), "train.checkpoint_every=0")
    assert "goes on" not in said
    return content


class Died(BaseException):
    """Nothing in a run expects this."""


@pytest.fixture(scope="module")
def dead(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a run that died, in this process, after it had kept a checkpoint."""
    results = tmp_path_factory.mktemp("dead")
    save = Checkpoint.save

    def die(self: Checkpoint, *content: Any) -> None:
        save(self, *content)
        raise Died

    with pytest.MonkeyPatch.context() as patch, jax.numpy_dtype_promotion("standard"):
        patch.setattr(Checkpoint, "save", die)
        with pytest.raises(Died):
            run_command("train", *LONG, f"results={results}", "train.checkpoint_every=1")
    assert list(results.rglob(".seed-3.checkpoint")) and not list(results.rglob("seed-3.json"))
    return results


def kill(results: Path) -> None:
    """Leave the results of a process that was killed after it had kept a checkpoint."""
    command = [sys.executable, "-m", "poolscope", "train", *LONG, f"results={results}", "train.checkpoint_every=1"]
    environment = {name: value for name, value in os.environ.items() if name != "JAX_NUMPY_DTYPE_PROMOTION"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        while not list(results.rglob(".seed-3.checkpoint")):
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert not list(results.rglob("seed-3.json"))


@pytest.mark.parametrize("killed", [False, pytest.param(True, marks=pytest.mark.long)])
def test_a_dead_run_goes_on_to_the_same_bits(whole: dict[str, Any], dead: Path, killed: bool, results: Path) -> None:
    if killed:
        kill(results)
    else:
        shutil.copytree(dead, results)
    content, said = finish(results, "train.checkpoint_every=2")
    assert "Training goes on from epoch" in said
    assert json.dumps(content) == json.dumps(whole)


def test_a_run_that_dies_in_its_measures_is_not_trained_again(
    whole: dict[str, Any], results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any) -> None:
        raise Died

    with monkeypatch.context() as patch, jax.numpy_dtype_promotion("standard"):
        patch.setattr("poolscope.training.checkpoint._LAST_SECONDS", 0.0)
        patch.setattr("poolscope.runs.run._measure", die)
        with pytest.raises(Died):
            run_command("train", *LONG, f"results={results}")
    content, said = finish(results)
    assert "Training goes on from epoch 6," in said
    assert json.dumps(content) == json.dumps(whole)


def test_a_damaged_checkpoint_is_named_and_training_starts_over(
    whole: dict[str, Any], dead: Path, results: Path
) -> None:
    shutil.copytree(dead, results)
    (kept,) = results.rglob(".seed-3.checkpoint")
    data = bytearray(kept.read_bytes())
    data[len(data) // 2] ^= 1
    kept.write_bytes(data)
    content, said = finish(results)
    assert said.count(str(kept)) == 1 and "training starts over" in said and "goes on" not in said
    assert json.dumps(content) == json.dumps(whole)


EVALUATE = Trainer.evaluate_together


def turn_losses(trainer: Trainer, *given: Any) -> list[Evaluation]:
    """Losses that rise as training lowers them, so that the best weights are of the first epoch, not of the last."""
    return [replace(found, loss=-found.loss) for found in EVALUATE(trainer, *given)]


def fit_in_parts(trainer: Trainer, dataset: Dataset, path: Path, stops: Sequence[int]) -> tuple[list[Any], int]:
    """Fit, asked to stop at the first of `stops` checks, then resumed until the next; what came out, and all checks."""
    seeds = [3, 4][: trainer.devices.seeds]
    countdown = iter([*stops, 0])
    left, checks = next(countdown), 0

    def check() -> None:
        nonlocal checks, left
        checks, left = checks + 1, left - 1
        if left == 0:
            left = next(countdown)
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("poolscope.training.trainer.check", check)
        patch.setattr(Trainer, "evaluate_together", turn_losses)
        for _ in range(len(stops) + 1):
            try:
                checkpoint = Checkpoint(path, "mine", None, lambda _: None)
                fits = trainer.fit_together([dataset] * len(seeds), seeds, None, checkpoint)
                return [[fit.curves, jax.device_get((fit.final, fit.best))] for fit in fits], checks
            except KeyboardInterrupt:
                continue
    raise AssertionError("it is asked to stop more often than it is resumed")


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.long)])
@pytest.mark.parametrize(("loop", "seeds"), [("step", 1), pytest.param("scan", 1, marks=pytest.mark.long), ("step", 2)])
def test_a_fit_that_is_asked_to_stop_at_any_step_resumes_there(
    loop: str, seeds: int, every: bool, tmp_path: Path
) -> None:
    """Within an epoch, before its first step, in an evaluation and in the last one; also twice, and step by step."""
    draws = ["pool.name=stochastic", "train.shift=1", "model.width=16"]
    trainer, dataset = prepare("train.epochs=2", *draws, f"train.loop={loop}")
    dataset = cut(dataset, 30)
    trainer = Trainer(trainer.config, trainer.plan, len(dataset.train.labels), seeds)
    fit_in_parts(trainer, dataset, tmp_path / "compiled", [])
    whole, checks = fit_in_parts(trainer, dataset, tmp_path / "whole", [])
    assert not (tmp_path / "whole").exists()
    for _, (final, best) in whole:
        assert not all(map(np.array_equal, jax.tree.leaves(final), jax.tree.leaves(best)))
    few = [[1], [checks], [3, 1, 1, 1]] if (loop, seeds) == ("step", 1) else [[checks], [3, 1, 1, 1]]
    for stops in [[stop] for stop in range(1, checks + 1)] + [[3, 3], [3, 1, 1, 1]] if every else few:
        path = tmp_path / "-".join(map(str, stops))
        parts, more = fit_in_parts(trainer, dataset, path, stops)
        assert more <= checks + 2 * len(stops), "steps were taken twice"  # the check again, and two evaluations
        assert path.exists() or stops == [1]
        for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(parts), strict=True):
            np.testing.assert_array_equal(one, other, err_msg=str(stops))


TREE = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": [np.int32(4), np.float32(np.nan)]}
NUMBERS = {"epoch": 2.5, "step": 7, "best_loss": float("inf"), "curves": {"loss": [0.1, 1 / 3]}}


def test_what_is_kept_comes_back_and_only_to_its_own_run(tmp_path: Path) -> None:
    said: list[str] = []
    path = tmp_path / "c"
    Checkpoint(path, "mine", 1, said.append).save(TREE, NUMBERS)
    assert os.listdir(tmp_path) == ["c"]
    (arrays, numbers) = Checkpoint(path, "mine", 1, said.append).load(TREE) or (None, {})
    assert arrays is not None
    np.testing.assert_array_equal(arrays["a"], TREE["a"])
    assert arrays["b"][0] == 4 and np.isnan(arrays["b"][1]) and arrays["b"][0].dtype == np.int32
    assert numbers.pop("seconds") >= 0 and numbers == NUMBERS
    assert len(said) == 1 and "from epoch 2.5" in said[0]
    assert Checkpoint(path, "another", 1, said.append).load(TREE) is None
    assert Checkpoint(path, "mine", 1, said.append).load({**TREE, "a": TREE["a"].T}) is None
    assert Checkpoint(path, "mine", 1, said.append).load({"a": TREE["a"]}) is None
    assert Checkpoint(tmp_path / "none", "mine", 1, said.append).load(TREE) is None
    assert len(said) == 4 and all("training starts over" in sentence for sentence in said[1:])


@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 60, -1])
def test_a_cut_off_checkpoint_is_not_taken(length: int, tmp_path: Path) -> None:
    path = tmp_path / "c"
    Checkpoint(path, "mine", 1, print).save(TREE, NUMBERS)
    path.write_bytes(path.read_bytes()[:length])
    said: list[str] = []
    assert Checkpoint(path, "mine", 1, said.append).load(TREE) is None
    assert len(said) == 1 and str(path) in said[0]


def test_when_a_checkpoint_is_due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("poolscope.training.checkpoint.time.monotonic", lambda: now)
    every = {rule: Checkpoint(tmp_path / "c", "mine", rule, print) for rule in (None, 0, 3)}
    assert [every[rule].due(2.9) for rule in (None, 0, 3)] == [False, False, False]
    assert [every[rule].due(3.0) for rule in (None, 0, 3)] == [False, False, True]
    every[3].save(TREE, {"epoch": 3.0})
    assert not every[3].due(5.0) and every[3].due(6.0)
    now = 400.0
    assert [every[rule].due(0.1) for rule in (None, 0, 3)] == [True, False, False]
    assert [every[rule].due_at_end() for rule in (None, 0, 3)] == [True, False, True]
    every[None].save(TREE, {"epoch": 6.0})
    now = 409.0
    assert not every[None].due_at_end()


def test_a_checkpoint_that_can_t_be_written_is_said_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    said: list[str] = []
    monkeypatch.setattr("os.fsync", fail)
    Checkpoint(tmp_path / "c", "mine", 1, said.append).save(TREE, NUMBERS)
    assert len(said) == 1 and "No space left on device" in said[0]
    assert os.listdir(tmp_path) == []
