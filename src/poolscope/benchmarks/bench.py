"""`poolscope bench`: measure suites, write each table as it grows, then have the page drawn from the tables."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from poolscope.benchmarks.rounds import Children, Pace, Row, make_rows, measure, to_texts
from poolscope.benchmarks.suites import SUITES
from poolscope.process.cores import list_cores
from poolscope.spec.errors import PoolscopeError
from poolscope.store.environment import read_processor
from poolscope.store.files import write_csv, write_text

_VERSIONS = ("poolscope", "jax", "jaxlib", "flax", "optax", "numpy", "torch")


def run_suites(suites: Sequence[str], folder: Path, pace: Pace, core: int | None) -> int:
    """Measure these suites, or all, into <folder>/<suite>.csv and machine.json; returns 1 if one was left out, else 0.

    Raises PoolscopeError for a suite or a core that there isn't.
    """
    suites = suites or list(SUITES)
    for suite in suites:
        if suite not in SUITES:
            raise PoolscopeError(f"there is no benchmark suite {suite!r}; it must be one of {', '.join(SUITES)}.")
    cores = order_cores(core)
    status = 0
    for suite in suites:
        try:
            measure_suite(suite, folder, pace, cores)
        except PoolscopeError as error:
            _print_line(suite, str(error), last=True)
            status = 1
    return status


def choose_pace(quick: bool, rounds: int | None = None) -> Pace:
    """Enough for a result, or with `quick` for a glance."""
    pace = Pace(rounds=3, slow_rounds=1, seconds=0.1) if quick else Pace()
    return pace if rounds is None else replace(pace, rounds=rounds)


def order_cores(core: int | None) -> list[int]:
    """The cores that this process may use, in order, the one to measure on last."""
    available = list_cores()
    if core is not None and core not in available:
        raise PoolscopeError(
            f"--core must be one of {', '.join(map(str, available))}, which are free to use, not {core}."
        )
    return [*(other for other in available if other != core), *([] if core is None else [core])]


def measure_suite(suite: str, folder: Path, pace: Pace, cores: Sequence[int]) -> None:
    """Measure a suite; its table is written anew after every comparison.

    Raises PoolscopeError where the suite needs more cores, or nothing of it could be measured.
    """
    comparisons, rows, children = SUITES[suite](), [], Children(cores)
    if max(comparison.threads for comparison in comparisons) > len(cores):
        raise PoolscopeError(f"it needs two cores, and this process may use {len(cores)} only; left out.")
    try:
        for number, comparison in enumerate(comparisons, start=1):
            place = f"{suite} {number} of {len(comparisons)}"
            measured = measure(comparison, children, pace, partial(_print_line, place))
            added = make_rows(comparison, measured, len(cores))
            rows += added
            _print_line(place, _summarise(added), last=True)
            write_rows(rows, folder / f"{suite}.csv")
            note_machine(suite, folder, pace)
            if "MiB" in comparison.units:
                children.close()  # a peak is of a whole process
    finally:
        children.close()
    if all(row.ratio is None for row in rows):
        raise PoolscopeError(f"nothing could be measured ({rows[0].note}).")


def write_rows(rows: Sequence[Row], path: Path) -> None:
    """A table, whole or not at all."""
    write_csv([entry.name for entry in fields(Row)], map(to_texts, rows), path)


def note_machine(suite: str, folder: Path, pace: Pace) -> None:
    """Add to <folder>/machine.json what a suite was measured on; no host's name and no folder."""
    path = folder / "machine.json"
    machines = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    machines[suite] = describe_machine() | {"rounds": pace.rounds, "seconds_per_repetition": pace.seconds}
    write_text(json.dumps({name: machines[name] for name in SUITES if name in machines}, indent=1) + "\n", path)


def describe_machine() -> dict[str, Any]:
    """Processor, cores, system and versions of this machine."""
    return {
        "processor": read_processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: _find_version(name) for name in _VERSIONS},
    }


def _find_version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _summarise(rows: Sequence[Row]) -> str:
    """The first contender against each other one."""
    first = [row for row in rows if row.unit == rows[0].unit and row.contender == rows[0].contender]
    told = [f"{row.ratio:.2f} x {row.reference}" if row.ratio else row.note for row in first]
    return f"{rows[0].quantity}: {rows[0].contender} {', '.join(told)}"


def _print_line(place: str, what: str, last: bool = False) -> None:
    """Progress: a line that is overwritten on a terminal; elsewhere only what is there to stay."""
    sentence = f"{place}: {what}"
    if sys.stderr.isatty():
        print(f"\r\033[K{sentence[:150]}", end="\n" if last else "", file=sys.stderr, flush=True)
    elif last:
        print(sentence, file=sys.stderr, flush=True)
