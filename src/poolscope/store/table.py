"""The four committed tables of a study: their columns, and the checks that every row passes before it is used.

Reading a table refuses, with file, row and column, what no run could have written: another type, a value out of range,
a row that stands twice or is of another study, an accuracy that its own bits contradict.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from poolscope.spec.config import MOST_SEED, RECORDED_KEYS, RESULT_KEYS, SETTINGS
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import study_folder
from poolscope.spec.settings import Setting
from poolscope.store.cells import CONFIG_KINDS, Cells, read_cell, read_number
from poolscope.store.files import RESTORE, number_rows, read_csv
from poolscope.store.record import STATUSES

IDENTITY = ("study", "digest", "seed", "status", "reason")
KEYS = {  # the columns that tell a table's rows apart
    "runs": ("digest", "seed"),
    "curves": ("digest", "seed", "epoch"),
    "confusion": ("digest", "seed", "true"),
    "feature_maps": ("digest", "seed", "stage", "moment", "channel", "row"),
}
NAMES = tuple(KEYS)
MOMENTS = ("image", "before", "after")
_REQUIRED = {
    "runs": (*IDENTITY, "data.name", "pool.name"),
    "curves": KEYS["curves"],
    "confusion": (*KEYS["confusion"], "counts"),
    "feature_maps": (*KEYS["feature_maps"], "values"),
}
_SECTIONS = ("provenance", *{column.partition(".")[0] for column in CONFIG_KINDS})
_NAME = re.compile(r"[\w.:/@+-]+")
_ODD = re.compile(r"[$\x00-\x1f\x7f]")
_DIGEST = re.compile(r"[0-9a-f]{12}")
_SHARES = re.compile(  # accuracies and other shares; relative_accuracy is a ratio and may be above 1
    r"(train_eval|val|test)_accuracy(_best|_at_.*)?|accuracy_.*|(worst_)?shift_accuracy_.*|(agreement|consistency)_.*"
)
_COUNTS = {"parameters", "macs", "steps", "train_size", "test_size", "stage", "channel", "row", "true"}
_AT_LEAST_0 = re.compile(
    r"(test|train_eval|val|train)_loss(_best|_at_.*)?|(best_)?epochs?|seconds_train|images_per_second|step"
)

Check = Callable[[str], object]


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
    rows = read_csv(path, _REQUIRED[name])
    first: dict[tuple[str, ...], int] = {}
    for number, row in number_rows(rows):
        problem = find_problem(name, row, study)
        key = tuple(row[column] for column in KEYS[name])
        if problem is None and first.setdefault(key, number) != number:
            problem = f"{' '.join(key)} stands in row {first[key]} already"
        if problem:
            raise PoolscopeError(f"The table {path} is damaged, row {number}: {problem}; {RESTORE}.")
    if name == "runs" and (problem := _find_contradiction(rows)):
        raise PoolscopeError(f"The table {path} is damaged: {problem}; {RESTORE}.")
    return rows


def read_committed(results: str | Path, study: str) -> dict[str, list[Cells]]:
    """Read the four committed tables of a study, checked by themselves and against each other.

    Raises:
        PoolscopeError: in one sentence, with file, row and column.
    """
    tables = {name: read_table(results, study, name) for name in NAMES}
    runs = {(row["digest"], row["seed"]): row for row in tables["runs"]}
    matrices: dict[tuple[str, str], list[Cells]] = {}
    for name in NAMES[1:]:
        path = study_folder(results, study) / "tables" / f"{name}.csv"
        for number, row in number_rows(tables[name]):
            key = (row["digest"], row["seed"])
            if key not in runs:
                raise PoolscopeError(
                    f"The table {path} is damaged, row {number}: runs.csv has no run with digest {key[0]} and seed "
                    f"{key[1]}; {RESTORE}."
                )
            if name == "confusion":
                matrices.setdefault(key, []).append(row)
        if name == "confusion":
            for key, rows in matrices.items():
                if problem := find_false_matrix(runs[key], rows):
                    raise PoolscopeError(f"The table {path} is damaged, run {' '.join(key)}: {problem}; {RESTORE}.")
    return tables


def is_scalar(column: str) -> bool:
    """Whether a column of the runs table holds a number that the run measured."""
    return column not in IDENTITY and column != "test_correct" and column.partition(".")[0] not in _SECTIONS


def find_problem(name: str, row: Mapping[str, str], study: str) -> str | None:
    """Name the first cell of a table's row that no run writes, and what would fit; None where all is well."""
    for column, text in row.items():
        try:
            _check_cell(name, column, text, study)
        except ValueError as error:
            return f"{column} must be {error}, not {text[:60]!r}"
    return _find_false_accuracy(row) if name == "runs" and row["status"] == "done" else None


def find_false_matrix(run: Mapping[str, str], rows: Iterable[Mapping[str, str]]) -> str | None:
    """Name what is wrong with a run's rows of the confusion table; None where they agree with its row of runs."""
    matrix = {int(row["true"]): [int(count) for count in row["counts"].split()] for row in rows}
    if sorted(matrix) != list(range(len(matrix))) or any(len(counts) != len(matrix) for counts in matrix.values()):
        return "its rows make no square matrix"
    total = sum(map(sum, matrix.values()))
    right = sum(counts[true] for true, counts in matrix.items())
    if run.get("test_accuracy") and abs(right - float(run["test_accuracy"]) * total) > 1e-6 * total:
        return f"counts say {right} of {total} right, test_accuracy in runs.csv says {run['test_accuracy']}"
    return None


def _check_cell(name: str, column: str, text: str, study: str) -> None:
    """Raise ValueError with what would fit."""
    if check := _CHECKS.get(column):
        check(text)
    elif column == "study":
        if text != study:
            raise ValueError(f"the study of the folder, {study!r}")
    elif column in CONFIG_KINDS:
        _check_setting(SETTINGS[column], text)
    elif column.partition(".")[0] in _SECTIONS or text == "":
        return
    else:
        _check_number(column, read_number(text))


def _check_setting(setting: Setting, text: str) -> None:
    """Check type, range and fixed choices; an operator or measurement may come from a package that isn't here."""
    value = read_cell(text, setting.kind)
    if _ODD.search(text):
        raise ValueError("without '$' and control characters")
    if value is None or callable(setting.choices):
        return
    try:
        setting.check(value)
    except PoolscopeError as error:
        raise ValueError(setting.expected) from error


def _check_number(column: str, value: float) -> None:
    if _SHARES.fullmatch(column) and not 0 <= value <= 1:
        raise ValueError("from 0 to 1")
    if column == "generalisation_gap" and not -1 <= value <= 1:
        raise ValueError("from -1 to 1")
    if column in _COUNTS and (value < 0 or value != int(value)):
        raise ValueError("a whole number, at least 0")
    if _AT_LEAST_0.fullmatch(column) and value < 0:
        raise ValueError("at least 0")


def _check_digest(text: str) -> None:
    if not _DIGEST.fullmatch(text):
        raise ValueError("12 hexadecimal digits (a spreadsheet may have made a number of them)")


def _check_seed(text: str) -> None:
    if not text.isdecimal() or len(text) > 10 or int(text) > MOST_SEED:
        raise ValueError(f"a whole number from 0 to {MOST_SEED}")


def _check_status(text: str) -> None:
    if text not in STATUSES:
        raise ValueError(f"one of {', '.join(STATUSES)}")


def _check_name(text: str) -> None:
    if not _NAME.fullmatch(text):
        raise ValueError("a name of letters, digits and . : / @ + - _")


def _check_moment(text: str) -> None:
    if text not in MOMENTS:
        raise ValueError(f"one of {', '.join(MOMENTS)}")


def _check_place(text: str) -> None:
    if not text.isdecimal() or len(text) > 9:
        raise ValueError("a whole number, at least 0")


def _check_counts(text: str) -> None:
    if not text or not all(count.isdecimal() and len(count) < 16 for count in text.split(" ")):
        raise ValueError("whole numbers separated by single spaces")


def _check_values(text: str) -> None:
    if not text:
        raise ValueError("numbers separated by single spaces")
    for value in text.split(" "):
        read_number(value)


def _check_epoch(text: str) -> None:
    if text == "" or read_number(text) < 0:
        raise ValueError("a number, at least 0")


def _check_bits(text: str) -> None:
    if text:
        count_right(text)


_CHECKS: dict[str, Check] = {
    "digest": _check_digest,
    "seed": _check_seed,
    "status": _check_status,
    "data.name": _check_name,
    "pool.name": _check_name,
    "reason": lambda text: None,
    "test_correct": _check_bits,
    "epoch": _check_epoch,
    "true": _check_place,
    "counts": _check_counts,
    "stage": _check_place,
    "moment": _check_moment,
    "channel": _check_place,
    "row": _check_place,
    "values": _check_values,
}


def count_right(text: str) -> tuple[int, int]:
    """Count the 1s among the bits of `test_correct`, and the bits; raises ValueError where the text is none."""
    number, _, encoded = text.partition(":")
    try:
        octets = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error):
        octets = None
    if octets is None or not number.isdecimal() or len(number) > 12 or -(-int(number) // 8) != len(octets):
        raise ValueError("<number of bits>:<base64>")
    return sum(octet.bit_count() for octet in octets), int(number)


def _find_false_accuracy(row: Mapping[str, str]) -> str | None:
    """Name a finished run's test accuracy that is absent or isn't the share of its bits."""
    if not (accuracy := row.get("test_accuracy")):
        return "test_accuracy is empty although the run is done"
    if bits := row.get("test_correct"):
        right, count = count_right(bits)
        if abs(right - float(accuracy) * count) > 1e-6 * count:
            return f"test_accuracy is {accuracy}, but test_correct has {right} of {count} right"
    return None


def _find_contradiction(rows: Iterable[Cells]) -> str | None:
    """Name a digest whose rows have two configurations."""
    known: dict[str, tuple[int, list[str]]] = {}
    columns = [column for column in RECORDED_KEYS if column in RESULT_KEYS]
    for number, row in number_rows(rows):
        config = [row.get(column, "").removesuffix(".0") for column in columns]
        first, other = known.setdefault(row["digest"], (number, config))
        if config != other:
            column = next(name for name, old, new in zip(columns, other, config, strict=True) if old != new)
            return f"rows {first} and {number} have the digest {row['digest']} but differ in {column}"
    return None
