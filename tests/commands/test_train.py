"""What `poolscope train` does around its jobs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from made_records import make_config, make_record, write_study

from poolscope.commands.train import _tidy


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
