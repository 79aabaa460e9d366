"""The four committed tables of a study, read with every check of checks.py and refused by file, row and column."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from poolscope.spec.config import RECORDED_KEYS, RESULT_KEYS
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import study_folder
from poolscope.store.cells import Cells
from poolscope.store.checks import KEYS, NAMES, REQUIRED, find_false_part, find_problem
from poolscope.store.files import RESTORE, number_rows, read_csv


def read_table(results: str | Path, study: str, name: str) -> list[Cells]:
    """Read a committed table of a study, checked; an absent one has no rows.

    Args:
        results: the results folder.
        study: the study's name.
        name: runs, curves, confusion or feature_maps.

    Raises:
        PoolscopeError: in one sentence, with file, row and column.
    """
    path = study_folder(results, study) / "tables" / f"{name}.csv"
    rows = read_csv(path, REQUIRED[name])
    first: dict[tuple[str, ...], int] = {}
    for number, row in number_rows(rows):
        problem = find_problem(name, row, study)
        key = tuple(row[column] for column in KEYS[name])
        if problem is None and first.setdefault(key, number) != number:
            problem = f"it has the same {', '.join(KEYS[name][:-1])} and {KEYS[name][-1]} as row {first[key]}"
        if problem:
            raise PoolscopeError(f"The table {path} is damaged, row {number}: {problem}; {RESTORE}.")
    if name == "runs" and (found := find_contradiction(rows)):
        digest, column = found
        raise PoolscopeError(f"The table {path} is damaged: rows of the digest {digest} differ in {column}; {RESTORE}.")
    return rows


def read_committed(results: str | Path, study: str) -> dict[str, list[Cells]]:
    """Read the four committed tables of a study, checked by themselves and against each other.

    Raises:
        PoolscopeError: in one sentence, with file, row and column.
    """
    tables = {name: read_table(results, study, name) for name in NAMES}
    runs = {(row["digest"], row["seed"]): row for row in tables["runs"]}
    for name in NAMES[1:]:
        path = study_folder(results, study) / "tables" / f"{name}.csv"
        for number, row in number_rows(tables[name]):
            key = (row["digest"], row["seed"])
            if key not in runs:
                raise PoolscopeError(
                    f"The table {path} is damaged, row {number}: runs.csv has no run with digest {key[0]} and seed "
                    f"{key[1]}; {RESTORE}."
                )
        for whole, rows in group_rows(name, tables[name]).items():
            if problem := find_false_part(name, runs[whole[0], whole[1]], rows):
                raise PoolscopeError(f"The table {path} is damaged, rows of {' '.join(whole)}: {problem}; {RESTORE}.")
    return tables


def group_rows(name: str, rows: Iterable[Cells]) -> dict[tuple[str, ...], list[Cells]]:
    """Group a table's rows by all but the last of their key's columns: curves and matrices by run, maps by channel."""
    groups: dict[tuple[str, ...], list[Cells]] = {}
    for row in rows:
        groups.setdefault(tuple(row[column] for column in KEYS[name][:-1]), []).append(row)
    return groups


def find_contradiction(rows: Iterable[Cells]) -> tuple[str, str] | None:
    """Find a digest whose rows of the runs table have two configurations, and a column in which they differ."""
    columns = [column for column in RECORDED_KEYS if column in RESULT_KEYS]
    known: dict[str, list[str]] = {}
    for row in rows:
        config = [row.get(column, "").removesuffix(".0") for column in columns]
        if config != (other := known.setdefault(row["digest"], config)):
            column = next(name for name, old, new in zip(columns, other, config, strict=True) if old != new)
            return row["digest"], column
    return None
