"""`poolscope train --dry-run`: which jobs a command line makes, and the time and space that their runs need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from poolscope.commands.estimate import estimate_by_probe, estimate_by_records
from poolscope.data.memory import format_bytes
from poolscope.process.terminal import format_count, format_end, list_rows, open_console
from poolscope.spec.compose import Composed
from poolscope.spec.config import RunConfig
from poolscope.spec.paths import runs_folder
from poolscope.spec.varying import find_varying, list_values
from poolscope.store.files import check_writable
from poolscope.store.finished import FinishedRuns, identify

_SHOWN = 20  # jobs that are listed


def describe_jobs(composed: Composed, finished: FinishedRuns, probe: bool = False) -> None:
    """Print a row for each job, how many runs are to do, and the hours and bytes that they need.

    Args:
        composed: the jobs, all of one study.
        finished: the study's finished runs.
        probe: whether to train some steps to say how long they take.

    Raises:
        PoolscopeError: where the study's folder can't be written.
    """
    check_writable(runs_folder(finished.results, finished.study))
    rows, lacking, configs = [], [], composed.configs
    flat = list_values(configs)
    varying = find_varying(flat) or ["pool.name"]
    for config, values in zip(configs, flat, strict=True):
        if missing := sum(finished.lacks(identify(config, seed)) for seed in config.seeds):
            lacking.append((config, missing))
        shown = {key: "" if values[key] is None else values[key] for key in varying}
        rows.append(shown | {"runs": len(config.seeds), "to do": missing})
    console = open_console()
    console.print(list_rows(rows[:_SHOWN]))
    if len(rows) > _SHOWN:
        console.print(f"... and {len(rows) - _SHOWN:,} more jobs")
    runs, to_do = sum(len(config.seeds) for config in configs), sum(count for _, count in lacking)
    counts = (
        f"{format_count(len(configs), 'job')}, {format_count(runs, 'run')}: {runs - to_do:,} done, {to_do:,} to do."
    )
    needs = describe_needs(lacking, finished, composed.workers, probe)
    console.print(" ".join([counts, *needs]), soft_wrap=True)
    for job, reason in composed.left_out:
        console.print(f"Left out as impossible: {job}: {reason}", soft_wrap=True)


def describe_needs(
    lacking: Sequence[tuple[RunConfig, int]], finished: FinishedRuns, workers: int | None, probe: bool = False
) -> Iterator[str]:
    """Describe how long the runs to do take, when they end if they start now, and how large their records are.

    Args:
        lacking: configurations, and how many runs of each are to do.
        finished: the study's finished runs.
        workers: how many runs at a time this machine is asked for; None where a cluster decides.
        probe: whether to train some steps of the largest network rather than go by finished runs.
    """
    if not lacking:
        yield "Nothing to run."
        return
    found = estimate_by_probe(lacking) if probe else estimate_by_records(lacking, finished)
    if found is None:
        yield "How long they take isn't known before a first run of the study is recorded; --probe trains some steps."
        return
    yield (
        f"By {found.source} they take about {format_duration(found.seconds)} in one process, and "
        f"{format_bytes(found.bytes)}."
    )
    if workers:
        seconds = found.seconds / min(workers, sum(count for _, count in lacking))
        at_once = f" with {workers} at a time" if workers > 1 else ""
        yield f"Started now{at_once}, they end at about {format_end(seconds)}."


def format_duration(seconds: float) -> str:
    """Write a time that is known roughly: 2.5 hours."""
    return f"{seconds / 3600:.2g} hours" if seconds >= 3600 else f"{max(seconds / 60, 0.1):.2g} minutes"
