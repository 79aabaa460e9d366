"""`poolscope status`: how far a study is, by its records, its committed table and the run locks."""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from time import sleep

from rich.console import Console
from rich.live import Live
from rich.text import Text

from poolscope.commands.arguments import add_results
from poolscope.process.terminal import format_count, format_end, open_console
from poolscope.runs.progress import label_runs
from poolscope.spec.compose import compose_runs
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import record_path, runs_folder, shipped
from poolscope.store.finished import FinishedRuns, Outcome, open_finished
from poolscope.store.record import RunKey
from poolscope.store.revisions import count_revisions, describe_revisions
from poolscope.store.run_lock import Owner, read_owner
from poolscope.store.sweep import PlannedRun, read_sweep

SUMMARY = "Say how far a study is, also while its sweep runs: done, running, failed, time left."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `poolscope status`."""
    parser.add_argument("study", help="the study's name (poolscope list studies)")
    parser.add_argument("--watch", action="store_true", help="show it anew every few seconds until all runs ended")
    add_results(parser)


def run(options: argparse.Namespace) -> int:
    """Print how far the study is, once or until all of its runs ended."""
    if options.watch:
        watch_status(options.results, options.study, open_console())
    else:
        print_status(options.results, options.study, open_console())
    return 0


def watch_status(results: str, study: str, console: Console, pause: Callable[[], object] = lambda: sleep(2)) -> None:
    """Show how far a study is until no run of it is to come; on a terminal in place, elsewhere whenever it changes."""
    shown = ""
    with Live(console=console, auto_refresh=False) if console.is_terminal else nullcontext() as live:
        while True:
            status = examine_study(results, study)
            text = "\n".join(describe_status(study, status))
            if live is not None:
                live.update(Text(text), refresh=True)
            elif (counts := text.partition("\n")[0]) != shown:
                console.print(text, soft_wrap=True)
                shown = counts
            if not (status.waiting or status.running):
                return
            pause()


@dataclass(frozen=True)
class Status:
    """The runs that were asked for, each in one state: done, diverged, failed, running, damaged or waiting.

    planned: the runs of the last sweep here, else of the plan that ships with the package, else all runs that exist.
    others: runs of the study that are done beside these. committed: how many of the done ones only the committed table
    holds. at_chance: how many of the done ones learned nothing. failed: each with its reason; they will be tried again.
    damaged: a sentence for each record that can't be used. seconds_left: until all are done, at the median seconds of
    the runs done, shared by those that run now (at least one); None where none is done yet. revisions: how many
    finished runs each code revision made.
    """

    planned: int
    done: int
    committed: int
    at_chance: int
    others: int
    diverged: int
    failed: tuple[tuple[PlannedRun, str], ...]
    running: tuple[tuple[PlannedRun, Owner], ...]
    damaged: tuple[str, ...]
    waiting: int
    seconds_left: float | None
    revisions: dict[str, int]


def examine_study(results: str, study: str) -> Status:
    """Find out how far a study is. Raises PoolscopeError where nothing of it is planned, recorded or committed."""
    finished = open_finished(results, study)
    keys, misplaced = _list_existing(results, study)
    existing = [PlannedRun(*key, "") for key in sorted({*keys, *finished.committed})]
    plan = _list_planned(results, study) or existing
    if not plan and not misplaced:
        raise PoolscopeError(f"Study {study!r} has no plan, no records and no tables under {results}.")
    asked = {run.key for run in plan}
    return _count(finished, plan, [run for run in existing if run.key not in asked], misplaced)


def print_status(results: str, study: str, console: Console) -> None:
    """Print how far a study is."""
    for line in describe_status(study, examine_study(results, study)):
        console.print(line, soft_wrap=True)


def describe_status(study: str, status: Status) -> Iterator[str]:
    """Describe how far a study is, line by line."""
    of_these = [f"{status.committed} by the committed table"] if status.committed else []
    of_these += [f"{status.at_chance} at chance"] if status.at_chance else []
    counts = [
        f"{status.done} done" + (f" ({', '.join(of_these)})" if of_these else ""),
        f"{len(status.running)} running",
        f"{status.waiting} waiting",
    ]
    counts += [f"{len(status.failed)} failed", f"{status.diverged} diverged"]
    counts += [f"{len(status.damaged)} damaged"] if status.damaged else []
    others = format_count(status.others, "other run of the study is", "other runs of the study are")
    beside = f"; {others} done" if status.others else ""
    yield f"{study}: {format_count(status.planned, 'run')} planned: {', '.join(counts)}{beside}."
    for run, owner in status.running:
        step = f"step {owner.step} of {owner.steps}" if owner.steps else "starting"
        yield f"  running  {_name(run)}: {step}, {_duration(owner.seconds)} on {owner.host}"
    for run, reason in status.failed:
        yield f"  failed   {_name(run)}: {reason}"
    for sentence in status.damaged:
        yield f"  damaged  {sentence}"
    if mixture := describe_revisions(status.revisions):
        yield mixture
    if status.waiting or status.running or status.failed:
        yield f"Time left: {_describe_time_left(status)}."


def _describe_time_left(status: Status) -> str:
    if status.seconds_left is None:
        return "unknown, since no run is done yet"
    left, end = _duration(status.seconds_left), format_end(status.seconds_left)
    if not status.running:
        return f"{left}, one run at a time; started now, they end at about {end}"
    return f"{left} with {format_count(len(status.running), 'run')} at a time, until about {end}"


def _list_planned(results: str, study: str) -> list[PlannedRun]:
    """The runs of the last sweep here, else of the shipped study of that name."""
    if asked := read_sweep(results, study).runs:
        return list(asked)
    if not (shipped("configs") / "experiment" / f"{study}.yaml").is_file():
        return []
    composed = compose_runs([f"experiment={study}"], multirun=True)
    return [PlannedRun(*key, label) for key, label in label_runs(composed.configs).items()]


def _list_existing(results: str, study: str) -> tuple[set[RunKey], list[str]]:
    """Digest and seed of every record and every locked run, and a sentence for each file that is no record's place."""
    keys, misplaced = set(), []
    for path in sorted(runs_folder(results, study).glob("*/*seed-*")):
        seed = path.stem.removeprefix(".").removeprefix("seed-")
        if path.suffix == ".lock" and read_owner(path.with_name(f"seed-{seed}.json")) is None:
            continue
        if path.suffix not in (".json", ".lock"):
            continue
        if seed.isascii() and seed.isdecimal() and seed == str(int(seed)):
            keys.add(RunKey(path.parent.name, int(seed)))
        elif not path.name.startswith("."):
            misplaced.append(f"The file {path} is in no record's place, which is seed-<number>.json; delete it.")
    return keys, misplaced


def _count(
    finished: FinishedRuns, plan: Iterable[PlannedRun], others: Iterable[PlannedRun], misplaced: list[str]
) -> Status:
    outcomes: dict[str, list[Outcome]] = {"done": [], "diverged": [], "failed": []}
    beside: list[Outcome] = []
    failed, running, damaged = [], [], list(misplaced)
    planned = waiting = 0
    for run, asked in [*((run, True) for run in plan), *((run, False) for run in others)]:
        planned += asked
        if owner := read_owner(Path(record_path(finished.results, finished.study, *run.key))):
            running.append((run, owner))
            planned += not asked
            continue
        try:
            outcome = finished.outcome(run.key)
        except PoolscopeError as error:
            damaged.append(str(error))
            continue
        if outcome is None:
            waiting += asked
        elif not asked:
            beside.append(outcome)
        else:
            outcomes[outcome.status].append(outcome)
            if outcome.status == "failed":
                failed.append((run, outcome.reason))
    ended = outcomes["done"] + outcomes["diverged"]
    seconds = [seconds for outcome in ended + beside if (seconds := _number(outcome.provenance.get("seconds"))) > 0]
    left = None
    if seconds:
        each = statistics.median(seconds)
        begun = sum(max(0.0, each - owner.seconds) for _, owner in running)
        left = ((waiting + len(failed)) * each + begun) / max(1, len(running))
    done_beside = [outcome for outcome in beside if outcome.status == "done"]
    return Status(
        planned=planned,
        done=len(outcomes["done"]),
        committed=sum(outcome.committed for outcome in outcomes["done"]),
        at_chance=sum(outcome.at_chance for outcome in outcomes["done"]),
        others=len(done_beside),
        diverged=len(outcomes["diverged"]),
        failed=tuple(failed),
        running=tuple(running),
        damaged=tuple(damaged),
        waiting=waiting,
        seconds_left=left,
        revisions=count_revisions(
            str(outcome.provenance.get("git_revision", "")) for outcome in outcomes["done"] + done_beside
        ),
    )


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return 0.0


def _name(run: PlannedRun) -> str:
    return run.label or f"{run.digest} seed {run.seed}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
