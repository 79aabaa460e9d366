"""Ranges, choices and types of the schema: said once on a field, checked and printed from there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest

from poolscope.spec.config import RECORDED_KEYS, RESULT_KEYS, SETTINGS
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.operators import OPERATORS
from poolscope.spec.settings import Range, read_settings, setting


@dataclass
class Part:
    size: int = setting(3, "cells", within=Range(1, 9))
    rate: float | None = setting(None, "speed", within=Range(0, 1, open_below=True), result=False, recorded=True)
    kind: str = setting("a", "which", choices=("a", "b"))
    flip: bool = setting(False, "mirror")
    maybe: bool | None = setting(None, "mirror, or by default")
    seeds: list[int] = setting([0], "draws", within=Range(0, 99), result=False)
    window: Any = setting(2, "a number or a pair", within=Range(1, 50))


PART = read_settings(Part, "part.")


@pytest.mark.parametrize(
    ("name", "fits", "refused", "words"),
    [
        ("size", [1, 9], [0, 10, True, 2.0, "2", None, [2]], "a whole number from 1 to 9"),
        ("rate", [None, 1, 0.5], [0, 1.1, math.nan, math.inf, True, "x"], "null or a number above 0 and at most 1"),
        ("kind", ["a"], ["c", 1, None, ["a"]], "one of a, b"),
        ("flip", [True, False], [0, 1, 2, 1.0, "true", None], "true or false"),
        ("maybe", [None, True], [0, "no"], "null, true or false"),
        ("seeds", [[], [0, 99]], [[100], [-1], [True], [1.0], [[0]], 3, None], "a list of whole numbers from 0 to 99"),
        (
            "window",
            [None, 1, [50, 1], "VALID"],
            [0, [2, 51], [[1, 2], [0, 3]]],
            "one or more whole numbers from 1",
        ),
    ],
)
def test_what_fits_and_what_is_refused_in_which_words(name: str, fits: list, refused: list, words: str) -> None:
    known = PART[f"part.{name}"]
    assert known.expected.startswith(words)
    for value in fits:
        known.check(value)
    for value in refused:
        with pytest.raises(PoolscopeError, match=f"^part.{name} must be ") as error:
            known.check(value)
        assert words in str(error.value)


def test_ranges_in_words_are_the_ranges_that_hold() -> None:
    for least_open, most_open in [(False, False), (False, True), (True, False), (True, True)]:
        within = Range(-2, 0.5, least_open, most_open)
        assert [value in within for value in (-2, 0, 0.5, 0.6, math.nan)] == [
            not least_open, True, not most_open, False, False,
        ]  # fmt: skip
        assert ("above -2" in str(within)) == least_open
        assert ("below 0.5" in str(within)) == most_open


def test_a_list_s_default_is_copied() -> None:
    Part().seeds.append(1)
    assert Part().seeds == [0]


def test_what_changes_no_result_is_said_on_the_field() -> None:
    assert not PART["part.rate"].result
    assert PART["part.rate"].recorded
    assert not PART["part.seeds"].recorded
    assert set(RESULT_KEYS) < set(RECORDED_KEYS) < set(SETTINGS)


def test_every_number_has_a_range_and_every_key_a_meaning() -> None:
    for key, known in SETTINGS.items():
        assert known.about.strip(), key
        if known.kind in (int, float, list[int]) and not key.startswith("pool."):  # an operator's options: see below
            assert known.within, key
            assert math.isfinite(known.within.least), key
            assert math.isfinite(known.within.most), key
    for operator in OPERATORS.values():
        for name, option in operator.options.items():
            for value in (math.nan, math.inf, -math.inf, 1e300, 10**18):
                assert option.type not in (int, float) or not option.fits(value), (operator.name, name, value)
