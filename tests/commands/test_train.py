"""What `poolscope train` does around its jobs."""

from __future__ import annotations

import os
from pathlib import Path

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
