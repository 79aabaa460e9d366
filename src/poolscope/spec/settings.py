"""What the schema says about a key beside its type: its meaning, range and choices, and whether it changes a result.

All of it is metadata on the fields of the dataclasses in config.py, in one place: the digest, the record, the
tables and the arms read there which keys they take, and the checks, `train --help` and the pages read the rest.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import UnionType
from typing import Any, get_args, get_type_hints

from poolscope.spec.errors import PoolscopeError

Choices = tuple[str, ...] | Callable[[], tuple[str, ...]]

_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


@dataclass(frozen=True)
class Range:
    """The numbers from `least` to `most`; an end that is open is itself left out. No range holds NaN."""

    least: float
    most: float
    open_below: bool = False
    open_above: bool = False

    def __contains__(self, value: float) -> bool:
        low = self.least < value if self.open_below else self.least <= value
        return low and (value < self.most if self.open_above else value <= self.most)

    def __str__(self) -> str:
        """In words: "from 0 to below 1", "above 0 and at most 100"."""
        if self.open_below:
            return f"above {_number(self.least)} and {'below' if self.open_above else 'at most'} {_number(self.most)}"
        return f"from {_number(self.least)} to {'below ' if self.open_above else ''}{_number(self.most)}"


@dataclass(frozen=True)
class Setting:
    """One key of a run, such as train.epochs.

    kind: its type without None; optional: whether it may be null. within: the range of the number, or of every number
    in a list. result: whether it changes a result and so is part of the digest. recorded: whether records and tables
    keep it.
    """

    key: str
    kind: Any
    optional: bool
    about: str
    within: Range | None
    choices: Choices | None
    result: bool
    recorded: bool

    @property
    def names(self) -> tuple[str, ...]:
        """What may be chosen; empty where anything of the type fits."""
        return self.choices() if callable(self.choices) else self.choices or ()

    @property
    def expected(self) -> str:
        """In words what fits: "a whole number from 1 to 1000", "one of sgd, adam, adamw", "null, true or false"."""
        if self.names:
            words = f"one of {', '.join(self.names)}"
        elif self.kind == list[int]:
            words = f"a list of whole numbers{f' {self.within}' if self.within else ''}, as in {self.key}=[1,2,3]"
        elif self.within and self.kind in (int, float):
            words = f"{_WORDS[self.kind]} {self.within}"
        elif self.within:
            words = f"one or more whole numbers {self.within}"
        else:
            words = _WORDS.get(self.kind, "")
        if not self.optional or self.kind is Any or not words:
            return words
        return f"null, {words}" if self.kind is bool else f"null or {words}"

    def check(self, value: Any) -> None:
        """Refuse a value of another type, out of range or no choice, with one sentence (PoolscopeError)."""
        if value is None and (self.optional or self.kind is Any):
            return
        if not _is_of(value, self.kind) or (self.names and value not in self.names):
            raise PoolscopeError(f"{self.key} must be {self.expected}, not {_shown(value)}.")
        if self.within and not all(number in self.within for number in _numbers(value)):
            raise PoolscopeError(f"{self.key} must be {self.expected}, not {_shown(value)}.")


def setting(
    default: Any,
    about: str,
    *,
    within: Range | None = None,
    choices: Choices | None = None,
    result: bool = True,
    recorded: bool | None = None,
) -> Any:
    """Declare a key: a dataclass field with its default and what `Setting` says of it.

    Args:
        default: its value where nothing else is given; lists are copied for every instance.
        about: one line that says what it means; shown by `poolscope train --help`.
        within: range of the number, or of every number of a list.
        choices: the texts that fit, or a function that gives them (for lists that installed packages add to).
        result: False for what changes speed, memory or place only; such a key is not part of the digest.
        recorded: whether records and tables keep it; default: where it changes a result.

    Example:
        >>> @dataclass
        ... class Demo:
        ...     width: int = setting(16, "filters of the first block", within=Range(1, 1000))
        >>> read_settings(Demo)["width"].expected
        'a whole number from 1 to 1000'
    """
    metadata = {"about": about, "within": within, "choices": choices, "result": result}
    metadata["recorded"] = result if recorded is None else recorded
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def read_settings(schema: type, prefix: str = "") -> dict[str, Setting]:
    """List every key of a schema, its sections' with dots, in the order in which they are declared."""
    found: dict[str, Setting] = {}
    kinds = get_type_hints(schema)
    for entry in dataclasses.fields(schema):
        kind, key = kinds[entry.name], f"{prefix}{entry.name}"
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            found |= read_settings(kind, f"{key}.")
            continue
        bare = [part for part in get_args(kind) if part is not type(None)] if isinstance(kind, UnionType) else [kind]
        found[key] = Setting(key, bare[0], bare != [kind], **entry.metadata)
    return found


def _is_of(value: Any, kind: Any) -> bool:
    """Whether a value is of a type, where a number is no boolean and a boolean no number."""
    if kind is Any:
        return True
    if kind == list[int]:
        return isinstance(value, list) and all(_is_of(item, int) for item in value)
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def _numbers(value: Any) -> Iterator[float]:
    """The numbers of a value, also those in lists of lists."""
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _numbers(item)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield value


def _number(value: float) -> str:
    return str(int(value)) if abs(value) < 1e11 and value == int(value) else f"{value:g}"


def _shown(value: Any) -> str:
    """A value as it is written on the command line; texts in quotes."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return f"{value:g}" if isinstance(value, float) else repr(value)
