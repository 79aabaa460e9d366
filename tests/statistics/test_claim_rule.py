"""The verdict on a claim follows from those of its contrasts by its rule, whatever they are."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolscope.statistics.claim_rule import decide_claim, pool_claim
from poolscope.statistics.claims import RULES
from poolscope.statistics.random_effects import pool_contexts


@pytest.mark.parametrize(
    ("rule", "holds", "fails", "contrasts", "verdict"),
    [
        ("all", 3, 0, 3, "supported"),
        ("all", 2, 0, 3, "open"),
        ("all", 2, 1, 3, "refuted"),  # one is enough to deny what all must hold
        ("all", 0, 0, 3, "open"),
        ("all", 0, 0, 0, "open"),
        ("often", 3, 0, 4, "supported"),
        ("often", 2, 0, 4, "open"),  # half is not more than half
        ("often", 2, 1, 4, "open"),
        ("often", 2, 2, 4, "refuted"),
        ("often", 0, 4, 4, "refuted"),
    ],
)
def test_the_rules(rule: str, holds: int, fails: int, contrasts: int, verdict: str) -> None:
    assert decide_claim(rule, holds, fails, contrasts, pooled_low=0.1) == verdict


def test_what_keeps_a_claim_from_being_supported() -> None:
    assert decide_claim("all", 3, 0, 3, lacks=True) == "open"
    assert decide_claim("often", 3, 0, 4, pooled_low=-0.1) == "open"
    assert decide_claim("often", 3, 0, 4, pooled_low=math.nan) == "open"
    assert decide_claim("often", 3, 0, 4, pooled_low=0.1, reversals=1) == "open"


@given(st.sampled_from(sorted(RULES)), st.integers(0, 6), st.integers(0, 6))
def test_both_verdicts_can_be_reached_and_never_at_once(rule: str, holds: int, contrasts: int) -> None:
    holds = min(holds, contrasts)
    assert decide_claim(rule, contrasts, 0, contrasts, 0.1) == ("supported" if contrasts else "open")
    assert decide_claim(rule, 0, contrasts, contrasts) == ("refuted" if contrasts else "open")
    if contrasts - holds > contrasts / 2:
        assert decide_claim(rule, holds, contrasts - holds, contrasts, 0.1) == "refuted"


def make_verdicts(*rows: dict[str, object]) -> pd.DataFrame:
    start = {"kind": "difference", "direction": "higher", "delta": 1.0, "n": 10}
    start |= {"image_error": math.nan, "verdict": "inconclusive"}
    return pd.DataFrame([start | row for row in rows])


def test_effects_are_pooled_in_units_of_delta_and_in_the_claimed_direction() -> None:
    verdicts = make_verdicts(
        {"effect": 2.0, "sd": math.sqrt(10)},
        {"effect": -0.6, "sd": 0.3 * math.sqrt(10), "direction": "lower", "delta": 0.3},
        {"effect": 9.0, "sd": 1.0, "n": 1},
        {"kind": "exact", "effect": 5.0, "sd": 1.0},
    )
    expected = pool_contexts(np.array([2.0, 2.0]), np.array([1.0, 1.0]))
    assert dataclasses.astuple(pool_claim(verdicts)) == pytest.approx(dataclasses.astuple(expected), nan_ok=True)
