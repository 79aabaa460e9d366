"""A dry run: the same checks and jobs as the real one, nothing written, hours by recorded runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from pretend import train_nothing
from processes import run_command

from poolscope.commands import train
from poolscope.commands.dry_run import count_work, say_needs
from poolscope.spec.compose import compose_runs
from poolscope.store.finished import open_finished

WORDS = ("-m", "data=digits", "pool=max,avg", "seeds=[0,1]", "train.epochs=2", "train.batch_size=100")


def test_it_lists_jobs_and_runs_and_leaves_nothing(results: Path) -> None:
    status, output, _ = run_command("train", "--dry-run", *WORDS, f"results={results}")
    assert status == 0
    assert output.splitlines()[0].split()[0] == "pool.name"
    assert "2 jobs, 4 runs: 0 done, 4 to do. How long they take isn't known" in output
    assert not results.exists()
    status, _, errors = run_command("train", "--dry-run", *WORDS, "pool.window=9", f"results={results}")
    assert (status, "window" in errors) == (2, True)


def test_done_runs_are_counted_and_time_follows_from_them(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "run_job", train_nothing)
    assert run_command("train", *WORDS, f"results={results}")[0] == 0
    output = run_command("train", "--dry-run", *WORDS, f"results={results}")[1]
    assert "2 jobs, 4 runs: 4 done, 0 to do. Nothing to run." in output


def test_work_is_macs_times_images_by_hand() -> None:
    (config,) = compose_runs(
        [
            "data=digits",
            "pool=max",
            "train.epochs=2",
            "train.batch_size=100",
            "model.blocks=0",
            "model.pool_stages=0",
            "model.head=flatten",
        ]
    ).configs
    assert count_work(config) == 64 * 10 * 2 * 12 * 100  # a linear layer; 12 whole batches of 1,200 images


def test_hours_are_in_proportion(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from made_records import make_config, make_record, write_study

    record = make_record(make_config("max"), 0)
    record.provenance["seconds"] = 30.0
    write_study(results, [record])
    work = record.scalars["macs"] * record.scalars["steps"] * record.config["train"]["batch_size"]
    finished = open_finished(str(results), "made")
    assert say_needs(finished, 4, 4 * work).startswith(
        "By the 1 recorded they take about 2 minutes in one process, and "
    )
    assert "about 2 hours" in say_needs(finished, 4, 240 * work)
