"""How far a study is: what was asked for, in the state of each run, and what else the study holds."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from made_records import make_config, make_record, write_study

from poolscope.commands import status as status_command
from poolscope.commands.status import describe_status, examine_study, watch_status
from poolscope.process.terminal import open_console
from poolscope.reports.runs import list_runs
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import record_path, runs_folder, study_folder
from poolscope.statistics.tables import collect, write_tables
from poolscope.store.finished import identify, open_finished
from poolscope.store.run_lock import lock_run
from poolscope.store.sweep import PlannedRun, write_sweep

CONFIGS = {pool: make_config(pool) for pool in ("max", "avg", "blur")}


def record(pool: str, seed: int, study: str = "made", seconds: float = 10.0, revision: str = "aa", **kept: str):
    made = make_record(CONFIGS[pool], seed, **kept)
    return replace(made, study=study, provenance={"seconds": seconds, "git_revision": revision})


def ask(results: Path, study: str, *runs: tuple[str, int]) -> None:
    planned = [PlannedRun(*identify(CONFIGS[pool], seed), f"{pool} seed {seed}") for pool, seed in runs]
    write_sweep(results, study, planned, "poolscope train")


def test_every_state_is_counted_once(results: Path) -> None:
    ask(results, "made", *((pool, seed) for pool in CONFIGS for seed in (0, 1)))
    write_study(results, [record("max", 0), record("max", 1, status="failed", reason="no memory")])
    write_study(results, [record("avg", 0, status="diverged", reason="not finite"), record("avg", 1)])
    record_path(results, "made", *identify(CONFIGS["avg"], 1)).write_text("{")
    path = record_path(results, "made", *identify(CONFIGS["blur"], 0))
    with lock_run(path, pytest.fail) as lock:
        lock.update(5, 20)
        status = examine_study(str(results), "made")
    assert (status.planned, status.done, status.diverged, status.waiting) == (6, 1, 1, 1)
    assert [(run.label, reason) for run, reason in status.failed] == [("max seed 1", "no memory")]
    assert [(run.label, owner.step) for run, owner in status.running] == [("blur seed 0", 5)]
    assert len(status.damaged) == 1 and "seed-1.json" in status.damaged[0]
    assert status.seconds_left is not None and 28 < status.seconds_left <= 30  # one waiting, one failed, one begun
    assert any("blur seed 0: step 5 of 20" in line for line in describe_status("made", status))


def test_runs_at_chance_are_done_and_counted_by_record_and_by_table(results: Path) -> None:
    stuck = record("max", 0)
    stuck.scalars.update(train_eval_loss=2.3026, train_eval_accuracy=0.1)
    stuck.provenance["classes"] = 10
    write_study(results, [stuck, record("max", 1)])
    ask(results, "made", ("max", 0), ("max", 1))
    for from_table in ("", "2 by the committed table, "):
        first, *_ = describe_status("made", examine_study(str(results), "made"))
        assert first.startswith(f"made: 2 runs planned: 2 done ({from_table}1 at chance), 0 running")
        assert list_runs(results, "made")["status"].tolist() == ["at chance", "done"]
        assert open_finished(str(results), "made").outcome(stuck.key).at_chance
        write_tables(collect(results, "made"), study_folder(results, "made") / "tables")
        shutil.rmtree(runs_folder(results, "made"), ignore_errors=True)


@pytest.mark.parametrize("study", ["made", "compare", "pool_type"])  # the last two ship with a plan
def test_what_was_asked_for_is_not_mixed_with_the_shipped_plan_or_earlier_sweeps(study: str, results: Path) -> None:
    write_study(results, [record("max", seed, study) for seed in (0, 1)] + [record("blur", 0, study)])
    ask(results, study, ("max", 0), ("max", 1), ("avg", 0), ("avg", 1))
    status = examine_study(str(results), study)
    assert (status.planned, status.done, status.waiting, status.others) == (4, 2, 2, 1)
    assert status.seconds_left == 20
    first, *_ = describe_status(study, status)
    assert first == (
        f"{study}: 4 runs planned: 2 done, 0 running, 2 waiting, 0 failed, 0 diverged; 1 other run of the study is "
        "done."
    )


def test_a_shipped_study_that_nobody_has_started_here_has_its_own_plan(results: Path) -> None:
    assert examine_study(str(results), "pool_type").planned == 200
    with pytest.raises(PoolscopeError, match="'mine' has no plan, no records and no tables"):
        examine_study(str(results), "mine")


def test_the_committed_table_counts_where_there_is_no_record(results: Path) -> None:
    write_study(results, [record("max", seed) for seed in (0, 1)])
    write_tables(collect(results, "made"), results / "made" / "tables")
    shutil.rmtree(results / "runs")
    status = examine_study(str(results), "made")
    assert (status.planned, status.done, status.committed, status.waiting) == (2, 2, 2, 0)
    write_study(results, [record("avg", 0)])
    status = examine_study(str(results), "made")
    assert (status.planned, status.done, status.committed) == (3, 3, 2)


def test_mixed_code_revisions_are_named_with_their_numbers_of_runs(results: Path) -> None:
    write_study(results, [record("max", 0), record("max", 1, revision="bb"), record("avg", 0, revision="bb")])
    lines = list(describe_status("made", examine_study(str(results), "made")))
    assert lines[1] == "Runs of 2 code revisions are mixed: 2 of bb, 1 of aa."


def test_copies_beside_a_record_are_named(results: Path) -> None:
    write_study(results, [record("max", 0)])
    path = record_path(results, "made", *identify(CONFIGS["max"], 0))
    for name in ("seed-0 copy.json", "seed-00.json", "seed-0.json.json"):
        shutil.copy(path, path.with_name(name))
    status = examine_study(str(results), "made")
    assert (status.planned, status.done, len(status.damaged)) == (1, 1, 3)
    shutil.copy(path, path.with_name("seed-1.json"))
    status = examine_study(str(results), "made")
    assert status.done == 1 and "is out of place" in status.damaged[-1]


def test_the_time_left_has_its_end(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_command, "format_end", lambda seconds: f"in {seconds:.0f} s")
    write_study(results, [make_record(make_config("max"), seed) for seed in (0, 1)])
    found = replace(examine_study(str(results), "made"), waiting=3)

    def say(seconds_left: float | None) -> str:
        return [*describe_status("made", replace(found, seconds_left=seconds_left))][-1]

    assert say(61.0) == "Time left: 1 min 1 s, one run at a time; started now, they end at about in 61 s."
    assert say(None) == "Time left: unknown, since no run is done yet."


def test_a_study_is_watched_until_its_last_run_ended(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ask(results, "made", ("max", 0), ("max", 1))
    pending = [record("max", 0), None, record("max", 1)]

    def pause() -> None:
        if (made := pending.pop(0)) is not None:
            write_study(results, [made])

    watch_status(str(results), "made", open_console(), pause)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("made:")]
    assert not pending
    assert [line.partition(", 0 running")[0] for line in lines] == [
        f"made: 2 runs planned: {n} done" for n in (0, 1, 2)
    ]
