"""`poolscope reproduce`: rerun recorded runs in their recorded configuration, elsewhere, and compare."""

from __future__ import annotations

import argparse
import dataclasses
import os
import statistics
import tempfile
from collections.abc import Callable, Sequence

from poolscope.commands.arguments import add_results, read_count
from poolscope.spec.config import digest
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import study_folder
from poolscope.statistics.tables import collect, tabulate_run
from poolscope.store.cells import Cells, read_config
from poolscope.store.record import RunRecord

SUMMARY = "Rerun a study's runs as recorded, in a temporary folder, and compare."
TIMES = ("seconds_train", "images_per_second")
_CONDITIONS = ("git_revision", "processor", "threads", "device", "devices", "machine", "python", "seeds_together")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `poolscope reproduce`."""
    parser.add_argument("study", help="the study's name (poolscope list studies)")
    parser.add_argument("--runs", type=read_count, help="how many, spread over the study (default: all)")
    add_results(parser)


def run(options: argparse.Namespace) -> int:
    """Rerun and compare; returns 0 where all runs agree, else 1."""
    return 0 if reproduce_study(options.results, options.study, options.runs, print) else 1


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One run against its row. alike: as far as the row says, the same code and versions on the same kind of machine.

    exact: every scalar equal. difference: of test accuracy, new - old. spread: twice the standard deviation of test
    accuracy over the configuration's seeds, which a run by other code or elsewhere must not be further off than.
    """

    label: str
    alike: bool
    exact: bool
    difference: float
    spread: float

    @property
    def agrees(self) -> bool:
        """Exactly where all is alike, else within the spread."""
        return self.exact or (not self.alike and abs(self.difference) <= self.spread)


def reproduce_study(results: str, study: str, runs: int | None, echo: Callable[[str], object]) -> bool:
    """Rerun so many of a study's finished runs, spread evenly over its table (None: all); say how they compare.

    Returns whether all agree. Raises PoolscopeError where the table was made by another version of the schema.
    """
    from poolscope.runs.progress import Lines
    from poolscope.runs.run import run_config

    rows = _finished_rows(results, study)
    count = len(rows) if runs is None else min(runs, len(rows))
    chosen = [rows[len(rows) * index // count] for index in range(count)]
    threads = {row.get("provenance.threads", "") for row in chosen}
    if len(threads) == 1 and (recorded := threads.pop()):
        os.environ.setdefault("NPROC", recorded)  # read when JAX computes first
    compared = []
    with tempfile.TemporaryDirectory() as folder:
        for row in chosen:
            config = read_config(row)
            if digest(config) != row["digest"]:
                raise PoolscopeError(
                    f"The row {row['digest']} of study {study} is of another version's schema (its configuration now "
                    f"has the digest {digest(config)}); check out the revision {row.get('provenance.git_revision')!r}."
                )
            config.seeds, config.study, config.results = [int(row["seed"])], study, folder
            (record,) = run_config(config, Lines())
            compared.append(_compare(row, record, rows))
            echo(_describe(compared[-1]))
    echo(_verdict(study, compared, len(rows)))
    return all(comparison.agrees for comparison in compared)


def _finished_rows(results: str, study: str) -> list[Cells]:
    """The finished rows of the study's table, as texts: of its records, else as committed."""
    frame = collect(results, study).runs
    frame = frame[frame["status"] == "done"]
    if frame.empty:
        raise PoolscopeError(f"Study {study!r} has no finished runs in {study_folder(results, study)} to reproduce.")
    return [tabulate_run(row) for row in frame.to_dict("records")]


def _compare(row: Cells, record: RunRecord, rows: Sequence[Cells]) -> Comparison:
    fresh = {name: repr(float(value)) for name, value in record.scalars.items() if name not in TIMES}
    exact = bool(fresh) and all(name in row and repr(float(row[name] or "nan")) == fresh[name] for name in fresh)
    versions = record.provenance["versions"]
    kinds = {f"provenance.{name}": str(record.provenance.get(name, "")) for name in _CONDITIONS}
    kinds |= {f"provenance.versions.{name}": versions[name] for name in versions if name != "poolscope"}
    alike = all(row.get(key, "") == value for key, value in kinds.items())
    same = [float(other["test_accuracy"]) for other in rows if other["digest"] == row["digest"]]
    label = f"{row['data.name']} {row['pool.name']} seed {row['seed']}"
    difference = record.scalars.get("test_accuracy", float("nan")) - float(row["test_accuracy"])
    spread = 2 * statistics.stdev(same) if len(same) > 1 else 0.0
    return Comparison(label, alike, exact, difference, spread)


def _describe(found: Comparison) -> str:
    if found.exact:
        return f"{found.label}: the same to the last bit"
    conditions = "alike" if found.alike else "with another revision or class of machine"
    return f"{found.label}: test accuracy {found.difference:+.2%} {conditions} (spread over seeds: {found.spread:.2%})"


def _verdict(study: str, compared: Sequence[Comparison], total: int) -> str:
    exact, agreeing = sum(found.exact for found in compared), sum(found.agrees for found in compared)
    sample = f"{len(compared)} of {total} runs of {study} were rerun"
    if agreeing == len(compared):
        inexact = f", {agreeing - exact} with another revision or class of machine within their seeds' spread"
        rest = inexact * (agreeing > exact)
        return f"Reproduced: {sample}; {exact} came out the same to the last bit{rest}."
    return f"Not reproduced: {sample}; {len(compared) - agreeing} differ by more than they may."
