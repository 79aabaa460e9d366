"""`poolscope reproduce`: rerun recorded runs in their recorded configuration, elsewhere, and compare."""

from __future__ import annotations

import argparse
import math
import os
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from poolscope.commands.arguments import add_results, prepare_backend, read_count
from poolscope.spec.config import RunConfig, check_config, digest
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import study_folder
from poolscope.statistics.tables import collect, tabulate_run
from poolscope.store.cells import Cells, read_config
from poolscope.store.record import RunRecord

SUMMARY = "Rerun a study's runs as recorded, in a temporary folder, and compare."
TIMES = ("seconds_train", "images_per_second")
_CONDITIONS = {  # part of the provenance, and what it is called
    "git_revision": "code revision",
    **{name: name for name in ("processor", "machine", "device", "devices", "threads", "python")},
    "seeds_together": "seeds trained together",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `poolscope reproduce`."""
    parser.add_argument("study", help="the study's name (poolscope list studies)")
    parser.add_argument("--runs", type=read_count, help="how many, spread over the study (default: all)")
    add_results(parser)


def run(options: argparse.Namespace) -> int:
    """Rerun and compare; returns 0 where all runs agree, else 1."""
    return 0 if reproduce_study(options.results, options.study, options.runs, print) else 1


@dataclass(frozen=True)
class RerunCheck:
    """One run against its row.

    exact: whether every scalar but times is equal, bit for bit. changed: what differs between the conditions of the
    two, such as the code revision; empty where a rerun must be exact. old, new: accuracy on the images of `split`, the
    validation images where the test images were not read. spread: by how much it differs between two of the
    configuration's seeds (2 √2 standard deviations); NaN for a single seed.
    """

    label: str
    exact: bool
    changed: tuple[str, ...]
    old: float
    new: float
    spread: float
    split: str = "test"

    @property
    def agrees(self) -> bool:
        """Exactly under the same conditions; under others, rounding may grow in training up to a change of seed."""
        return self.exact or (bool(self.changed) and abs(self.new - self.old) <= self.spread)


def reproduce_study(results: str, study: str, runs: int | None, notify: Callable[[str], object]) -> bool:
    """Rerun so many of a study's finished runs, spread evenly over its table (None: all), and compare.

    Every row's configuration is checked against its digest, and the data sets are looked for and read, before anything
    is trained. Returns whether all reruns agree.

    Raises:
        PoolscopeError: where a row was made by another version of the schema, a data set is missing or can't be read,
            or a rerun fails.
    """
    from poolscope.data.datasets import check_dataset, check_readable

    rows = _finished_rows(results, study)
    configs = [_read_checked(row, study) for row in rows]
    count = len(rows) if runs is None else min(runs, len(rows))
    chosen = [len(rows) * index // count for index in range(count)]
    used = {str(configs[index].data): configs[index].data for index in chosen}.values()
    for check in (check_dataset, check_readable):
        for data in used:
            check(data)
    threads = {rows[index].get("provenance.threads", "") for index in chosen}
    if len(threads) == 1 and (recorded := threads.pop()):
        os.environ.setdefault("NPROC", recorded)  # read when JAX computes first
    checks = []
    prepare_backend()
    for index in chosen:
        record = _rerun(configs[index], int(rows[index]["seed"]))
        checks.append(compare_run(rows[index], record, rows))
        notify(describe_check(checks[-1]))
    notify(describe_checks(study, checks, len(rows)))
    return all(check.agrees for check in checks)


def compare_run(row: Cells, record: RunRecord, rows: Sequence[Cells]) -> RerunCheck:
    """Compare a rerun with its row of the runs table; rows: all finished ones, for the spread over seeds."""
    fresh = {name: float(value) for name, value in record.scalars.items() if name not in TIMES}
    without_value = row.get("provenance.unmeasured", "").replace(":", " ").split()
    old = {name for name in fresh if row.get(name) or name in without_value}
    exact = bool(old) and all(_same(row[name], fresh[name]) for name in old)  # without what is measured only since
    name = "test_accuracy" if row.get("test_accuracy") else "val_accuracy"
    accuracies = [float(other[name]) for other in rows if other["digest"] == row["digest"]]
    return RerunCheck(
        label=f"{row['data.name']} {row['pool.name']} seed {row['seed']}",
        exact=exact,
        changed=_list_changed(row, record),
        old=float(row[name]),
        new=record.scalars[name],
        spread=2 * math.sqrt(2) * statistics.stdev(accuracies) if len(accuracies) > 1 else math.nan,
        split="test" if name == "test_accuracy" else "validation",
    )


def describe_check(check: RerunCheck) -> str:
    """One line on one rerun."""
    if check.exact:
        return f"{check.label}: the same to the last bit"
    accuracy = f"{check.split} accuracy {check.new:.2%} instead of {check.old:.2%}"
    if not check.changed:
        return f"{check.label}: {accuracy}, under the same conditions"
    single = "its configuration has one seed only"
    seeds = single if math.isnan(check.spread) else f"two seeds differ by {check.spread:.2%}"
    return f"{check.label}: {accuracy} ({seeds}), under other conditions: {', '.join(check.changed)}"


def describe_checks(study: str, checks: Sequence[RerunCheck], total: int) -> str:
    """One sentence on all reruns of a study."""
    sample = f"{len(checks)} of {total} runs of {study} were rerun"
    exact = sum(check.exact for check in checks)
    rounded = sum(check.agrees and not check.exact for check in checks)
    unknown = sum(not check.exact and bool(check.changed) and math.isnan(check.spread) for check in checks)
    wrong = len(checks) - exact - rounded - unknown
    parts = [f"{exact} came out the same to the last bit"]
    parts += [f"{rounded} under other conditions within what two seeds differ by"] if rounded else []
    parts += [f"{unknown} under other conditions can't be judged, with one seed"] if unknown else []
    parts += [f"{wrong} differ by more than they may"] if wrong else []
    verdict = "Not reproduced" if wrong else "Not decided" if unknown else "Reproduced"
    return f"{verdict}: {sample}; {', '.join(parts)}."


def _finished_rows(results: str, study: str) -> list[Cells]:
    """The finished rows of the study's table, as texts: of its records, else as committed."""
    tables = collect(results, study)
    if tables.damaged:
        raise PoolscopeError(tables.damaged[0])
    frame = tables.runs
    frame = frame[frame["status"] == "done"]
    if frame.empty:
        raise PoolscopeError(f"Study {study!r} has no finished runs in {study_folder(results, study)} to reproduce.")
    return [tabulate_run(row) for row in frame.to_dict("records")]


def _read_checked(row: Cells, study: str) -> RunConfig:
    """The configuration of a row; refused where it isn't what the row's digest stands for."""
    config = read_config(row)
    if digest(config) != row["digest"]:
        revision = row.get("provenance.git_revision")
        remedy = f"; check out the revision {revision!r}" if revision else ""
        raise PoolscopeError(
            f"The row {row['digest']} of study {study} is of another version's schema (its configuration now has the "
            f"digest {digest(config)}){remedy}."
        )
    check_config(config)
    return config


def _rerun(config: RunConfig, seed: int) -> RunRecord:
    """Train a configuration with one seed into a folder that is thrown away."""
    from poolscope.runs.progress import Lines
    from poolscope.runs.run import run_config

    with tempfile.TemporaryDirectory() as folder:
        config.seeds, config.study, config.results = [seed], "reproduce", folder
        (record,) = run_config(config, Lines())
    if record.status != "done":
        raise PoolscopeError(f"The rerun of {record.digest} seed {seed} {record.status}: {record.reason}.")
    return record


def _list_changed(row: Cells, record: RunRecord) -> tuple[str, ...]:
    """What differs between the conditions of a row and its rerun; a revision with uncommitted changes always does."""
    versions = record.provenance["versions"]
    found = {
        words: (row.get(f"provenance.{name}", ""), record.provenance.get(name, ""))
        for name, words in _CONDITIONS.items()
    }
    found |= {
        name: (row.get(f"provenance.versions.{name}", ""), versions[name]) for name in versions if name != "poolscope"
    }
    changed = [name if old else f"{name} (not recorded)" for name, (old, new) in found.items() if old != str(new)]
    revision = str(record.provenance.get("git_revision", ""))
    if revision.endswith("+") and "code revision" not in changed:
        changed.insert(0, "code revision")
    return tuple(changed)


def _same(text: str, value: float) -> bool:
    old = float(text or "nan")
    return old == value or (math.isnan(old) and math.isnan(value))
