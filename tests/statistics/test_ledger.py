"""The ledger's verdict on a claim follows from those of its contrasts by its rule, whatever they are."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolscope.reports.verdicts import say_pooled, show_claims
from poolscope.statistics.claims import RULES, Claim
from poolscope.statistics.inference import pool_contexts
from poolscope.statistics.ledger import decide_claim, make_ledger, pool_claim
from poolscope.statistics.verdicts import COLUMNS

YES, STRONG, MAYBE, NO, BACK, NEVER = (
    *("supported", "strongly supported", "inconclusive"),
    *("refuted-negligible", "refuted-reversed", "not reached"),
)


@pytest.mark.parametrize(
    ("rule", "verdicts", "low", "verdict"),
    [
        ("all", [YES, STRONG], math.nan, "supported"),
        ("all", [YES, MAYBE], math.nan, "conditional"),
        ("all", [YES, NEVER], math.nan, "conditional"),
        ("all", [NO, BACK], math.nan, "refuted"),
        ("all", [NO, MAYBE], math.nan, "inconclusive"),
        ("all", [NO, NEVER], math.nan, "refuted"),
        ("any", [NO, NEVER], math.nan, "inconclusive"),
        ("all", [NEVER, NEVER], math.nan, "not reached"),
        ("all", [], math.nan, "not reached"),
        ("exact", [YES, YES], math.nan, "supported"),
        ("exact", [YES, "refuted-unequal"], math.nan, "conditional"),
        ("any", [NO, YES, MAYBE], math.nan, "supported"),
        ("any", [NO, MAYBE], math.nan, "inconclusive"),
        ("any", [NO, NO], math.nan, "refuted"),
        ("often", [YES, YES, NO], 0.1, "supported"),
        ("often", [YES, YES, NO], -0.1, "conditional"),
        ("often", [YES, YES, NO], math.nan, "conditional"),
        ("often", [YES, YES, BACK], 0.1, "conditional"),
        ("often", [YES, NO], 0.1, "conditional"),
        ("often", [YES, YES, NEVER, NEVER], 0.1, "conditional"),
    ],
)
def test_the_rules(rule: str, verdicts: list[str], low: float, verdict: str) -> None:
    assert decide_claim(rule, verdicts, low) == verdict


@pytest.mark.parametrize(
    ("proofs", "guards", "verdict"),
    [
        ([YES], [YES], "supported"),
        ([YES], [MAYBE], "conditional"),
        ([YES], [NEVER], "conditional"),
        ([NO, BACK], [YES, YES], "refuted"),
        ([MAYBE], [YES], "inconclusive"),
    ],
)
def test_that_nothing_got_worse_proves_nothing_alone(proofs: list[str], guards: list[str], verdict: str) -> None:
    assert decide_claim("all", proofs, guards=guards) == verdict


@given(st.sampled_from(sorted(RULES)), st.lists(st.sampled_from([YES, STRONG, MAYBE, NO, BACK, NEVER]), max_size=6))
def test_order_does_not_matter_and_nothing_is_supported_without_support(rule: str, verdicts: list[str]) -> None:
    decided = decide_claim(rule, verdicts, 1.0)
    assert decided == decide_claim(rule, verdicts[::-1], 1.0)
    if not {YES, STRONG} & set(verdicts):
        assert decided not in ("supported", "conditional")


def make_verdicts(*rows: dict[str, object]) -> pd.DataFrame:
    start = {"kind": "difference", "direction": "higher", "delta": 1.0, "n": 10, "study": "made", "equal": math.nan}
    return pd.DataFrame([{**dict.fromkeys(COLUMNS, math.nan), **start, **row} for row in rows])


def test_effects_are_pooled_in_units_of_delta_and_in_the_claimed_direction() -> None:
    verdicts = make_verdicts(
        {"effect": 2.0, "sd": math.sqrt(10)},
        {"effect": -0.6, "sd": 0.3 * math.sqrt(10), "direction": "lower", "delta": 0.3},
        {"effect": 9.0, "sd": 1.0, "n": 1},
        {"kind": "exact", "effect": 5.0, "sd": 1.0},
    )
    expected = pool_contexts(np.array([2.0, 2.0]), np.array([1.0, 1.0]))
    assert dataclasses.astuple(pool_claim(verdicts)) == pytest.approx(dataclasses.astuple(expected), nan_ok=True)


CLAIMS = (
    Claim(1, "Fewer parameters.", "tutorial 1", "all"),
    Claim(3, "Max is often better.", "tutorial 3", "often"),
    Claim(4, "Max is robust.", "tutorial 4", "all"),
)
STUDIED = make_verdicts(
    {"claim": 3, "id": "3b", "effect": 2.2, "sd": 1.0, "verdict": STRONG},
    {"claim": 3, "id": "3a", "effect": 2.0, "sd": 1.0, "verdict": YES},
    {"claim": 3, "id": "3c", "effect": 2.1, "sd": 1.0, "verdict": YES},
    {"claim": 4, "id": "4a", "n": 0, "verdict": NEVER},
)


def test_a_ledger_of_studied_and_counted_contrasts() -> None:
    ledger = make_ledger(CLAIMS, [STUDIED])
    claims = ledger.claims.set_index("number")
    assert claims["verdict"].to_dict() == {1: "conditional", 3: "supported", 4: "not reached"}
    assert claims.loc[3, ["contrasts", "supported", "refuted"]].tolist() == [3, 3, 0]
    assert claims.loc[3, "pooled"] == pytest.approx(2.1)
    assert math.isnan(claims.loc[4, "pooled"])
    ids = ledger.verdicts["id"].tolist()
    assert ids[:5] == ["1.1", "1.2", "1.3", "1.4", "1.5"]
    assert [identity for identity in ids if identity.startswith("3")] == ["3a", "3b", "3c"]
    assert ids[-2:] == ["13.1", "13.2"]


def test_the_ledger_in_words() -> None:
    ledger = make_ledger(CLAIMS, [STUDIED])
    shown = show_claims(ledger).set_index("claim")
    assert shown.loc["1", "contrasts"] == "3 supported, 2 refuted"
    assert shown.loc["4", "contrasts"] == "1 not reached"
    (sentence,) = say_pooled(ledger.claims)
    assert sentence.startswith("Claim 3, over its contexts (random effects, in units of δ): +2.10")
    assert "a new context's effect is expected from" in sentence
