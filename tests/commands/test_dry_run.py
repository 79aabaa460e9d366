"""A dry run: the same checks and jobs as the real one, nothing written, hours by recorded runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from pretend import train_nothing
from processes import run_command

from poolscope.commands import dry_run, train
from poolscope.commands.dry_run import describe_needs
from poolscope.commands.estimate import Estimate
from poolscope.spec.compose import compose_runs
from poolscope.spec.config import RunConfig
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
    status, _, errors = run_command("train", "--dry-run", *WORDS, "results=README.md")
    assert (status, "README.md is no folder" in errors) == (2, True)


def test_done_runs_are_counted_and_time_follows_from_them(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "run_job", train_nothing)
    assert run_command("train", *WORDS, f"results={results}")[0] == 0
    output = run_command("train", "--dry-run", *WORDS, f"results={results}")[1]
    assert "2 jobs, 4 runs: 4 done, 0 to do. Nothing to run." in output


def test_needs_are_of_all_runs_and_the_end_of_those_that_run_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Estimate(3 * 3600.0, 4e6, "the 2 recorded")
    monkeypatch.setattr(dry_run, "estimate_by_records", lambda lacking, finished: found)
    monkeypatch.setattr(dry_run, "format_end", lambda seconds: f"in {seconds:.0f} s")
    finished = open_finished("results", "made")
    lacking = [(RunConfig(), 5), (RunConfig(), 1)]
    sentence = "By the 2 recorded they take about 3 hours in one process, and 4 MB."
    assert [*describe_needs(lacking, finished, None)] == [sentence]
    assert [*describe_needs(lacking, finished, 1)] == [sentence, "Started now, they end at about in 10800 s."]
    assert [*describe_needs(lacking, finished, 2)][1] == "Started now with 2 at a time, they end at about in 5400 s."
    assert [*describe_needs(lacking, finished, 64)][1].endswith("in 1800 s.")  # no more at a time than there are
    assert [*describe_needs([], finished, 2)] == ["Nothing to run."]


@pytest.mark.parametrize(("launcher", "workers"), [([], 1), (["hydra/launcher=joblib", "hydra.launcher.n_jobs=3"], 3)])
def test_the_launcher_says_how_many_run_at_a_time(launcher: list[str], workers: int) -> None:
    assert compose_runs(["data=digits", "pool=max,avg", *launcher], True).workers == workers


def test_a_probe_goes_with_a_dry_run_only(results: Path) -> None:
    status, _, errors = run_command("train", "--probe", *WORDS, f"results={results}")
    assert (status, errors) == (2, "poolscope: --probe goes with --dry-run only.\n")
