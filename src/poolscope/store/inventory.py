"""What of a study is done already: its records and, for runs without one here, the rows of its committed table."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from poolscope.spec.config import RunConfig, digest
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import record_path, study_folder
from poolscope.store.record import STATUSES, RunRecord, read_record

_REMEDY = "restore it from git or delete it"

Row = Mapping[str, str]


@dataclass(frozen=True)
class Inventory:
    """The finished runs of a study. committed: rows of its committed table, by digest and seed, with status "done"."""

    results: str
    study: str
    committed: Mapping[tuple[str, int], Row]

    def record(self, name: str, seed: int) -> RunRecord | None:
        """The record of a configuration's digest and seed; None where there is none."""
        path = record_path(self.results, self.study, name, seed)
        return read_record(path) if path.exists() else None

    def row(self, name: str, seed: int) -> Row | None:
        """The committed row of a run that has no record here; None where it has one, or no row either."""
        here = record_path(self.results, self.study, name, seed).exists()
        return None if here else self.committed.get((name, seed))

    def lacks(self, config: RunConfig, seed: int) -> bool:
        """Whether a run is still to be done: neither in the table nor recorded, or recorded as failed."""
        name = digest(config)
        record = self.record(name, seed)
        return (name, seed) not in self.committed if record is None else record.status == "failed"


def open_inventory(results: str, study: str) -> Inventory:
    """What is done of a study. Raises PoolscopeError where its committed table is damaged."""
    path = study_folder(results, study) / "tables" / "runs.csv"
    rows = read_rows(path, ("digest", "seed", "status"))
    if any(row["status"] not in STATUSES for row in rows):
        raise PoolscopeError(f"The table {path} has a status that is none of {', '.join(STATUSES)}; {_REMEDY}.")
    return Inventory(
        results, study, {(row["digest"], int(row["seed"])): row for row in rows if row["status"] == "done"}
    )


def read_rows(path: Path, required: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a committed table as texts; none where there is no such file.

    Raises PoolscopeError where it is cut off, is no CSV, or lacks a required column.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            text = file.read()
        header, *lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, ValueError, csv.Error) as error:
        raise PoolscopeError(f"The table {path} is damaged (not CSV); {_REMEDY}.") from error
    if absent := [column for column in required if column not in header]:
        raise PoolscopeError(f"The table {path} lacks the column {absent[0]}; {_REMEDY}.")
    if any(len(line) != len(header) for line in lines) or len(set(header)) < len(header) or not text.endswith("\n"):
        raise PoolscopeError(
            f"The table {path} is damaged (it ends early, or a row doesn't fit its columns); {_REMEDY}."
        )
    rows = [dict(zip(header, line, strict=True)) for line in lines]
    if not all(row["seed"].isdecimal() for row in rows):
        raise PoolscopeError(f"The table {path} has a seed that is no whole number; {_REMEDY}.")
    return rows
