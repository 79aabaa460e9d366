"""The odds of an effect over contexts: counted by hand, and chances against a t distribution written otherwise."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from scipy import stats

from poolscope.statistics.odds import chance_above, find_odds
from poolscope.statistics.random_effects import pool_contexts


def make_verdict(effect: float, half: float, **changes: Any) -> dict[str, Any]:
    row = {"direction": "higher", "effect": effect, "low": effect - half, "high": effect + half, "delta": 1.0}
    row |= {"sd": half, "n": 10, "kind": "difference", "verdict": "inconclusive", "image_error": 0.0}
    return row | changes


def test_signs_are_counted_in_the_claimed_direction() -> None:
    rows = [make_verdict(2, 1), make_verdict(-2, 1), make_verdict(0.5, 1), make_verdict(-3, 1, direction="lower")]
    rows.append(make_verdict(math.nan, math.nan, n=0, sd=math.nan))
    odds = find_odds(pd.DataFrame(rows))
    assert [odds[name] for name in ("contexts", "ahead", "behind", "neither")] == [5, 2, 1, 2]


def test_effects_are_pooled_in_units_of_delta() -> None:
    rows = [make_verdict(0.3, 0.1, delta=0.15), make_verdict(2.0, 1.0), make_verdict(2.0, 2.0)]
    assert find_odds(pd.DataFrame(rows))["pooled"] == pytest.approx(2.0)


def test_chances_are_those_of_the_interval_for_a_new_context() -> None:
    pooled = pool_contexts([1.0, 3.0, -2.0, 0.5, 1.5], [0.3, 0.2, 0.4, 0.3, 0.2])
    spread = (pooled.prediction_high - pooled.mean) / stats.t.ppf(0.975, 3)
    for bound in (-1.0, 0.0, 1.0):
        assert chance_above(pooled, bound) == pytest.approx(stats.t.sf(bound, 3, loc=pooled.mean, scale=spread))
    assert chance_above(pooled, pooled.prediction_high) == pytest.approx(0.025)
    rows = [make_verdict(effect, 0.3) for effect in (1.0, 3.0, -2.0, 0.5, 1.5)]
    odds = find_odds(pd.DataFrame(rows))
    assert 0 < odds["below_delta"] < odds["above_delta"] < odds["above_0"] < 1


def test_two_contexts_say_nothing_of_a_third() -> None:
    assert math.isnan(chance_above(pool_contexts([1.0, 2.0], [0.1, 0.1]), 0.0))
