"""`poolscope train --dry-run`: which jobs a command line makes, and the time and space that their runs need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from poolscope.data.datasets import check_dataset, describe_dataset
from poolscope.data.memory import format_bytes
from poolscope.process.terminal import list_rows, open_console
from poolscope.spec.config import RESULT_KEYS, RunConfig, to_dict
from poolscope.spec.paths import runs_folder
from poolscope.spec.plan import plan_network
from poolscope.store.finished import FinishedRuns, identify
from poolscope.store.record import read_placed_record

_SHOWN = 20  # jobs that are listed


def describe_jobs(configs: Sequence[RunConfig], finished: FinishedRuns) -> None:
    """Print a row for each job, how many runs are to do, and the hours and bytes that they need.

    Hours are those of one process: seconds of the study's recorded runs for each multiply-accumulate of their training,
    times those of the runs to do.

    Args:
        configs: of the jobs, all of one study.
        finished: the study's finished runs.
    """
    rows, lacking, work = [], 0, 0.0
    flat = [_flatten(config) for config in configs]
    varying = [key for key in flat[0] if len({str(values[key]) for values in flat}) > 1] or ["pool.name"]
    for config, values in zip(configs, flat, strict=True):
        missing = sum(finished.lacks(identify(config, seed)) for seed in config.seeds)
        lacking += missing
        work += missing * count_work(config) if missing else 0
        shown = {key: "" if values[key] is None else values[key] for key in varying}
        rows.append(shown | {"runs": len(config.seeds), "to do": missing})
    console = open_console()
    console.print(list_rows(rows[:_SHOWN]))
    if len(rows) > _SHOWN:
        console.print(f"... and {len(rows) - _SHOWN:,} more jobs")
    runs = sum(len(config.seeds) for config in configs)
    counts = f"{len(configs):,} jobs, {runs:,} runs: {runs - lacking:,} done, {lacking:,} to do."
    console.print(f"{counts} {say_needs(finished, lacking, work)}", soft_wrap=True)


def count_work(config: RunConfig) -> float:
    """Count the multiply-accumulates of a run's forward passes in training."""
    shape, classes = describe_dataset(config.data)
    batch = config.train.batch_size
    steps = config.train.steps or config.train.epochs * (check_dataset(config.data) // batch)
    return float(plan_network(config, shape, classes).macs * steps * batch)


def say_needs(finished: FinishedRuns, lacking: int, work: float) -> str:
    """Say how long so many runs take and how large their records are, by the recorded runs of the study."""
    if not lacking:
        return "Nothing to run."
    paths = sorted(runs_folder(finished.results, finished.study).glob("*/seed-*.json"))
    records = [(path.stat().st_size, read_placed_record(path)) for path in paths]
    done = [(size, record) for size, record in records if record.status == "done"]
    known = sum(r.scalars["macs"] * r.scalars["steps"] * r.config["train"]["batch_size"] for _, r in done)
    if not known:
        return "How long they take isn't known before a first run of the study is recorded."
    seconds = work * sum(float(record.provenance["seconds"]) for _, record in done) / known
    space = lacking * sum(size for size, _ in done) / len(done)
    time = f"{seconds / 3600:.2g} hours" if seconds >= 3600 else f"{max(seconds / 60, 0.1):.2g} minutes"
    return f"By the {len(done)} recorded they take about {time} in one process, and {format_bytes(space)}."


def _flatten(config: RunConfig) -> Mapping[str, Any]:
    content = to_dict(config)
    return {key: content[key.partition(".")[0]][key.partition(".")[2]] for key in RESULT_KEYS}
