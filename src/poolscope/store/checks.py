"""What a row of a study's tables may hold: types, ranges, choices, and cells that must agree with each other.

The same checks are made of committed tables and of the rows that records give, so that both halves refuse the same.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from poolscope.spec.config import MOST_SEED, RESULT_KEYS, SETTINGS, digest
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.settings import Setting
from poolscope.store.cells import CONFIG_KINDS, read_cell, read_config, read_number
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
REQUIRED = {
    "runs": (*IDENTITY, "data.name", "pool.name"),
    "curves": KEYS["curves"],
    "confusion": (*KEYS["confusion"], "counts"),
    "feature_maps": (*KEYS["feature_maps"], "values"),
}
_CONFIG_SECTIONS = {column.partition(".")[0] for column in CONFIG_KINDS}
_SECTIONS = {"provenance", "image_scores", *_CONFIG_SECTIONS}
_ALWAYS = {key for key in RESULT_KEYS if not SETTINGS[key].optional and SETTINGS[key].kind is not Any}
_NAME = re.compile(r"[\w.:/@+-]+", re.ASCII)
_ODD = re.compile(r"[$\x00-\x1f\x7f]")
_SURROGATE = re.compile("[\ud800-\udfff]")  # halves of characters, which no file can hold
_DIGEST = re.compile(r"[0-9a-f]{12}")
_SHARES = re.compile(  # accuracies and other shares; relative_accuracy is a ratio and may be above 1
    r"(train_eval|val|test)_accuracy(_best|_at_.*)?|accuracy_.*|(worst_)?shift_accuracy_.*|(agreement|consistency)_.*"
)
_COUNTS = {"parameters", "macs", "steps", "train_size", "test_size", "stage", "channel", "row", "true"}
_AT_LEAST_0 = re.compile(
    r"(test|train_eval|val|train)_loss(_best|_at_.*)?|(best_)?epochs?|seconds_train|images_per_second|step"
)


def is_scalar(column: str) -> bool:
    """Whether a column of the runs table holds a number that the run measured."""
    return column not in IDENTITY and column != "test_correct" and column.partition(".")[0] not in _SECTIONS


def find_problem(name: str, row: Mapping[str, str], study: str) -> str | None:
    """Name the first cell of a table's row that no run writes, and what would fit; None where all is well."""
    if absent := [column for column in REQUIRED[name] if column not in row]:
        return f"it lacks {absent[0]}"
    for column, text in row.items():
        if _SURROGATE.search(column + text):
            return f"{column!r} must be text, not {text[:60]!r}"
        try:
            _check_cell(column, text, study)
        except ValueError as error:
            return f"{column} must be {error}, not {text[:60]!r}"
    if name != "runs":
        return None
    return _find_false_digest(row) or (_find_false_value(row) if row["status"] == "done" else None)


def find_false_part(name: str, run: Mapping[str, str], rows: Iterable[Mapping[str, str]]) -> str | None:
    """Name what is wrong with rows that belong together: a run's confusion matrix, or one feature map of it."""
    if name == "confusion":
        return _find_false_matrix(run, rows)
    return _find_false_map(rows) if name == "feature_maps" else None


def _find_false_matrix(run: Mapping[str, str], rows: Iterable[Mapping[str, str]]) -> str | None:
    matrix = {int(row["true"]): [int(count) for count in row["counts"].split()] for row in rows}
    if sorted(matrix) != list(range(len(matrix))) or any(len(counts) != len(matrix) for counts in matrix.values()):
        return "its rows make no square matrix"
    total = sum(map(sum, matrix.values()))
    right = sum(counts[true] for true, counts in matrix.items())
    if run.get("test_accuracy") and abs(right - float(run["test_accuracy"]) * total) > 1e-6 * total:
        return f"counts say {right} of {total} right, test_accuracy in runs.csv says {run['test_accuracy']}"
    return None


def _find_false_map(rows: Iterable[Mapping[str, str]]) -> str | None:
    sizes = {int(row["row"]): row["values"].count(" ") + 1 for row in rows}
    if sorted(sizes) != list(range(len(sizes))):
        return "a row of a feature map is missing"
    return "the rows of a feature map have different lengths" if len(set(sizes.values())) > 1 else None


def _check_cell(column: str, text: str, study: str) -> None:
    """Raise ValueError with what would fit."""
    if check := _CHECKS.get(column):
        check(text)
    elif column == "study":
        if text != study:
            raise ValueError(f"the study of the folder, {study!r}")
    elif column in CONFIG_KINDS:
        _check_setting(SETTINGS[column], text)
    elif column.startswith("image_scores."):
        _check_scores(text)
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
    if not _is_whole(text, 10) or int(text) > MOST_SEED:
        raise ValueError(f"a whole number from 0 to {MOST_SEED}")


def _is_whole(text: str, digits: int) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= digits


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
    if not _is_whole(text, 9):
        raise ValueError("a whole number, at least 0")


def _check_counts(text: str) -> None:
    if not all(_is_whole(count, 15) for count in text.split(" ")):
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


def _check_scores(text: str) -> None:
    if text and ((read := _read_octets(text)) is None or read[0] != len(read[1])):
        raise ValueError("<number of images>:<base64>")


_CHECKS: dict[str, Callable[[str], object]] = {
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
    read = _read_octets(text)
    if read is None or -(-read[0] // 8) != len(read[1]):
        raise ValueError("<number of bits>:<base64>")
    return sum(octet.bit_count() for octet in read[1]), read[0]


def _read_octets(text: str) -> tuple[int, bytes] | None:
    """The number and the octets of "<number>:<base64>"; None where the text is no such thing."""
    number, _, encoded = text.partition(":")
    try:
        octets = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error):
        return None
    return (int(number), octets) if _is_whole(number, 12) else None


def _find_false_digest(row: Mapping[str, str]) -> str | None:
    """Name the digest of the row's configuration where it is another than the row says.

    Rows of another schema, which has other keys or needs an operator's package that isn't here, can't be judged.
    """
    keys = {column: text for column, text in row.items() if text and column.partition(".")[0] in _CONFIG_SECTIONS}
    if not set(keys) <= set(SETTINGS) or not set(keys) >= _ALWAYS:
        return None
    found = _digest(tuple(sorted(keys.items())))
    return f"its configuration has the digest {found}, not {row['digest']}" if found != row["digest"] else None


def fits_digest(row: Mapping[str, str]) -> bool:
    """Whether a row has every key that is never null, and the digest of its configuration, by this schema."""
    try:
        return {key for key, text in row.items() if text} >= _ALWAYS and digest(read_config(row)) == row["digest"]
    except ValueError:
        return False


@lru_cache(4096)
def _digest(cells: tuple[tuple[str, str], ...]) -> str:
    return digest(read_config(dict(cells)))


def _find_false_value(row: Mapping[str, str]) -> str | None:
    return _find_false_accuracy(row) or _find_false_scores(row)


def _find_false_scores(row: Mapping[str, str]) -> str | None:
    """Name scores of images that aren't those that a column is the mean of, to within the steps they are kept in."""
    for column, text in row.items():
        name = column.removeprefix("image_scores.")
        if name == column or not text or not (read := _read_octets(text)):
            continue
        mean = sum(read[1]) / 255 / len(read[1]) if read[1] else math.nan
        if not row.get(name) or not abs(mean - float(row[name])) <= 0.5 / 255 + 1e-9:
            return f"{column} has the mean {mean:.4f}, but {name} is {row.get(name) or 'empty'}"
    return None


def _find_false_accuracy(row: Mapping[str, str]) -> str | None:
    """Name a finished run's test accuracy that is absent though it was to be read, or not the share of its bits."""
    if not (accuracy := row.get("test_accuracy")):
        if row.get("measure.name") == "validation":
            return None
        return "test_accuracy is empty although the run is done"
    if bits := row.get("test_correct"):
        right, count = count_right(bits)
        if abs(right - float(accuracy) * count) > 1e-6 * count:
            return f"test_accuracy is {accuracy}, but test_correct has {right} of {count} right"
    return None
