"""The text of a value in a table's cell, and the value of a text by the types of the schema."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from poolscope.spec.config import RECORDED_KEYS, SETTINGS, RunConfig

Cells = dict[str, str]

_WHOLE = re.compile(r"-?\d{1,18}(\.0)?", re.ASCII)  # 3.0: as tables had it in columns with empty cells
_NUMBER = re.compile(r"-?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
_WORD = re.compile(r"[A-Za-z_]+")


CONFIG_KINDS = {key: SETTINGS[key].kind for key in RECORDED_KEYS}  # types of the runs table's configuration columns


def to_cell(value: Any, show_number: Callable[[float], str] = repr) -> str:
    """Write a value as the text of a cell; nothing for None and numbers that aren't finite, JSON for lists."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, (list, tuple)):
        return json.dumps(value, separators=(",", ":"))
    return show_number(float(value)) if isinstance(value, float) else str(value)


def show_statistic(value: float) -> str:
    """Write a computed number to twelve digits: the last bits of a sum vary from processor to processor."""
    return repr(float(f"{value:.12g}"))


def flatten(tree: Mapping[str, Any], prefix: str = "") -> Cells:
    """Write {"pool": {"name": "max"}} as {"pool.name": "max"}."""
    cells: Cells = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            cells |= flatten(value, f"{prefix}{name}.")
        else:
            cells[prefix + name] = to_cell(value)
    return cells


def read_cell(text: str, kind: Any) -> Any:
    """Read a cell as a value of a key's type: str, int, float, bool, list[int] or Any; an empty cell is None.

    `Any`, the type of window and padding, is a whole number, a list of them or a word.

    Raises:
        ValueError: with what would fit, such as "a whole number".
    """
    if text == "":
        return None
    if kind is str:
        return text
    if kind is bool:
        if text not in ("True", "False"):
            raise ValueError("True or False")
        return text == "True"
    if kind is float:
        return read_number(text)
    if kind is int:
        return read_whole(text)
    if text.startswith("["):
        return _read_list(text)
    if kind is Any and _WORD.fullmatch(text):
        return text
    if kind is Any and _WHOLE.fullmatch(text):
        return read_whole(text)
    raise ValueError("a whole number, a list or a word" if kind is Any else "a list of whole numbers")


def read_whole(text: str) -> int:
    """Read a whole number of at most 18 digits; raises ValueError with what would fit."""
    if not _WHOLE.fullmatch(text):
        raise ValueError("a whole number")
    return int(text.removesuffix(".0"))


def read_number(text: str) -> float:
    """Read a finite number with a decimal point; raises ValueError with what would fit."""
    if not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        hint = ", with a decimal point" if re.fullmatch(r"-?\d+,\d+", text) else ""
        raise ValueError(f"a finite number{hint}")
    return float(text)


def read_config(row: Mapping[str, str]) -> RunConfig:
    """Build the configuration of a row of the runs table; a required key without a cell has its default.

    Raises:
        ValueError: with the column and what would fit.
    """
    config = RunConfig()
    for column, kind in CONFIG_KINDS.items():
        if column not in row:
            continue
        section, _, key = column.partition(".")
        try:
            value = read_cell(row[column], kind)
        except ValueError as error:
            raise ValueError(f"{column} must be {error}, not {row[column]!r}") from error
        if value is not None or SETTINGS[column].optional:
            setattr(getattr(config, section), key, value)
    return config


def _read_list(text: str) -> list[Any]:
    """Read whole numbers in a list, or in lists of a list."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    flat = [part for item in value for part in (item if isinstance(item, list) else [item])] if value else None
    if not flat or not all(type(part) is int and abs(part) < 10**18 for part in flat):
        raise ValueError("a list of whole numbers")
    return value
