"""`poolscope status`: how far a study is, from its records, its committed table and the runs that are held now."""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from poolscope.commands.arguments import add_results
from poolscope.runs.progress import describe_run
from poolscope.spec.compose import compose_runs
from poolscope.spec.config import RunConfig, digest
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import record_path, runs_folder, shipped
from poolscope.spec.terminal import open_console
from poolscope.store.inventory import Inventory, open_inventory
from poolscope.store.run_lock import Heartbeat, read_heartbeat
from poolscope.store.sweep import PlannedRun, read_sweep

SUMMARY = "Say how far a study is, also while its sweep runs: done, running, failed, time left."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `poolscope status`."""
    parser.add_argument("study", help="the study's name (poolscope list studies)")
    add_results(parser)


def run(options: argparse.Namespace) -> int:
    """Print how far the study is."""
    print_status(options.results, options.study, open_console())
    return 0


@dataclass(frozen=True)
class Status:
    """Every run of a study in one of five states. planned = done + diverged + failed + running + waiting.

    committed: how many of the done ones only the committed table holds. failed: what and why; it will be tried again.
    seconds_left: of all that is still to be done, at the median seconds of the runs done, shared by those running now
    (at least one); None where nothing is done yet.
    """

    planned: int
    done: int
    committed: int
    diverged: int
    failed: tuple[tuple[PlannedRun, str], ...]
    running: tuple[tuple[PlannedRun, Heartbeat], ...]
    damaged: tuple[str, ...]
    seconds_left: float | None

    @property
    def waiting(self) -> int:
        """Runs that nobody has begun."""
        return self.planned - self.done - self.diverged - len(self.failed) - len(self.running) - len(self.damaged)


def examine_study(results: str, study: str) -> Status:
    """The status of a study. Raises PoolscopeError where nothing of it is planned, recorded or committed."""
    inventory = open_inventory(results, study)
    plan = _plan(results, study)
    recorded = {PlannedRun(*key, "") for key in _recorded(results, study)}
    listed = {(run.digest, run.seed) for run in plan}
    plan += [run for run in sorted(recorded, key=str) if (run.digest, run.seed) not in listed]
    listed |= {(run.digest, run.seed) for run in plan}
    plan += [PlannedRun(*key, "") for key in inventory.committed if key not in listed]
    if not plan:
        raise PoolscopeError(f"Study {study!r} has no plan, no records and no tables under {results}.")
    return _count(results, study, inventory, plan)


def print_status(results: str, study: str, console: Console) -> None:
    """Say how far a study is."""
    status = examine_study(results, study)
    by_table = f" ({status.committed} by the committed table)" if status.committed else ""
    counts = [f"{status.done} done{by_table}", f"{len(status.running)} running", f"{status.waiting} waiting"]
    counts += [f"{len(status.failed)} failed", f"{status.diverged} diverged"]
    counts += [f"{len(status.damaged)} damaged"] if status.damaged else []

    def say(text: str) -> None:
        console.print(text, soft_wrap=True)

    say(f"{study}: {status.planned} runs planned: {', '.join(counts)}.")
    for run, beat in status.running:
        how_far = f"step {beat.step} of {beat.steps}" if beat.steps else "starting"
        say(f"  running  {_name(run)}: {how_far}, {_duration(beat.seconds)} on {beat.host}")
    for run, reason in status.failed:
        say(f"  failed   {_name(run)}: {reason}")
    for sentence in status.damaged:
        say(f"  damaged  {sentence}")
    if status.waiting or status.running or status.failed:
        left = "unknown, since no run is done yet" if status.seconds_left is None else _duration(status.seconds_left)
        at_once = f" with {len(status.running)} runs at a time" if status.running else ", one run at a time"
        say(f"Time left: {left}{at_once if status.seconds_left is not None else ''}.")


def _plan(results: str, study: str) -> list[PlannedRun]:
    """The runs of the shipped study of that name, else of the last sweep."""
    if not (shipped("configs") / "experiment" / f"{study}.yaml").is_file():
        return list(read_sweep(results, study).runs)
    composed = compose_runs([f"experiment={study}"], multirun=True)
    return [_planned(config, seed) for config in composed.configs for seed in config.seeds]


def _planned(config: RunConfig, seed: int) -> PlannedRun:
    return PlannedRun(digest(config), seed, describe_run(config, seed))


def _recorded(results: str, study: str) -> Iterator[tuple[str, int]]:
    """Digest and seed of every record, and of every run that is held."""
    for path in runs_folder(results, study).glob("*/*seed-*"):
        seed = path.stem.removeprefix(".").removeprefix("seed-")
        if path.suffix in (".json", ".lock") and seed.isdecimal():
            if path.suffix == ".lock" and read_heartbeat(path.with_name(f"seed-{seed}.json")) is None:
                continue
            yield path.parent.name, int(seed)


def _count(results: str, study: str, inventory: Inventory, plan: list[PlannedRun]) -> Status:
    done = committed = diverged = 0
    failed, running, damaged, seconds = [], [], [], []
    for run in plan:
        if beat := read_heartbeat(Path(record_path(results, study, run.digest, run.seed))):
            running.append((run, beat))
            continue
        if row := inventory.row(run.digest, run.seed):
            done, committed = done + 1, committed + 1
            seconds += [_number(row.get("provenance.seconds", ""))]
            continue
        try:
            record = inventory.record(run.digest, run.seed)
        except PoolscopeError as error:
            damaged.append(str(error))
            continue
        if record is None:
            continue
        seconds += [_number(record.provenance.get("seconds", 0.0))] * (record.status != "failed")
        done += record.status == "done"
        diverged += record.status == "diverged"
        if record.status == "failed":
            failed.append((run, record.reason))
    known = [value for value in seconds if value > 0]
    rest = len(plan) - done - diverged - len(damaged) - len(running)
    left = None
    if known:
        each = statistics.median(known)
        begun = sum(max(0.0, each - beat.seconds) for _, beat in running)
        left = (rest * each + begun) / max(1, len(running))
    return Status(len(plan), done, committed, diverged, tuple(failed), tuple(running), tuple(damaged), left)


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
