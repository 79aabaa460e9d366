"""One sweep at a time writes a study; what killed ones left is tidied, what a run resumes from stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from made_records import make_config, make_record, write_study

from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import runs_folder
from poolscope.store.study_lock import _tidy, lock_study


def test_a_second_sweep_is_refused_and_a_refused_one_leaves_no_folder(results: Path) -> None:
    with (
        lock_study(str(results), "mine"),
        pytest.raises(PoolscopeError, match="study=mine: another sweep is writing"),
        lock_study(str(results), "mine"),
    ):
        pass
    with pytest.raises(PoolscopeError, match="no such pool"), lock_study(str(results), "other"):
        raise PoolscopeError("no such pool")
    assert not runs_folder(str(results), "other").exists() and runs_folder(str(results), "mine").exists()


def test_a_folder_that_can_t_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PoolscopeError, match="can't be written"), lock_study(str(tmp_path / "file"), "mine"):
        pass


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
