"""The effects at every learning rate in words, by hand and for what is committed."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from poolscope.reports.rates import say_rates, say_untried, show_rates

POINT = {"study": "made", "unit": "points", "seeds": 1, "edge": True, "trials": 2, "unlearned": 0}


def make_rates(identity: str, effects: dict[float, float], bound: float = 0.0, **keys: object) -> pd.DataFrame:
    """The rows of a contrast; the last effect is that of each arm at its best."""
    return pd.DataFrame(
        POINT
        | {"id": identity, "rate": rate, "arm_rate": 0.1, "baseline_rate": 0.2, "effect": effect}
        | {"claimed": effect > bound}
        | keys
        for rate, effect in effects.items()
    )


def make_verdicts(**rows: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(
        {"id": identity.strip("_"), "kind": kind, "verdict": verdict, "because": ""}
        for identity, (kind, verdict) in rows.items()
    )


ONE = make_rates("3a", {0.1: 6.0, 0.2: -1.0, math.nan: -1.0})


def test_a_row_has_every_rate_and_the_contrasts_that_share_it() -> None:
    other = make_rates("3c", {0.1: 6.0, 0.2: -1.0, math.nan: -2.0})
    rates = pd.concat([ONE, ONE.assign(id="3b"), other, ONE.assign(id="3d", arm_rate=math.nan, unlearned=1)])
    shown = show_rates(rates).set_index("contrast")
    assert shown.index.tolist() == ["3a, 3b, 3d", "3c"]
    row = shown.iloc[0]
    assert (row["at 0.1"], row["each at its best"]) == ("+6.00", "-1.00 (0.1, 0.2)")
    assert (row["as claimed"], row["edge"]) == ("1 of 2", "yes")
    slope = show_rates(ONE.assign(arm_rate=math.nan, baseline_rate=math.nan, unlearned=[0, 1, 0]))
    assert slope[["at 0.1", "at 0.2", "each at its best"]].to_numpy().tolist() == [["+6.00", "-1.00 ○", "-1.00"]]


@pytest.mark.parametrize(
    ("kind", "verdict", "named"),
    [
        ("difference", "supported", True),
        ("difference", "refuted-reversed", True),
        ("difference", "refuted-negligible", False),
        ("difference", "inconclusive", False),
        ("slope", "supported", True),
        ("noninferior", "supported", False),
        ("equivalent", "supported", False),
    ],
)
def test_a_verdict_on_a_sign_that_stands_at_one_rate_is_named(kind: str, verdict: str, named: bool) -> None:
    assert (f"3a ({verdict}: 1 of 2)" in say_rates(ONE, make_verdicts(_3a=(kind, verdict)))[1]) == named


def test_verdicts_of_no_worse_say_at_which_rates_the_trials_agree() -> None:
    effects = {"2b": (6.0, 7.0), "12e": (-1.9, 2.5), "10a": (-6.0, -7.0), "10d": (-0.1, -7.0)}
    rates = pd.concat(
        make_rates(identity, dict(zip((0.1, 0.2, math.nan), (*both, both[0]), strict=True)), bound=-1.0)
        for identity, both in effects.items()
    )
    kinds = {"_2b": "supported", "_12e": "supported", "_10a": "refuted-inferior", "_10d": "refuted-inferior"}
    verdicts = make_verdicts(**{identity: ("noninferior", verdict) for identity, verdict in kinds.items()})
    sentence = say_rates(rates, verdicts)[2]
    assert (
        "No worse than -δ by verdict, and by the trials at every rate: 2b; not at every one: 12e (1 of 2)." in sentence
    )
    assert "Worse than -δ by verdict, and by the trials at every rate: 10a; not at every one: 10d (1 of 2)." in sentence
    assert say_rates(rates.head(0), verdicts) == ()


def test_trials_at_chance_are_named_by_rate() -> None:
    verdicts = make_verdicts(_3a=("difference", "inconclusive"))
    assert len(say_rates(ONE, verdicts)) == 2
    *_, sentence = say_rates(ONE.assign(unlearned=[0, 1, 2]), verdicts)
    assert "3a (1 of 2 at 0.2, 2 of 2 each at its best)" in sentence


def test_contrasts_without_a_row_are_named_by_reason() -> None:
    verdicts = make_verdicts(_3a=("difference", "supported"), _3b=("difference", "supported"))
    (sentence,) = say_untried({"never tuned": ["3b", "3c"], "not recorded": ["3d"]}, ONE, verdicts)
    assert sentence.startswith("Of 4 trained contrasts that decide a claim 3 have no row")
    assert sentence.endswith("Never tuned: 3b, 3c; not recorded: 3d.")
    assert say_untried({}, ONE, verdicts) == ()
