"""Linked keys of a sweep: zip(pool=max,avg optim.learning_rate=0.015,0.045), and points(FILE.csv) for rows of a table.

Hydra multiplies the values of every key with those of all others. What stands in one zip(...) or points(...) changes
together instead: the first value of each key, then the second of each; several of them, and other keys, are multiplied.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Sequence
from pathlib import Path

from poolscope.spec.errors import PoolscopeError
from poolscope.spec.overrides import is_sweep, quote_text, split_values
from poolscope.spec.sweep_options import take_options

Points = list[list[str]]

_CALL = re.compile(r"\s*(zip|points)\((.*)\)\s*", re.S)
_NEXT = re.compile(r"\s+(?=[+~]*[\w@/.]+=)")
_KEY = re.compile(r"[+]*[\w@/.]+", re.ASCII)


def take_points(words: Sequence[str]) -> tuple[list[str], list[Points]]:
    """Take zip(...) and points(...) out of overrides: the other words, and the points of each, as lists of overrides.

    The options of a sweep (sweep.impossible and so on), which no configuration has, are left out.

    Raises:
        PoolscopeError: where keys of one zip have unequally many values, or a table can't be read.
    """
    plain: list[str] = []
    groups: list[Points] = []
    for word in take_options(words)[0]:
        if match := _CALL.fullmatch(word):
            groups.append(_link(match[2]) if match[1] == "zip" else _read_points(match[2].strip()))
        else:
            plain.append(word)
    keys = [key for group in groups for key in list_keys([group])]
    if twice := next((key for key in keys if keys.count(key) > 1), None):
        raise PoolscopeError(f"{twice} stands in two of zip(...) and points(...); it can change with one of them only.")
    if both := next((word for word in plain if word.partition("=")[0].lstrip("+") in keys), None):
        raise PoolscopeError(f"{both} stands beside a zip(...) or points(...) of the same key; leave one of them out.")
    return plain, groups


def list_keys(groups: Sequence[Points]) -> set[str]:
    """List the keys that points set."""
    return {word.partition("=")[0].lstrip("+") for points in groups for point in points for word in point}


def multiply(jobs: Sequence[list[str]], groups: Sequence[Points]) -> list[list[str]]:
    """Combine every job with every point of each group; the last group changes fastest."""
    return [[*job, *itertools.chain.from_iterable(points)] for job in jobs for points in itertools.product(*groups)]


def _link(text: str) -> Points:
    """The points of zip(key=a,b other=c,d)."""
    columns: dict[str, list[str]] = {}
    for part in _NEXT.split(text.strip()):
        key, equals, values = part.partition("=")
        if not equals or not _KEY.fullmatch(key) or key in columns:
            raise PoolscopeError(
                f"zip({text}) can't be read at {part!r}; write it as in zip(pool=max,avg train.epochs=2,4)."
            )
        columns[key] = split_values(values)
        for value in columns[key]:
            _check_single(f"zip({text})", key, value)
    counts = {key: len(values) for key, values in columns.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{key} has {count}" for key, count in counts.items())
        raise PoolscopeError(f"zip({text}) links values one to one, but {listed}; give each key equally many.")
    return [
        [quote_text(f"{key}={value}") for key, value in zip(columns, values, strict=True)]
        for values in zip(*columns.values(), strict=True)
    ]


def _check_single(where: str, key: str, value: str) -> None:
    """Refuse a value that is several: they would have to be linked to several values of each other key."""
    if is_sweep(quote_text(f"{key}={value.strip()}")):
        raise PoolscopeError(f"{where}: {key}={value.strip()[:80]} is several values; write each of them out.")


def _read_points(file: str) -> Points:
    """The rows of a CSV file whose header names keys; an empty cell leaves its key as it is."""
    path = Path(file).expanduser()
    try:
        with path.open(newline="", encoding="utf-8-sig") as opened:
            rows = [row for row in csv.reader(opened) if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PoolscopeError(
            f"points({file}): it can't be read ({getattr(error, 'strerror', None) or error})."
        ) from error
    header = [name.strip() for name in rows[0]] if rows else []
    if len(rows) < 2 or not all(_KEY.fullmatch(name) for name in header):
        raise PoolscopeError(f"points({file}) must have a header of keys, such as pool,optim.learning_rate, and rows.")
    if twice := next((name for name in header if header.count(name) > 1), None):
        raise PoolscopeError(f"points({file}) has two columns {twice}; leave one of them out.")
    points = []
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise PoolscopeError(f"points({file}), row {number}: it has {len(row)} cells, the header {len(header)}.")
        cells = zip(header, (cell.strip() for cell in row), strict=True)
        for key, cell in zip(header, row, strict=True):
            _check_single(f"points({file}), row {number}", key, cell)
        points.append([quote_text(f"{key}={cell}") for key, cell in cells if cell])
    return points
