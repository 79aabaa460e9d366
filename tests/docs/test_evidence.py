from __future__ import annotations

import math

import pandas as pd
import pytest

from building import evidence
from building.evidence import describe_contrast, find_claim, find_contrast, say_effect

ROW = {
    **{"id": "3a", "claim": 3, "study": "strategies", "hypothesis": "max tests better", "context": "CIFAR-10", "n": 10},
    **{
        "kind": "difference",
        "unit": "points",
        "effect": 2.694,
        "low": 1.505,
        "high": 5.37,
        "delta": 1.0,
        "equal": math.nan,
    },
    **{"verdict": "supported", "registration": "", "family": 9},
}
CLAIM = {"number": 3, "verdict": "open", "contrasts": 9, "holds": 2, "fails": 0, "not_reached": 0}
CHANGES = {
    "3b": {"effect": -0.1, "low": -0.2, "high": 0.3, "unit": "log_error", "registration": "added after the runs"},
    "3c": {"verdict": "described", "delta": math.nan, "unit": "fraction"},
    "1.2": {"kind": "exact", "n": 96, "equal": 95.0, "effect": math.nan},
    "12g": {"kind": "exact", "equal": 0.0, "effect": -46.04, "low": -48.13, "high": -43.95},
    "17c": {"unit": "nats", "effect": 0.886, "low": 0.697, "high": 1.0498},
}


@pytest.fixture(autouse=True)
def tables(monkeypatch: pytest.MonkeyPatch) -> None:
    verdicts = pd.DataFrame([ROW, *(ROW | {"id": identity} | change for identity, change in CHANGES.items())])
    made = {"ledger/verdicts.csv": verdicts, "ledger/claims.csv": pd.DataFrame([CLAIM])}
    monkeypatch.setattr(evidence, "read_results", made.__getitem__)


@pytest.mark.parametrize(
    ("identity", "text"),
    [
        ("3a", "+2.69 points (1.50 to 5.37)"),
        ("3b", "−0.10 log error ratio (−0.20 to 0.30)"),
        ("3c", "+2.69 of R² (1.50 to 5.37)"),
        ("1.2", "95 of 96"),
        ("17c", "+0.89 nats (0.70 to 1.05)"),
        ("12g", "−46.04 points (−48.13 to −43.95)"),
    ],
)
def test_an_effect_is_told_with_its_interval_and_unit(identity: str, text: str) -> None:
    assert say_effect(identity) == text


def test_a_number_stands_with_n_context_level_smallest_effect_and_verdict() -> None:
    number = describe_contrast("3a")
    for part in ("n = 10 seeds", "CIFAR-10", "95 %", "simultaneous over the claim's 9", "δ = 1", "supported", "open"):
        assert part in number.conditions
    assert number.page == "strategies/report.html"
    assert "3b†" in describe_contrast("3b").conditions or "3b" in describe_contrast("3b").conditions


def test_a_contrast_that_decides_nothing_has_an_interval_alone_and_a_counted_one_none() -> None:
    assert "alone" in describe_contrast("3c").conditions
    assert "δ" not in describe_contrast("3c").conditions
    assert "95 %" not in describe_contrast("1.2").conditions


@pytest.mark.parametrize("ask", [lambda: find_contrast("9z"), lambda: find_claim(99)])
def test_what_the_ledger_lacks_is_an_error(ask: object) -> None:
    with pytest.raises(KeyError, match="the ledger has no"):
        ask()  # type: ignore[operator]
