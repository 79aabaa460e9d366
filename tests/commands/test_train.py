"""What `poolscope train` does around its jobs."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from processes import run_command, run_tiny_sweep

from poolscope.commands import train
from poolscope.data.datasets import load_dataset
from poolscope.runs import run


def test_the_reason_of_a_failed_run_is_printed_once(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(config: Any, seed: int) -> Any:
        if seed == 1:
            raise OSError("the disk is gone")
        return load_dataset(config, seed)

    monkeypatch.setattr(run, "load_dataset", load)
    status, errors = run_tiny_sweep(results, "data=synthetic", "data.shape=[8,8,1]", "seeds=[0,1]", "measure=none")
    assert status == 1 and errors.count("OSError: the disk is gone") == 2  # one for each job
    assert "2 of 4 runs done" in errors and "Not done: 2; the reasons: poolscope list runs adhoc" in errors


@pytest.mark.parametrize(
    "error", [NotImplementedError("use a soft lock"), OSError(errno.ENOLCK, "No locks"), OSError(errno.ENOTSUP, "No")]
)
def test_a_file_system_without_locks_is_named(error: Exception, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(FileLock, "acquire", refuse)
    status, errors = run_tiny_sweep(results, "data=synthetic")
    assert status == 2 and errors.startswith(f"poolscope: The file system of {results / 'runs' / 'adhoc'} can't lock ")
    assert len(errors.splitlines()) == 1 and not results.exists()


def test_one_run_is_composed_once(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load, composed, trained = ConfigLoaderImpl.load_configuration, [], []

    def count(*words: Any) -> Any:
        composed.append(words)
        return load(*words)

    def train_none(composed: Any, progress: object) -> None:
        trained.append(composed.train.steps)

    monkeypatch.setattr(ConfigLoaderImpl, "load_configuration", count)
    monkeypatch.setattr(train, "run_job", train_none)
    choices = ["pool=lp", "optim=adamw"]  # no other test's, whose composition would be there
    run_command("train", *choices, "data=synthetic", "train.steps=3", f"results={results}")
    assert len(composed) == 1 and trained == [3]
