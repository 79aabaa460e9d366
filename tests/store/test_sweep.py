"""What a study was asked for is kept beside its records."""

from __future__ import annotations

from pathlib import Path

from poolscope.store.sweep import PlannedRun, read_sweep, write_sweep


def test_what_was_planned_is_kept_with_every_command(tmp_path: Path) -> None:
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    assert read_sweep(tmp_path, "mine").runs == ()
    first, second = (PlannedRun("0123456789ab", seed, f"digits max seed {seed}") for seed in (0, 1))
    write_sweep(tmp_path, "mine", [first], "one")
    write_sweep(tmp_path, "mine", [first, second], "two")
    write_sweep(tmp_path, "mine", [first, second], "one")
    kept = read_sweep(tmp_path, "mine")
    assert kept.runs == (first, second) and kept.commands == ("one", "two")
