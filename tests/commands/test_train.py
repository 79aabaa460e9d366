"""What `poolscope train` does around its jobs."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from made_records import make_config, make_record, write_study
from processes import run_tiny_sweep

from poolscope.commands.train import _tidy
from poolscope.data.datasets import load_dataset
from poolscope.runs import run


def test_scratch_files_of_killed_writers_are_deleted_after_an_hour(results: Path) -> None:
    record = make_record(make_config(), 0)
    write_study(results, [record])
    folder = results / "runs" / "made"
    old = [".sweep.json.0a1b2c3d", ".environment.json.0a1b2c3d", f"{record.digest}/.seed-0.running"]
    old += [f"{record.digest}/.seed-{name}" for name in ("0.json.0a1b2c3d", "1.running.0a1b2c3d", "0.checkpoint")]
    kept = [".lock", "sweep.json", ".sweep.json.4e5f6a7b", f"{record.digest}/.seed-1.checkpoint"]
    for name in (*old, *kept):
        (folder / name).write_text("")
        if "4e5f" not in name:
            os.utime(folder / name, (1, 1))
    _tidy(folder)
    left = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert left == {*kept, f"{record.digest}/seed-0.json"}


@pytest.mark.parametrize(("status", "kept"), [("done", False), ("diverged", False), ("failed", True), (None, True)])
def test_a_checkpoint_stays_until_its_run_is_over(status: str | None, kept: bool, results: Path) -> None:
    """A run that failed resumes from it when the same command is given again; so does one that left no record."""
    record = make_record(make_config(), 0, status=status or "done")
    write_study(results, [record])
    folder = results / "runs" / "made"
    checkpoint = folder / record.digest / ".seed-0.checkpoint"
    checkpoint.write_text("")
    if status is None:
        (folder / record.digest / "seed-0.json").unlink()
    _tidy(folder)
    assert checkpoint.exists() == kept


def test_a_checkpoint_beside_a_damaged_record_stays(results: Path) -> None:
    folder = results / "runs" / "made" / "0123456789ab"
    folder.mkdir(parents=True)
    (folder / "seed-0.json").write_text("{")
    (folder / ".seed-0.checkpoint").write_text("")
    _tidy(folder.parent)
    assert (folder / ".seed-0.checkpoint").exists()


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
