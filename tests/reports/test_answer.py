"""What a study's page opens with: what is shown, refuted and open, or which arm tests best, by hand."""

from __future__ import annotations

import math

import pandas as pd

from poolscope.reports.answer import say_comparison_answer, say_verdicts_answer
from poolscope.statistics.verdicts import ADDED, DESCRIBED, NOT_REACHED


def make_verdicts(*rows: tuple[str, str, str]) -> pd.DataFrame:
    """Rows of hypothesis, verdict and registration, with an effect of 2 points."""
    fixed = {"n": 10, "effect": 2.0, "low": 1.0, "high": 3.5, "delta": 1.0, "unit": "points", "kind": "difference"}
    names = ("hypothesis", "verdict", "registration")
    return pd.DataFrame([fixed | dict(zip(names, row, strict=True)) for row in rows])


def test_what_is_shown_comes_first_then_what_is_refuted_then_what_is_open() -> None:
    verdicts = make_verdicts(
        ("a is open", "too few seeds", "registered"),
        ("a wins", "strongly supported", "registered"),
        ("b wins", "refuted-negligible", "registered"),
        ("c wins", "premise not met", "registered"),
        ("d is described", DESCRIBED, "registered"),
    )
    assert say_verdicts_answer(verdicts) == (
        "Shown: a wins [+2.00 points (1.00 to 3.50)]. Refuted: b wins [+2.00 points (1.00 to 3.50)]. "
        "Open: a is open; c wins."
    )


def test_findings_that_were_added_come_last_and_beyond_four_they_are_counted() -> None:
    verdicts = make_verdicts(("late", "inconclusive", ADDED), *((name, "inconclusive", "") for name in "abcd"))
    assert say_verdicts_answer(verdicts) == "Open: a; b; c; d; and 1 more."
    assert say_verdicts_answer(verdicts[:2]) == "Open: a; late†."


def test_a_study_that_decides_nothing_says_so_and_one_without_runs_says_nothing() -> None:
    described = make_verdicts(("a wins", DESCRIBED, ""))
    assert say_verdicts_answer(described) == "Described, deciding no claim: a wins [+2.00 points (1.00 to 3.50)]."
    assert say_verdicts_answer(make_verdicts(("a wins", NOT_REACHED, "")).assign(n=0)) == ""


def test_without_contrasts_the_arm_that_tests_best_is_named_with_its_difference() -> None:
    columns = ["setting", "arm", "n", "test_accuracy", "baseline", "difference", "difference_low", "difference_high"]
    rows = [
        ["mnist", "max", 3, 0.90, "max", math.nan, math.nan, math.nan],
        ["mnist", "avg", 3, 0.915, "max", 1.5, -0.5, 3.5],
        ["cifar10", "max", 1, 0.50, "max", math.nan, math.nan, math.nan],
    ]
    assert say_comparison_answer(pd.DataFrame(rows, columns=columns)) == (
        "Highest test accuracy: mnist, avg of 2 arms, 91.5 % (3 seeds; +1.5 points to max, -0.5 to 3.5); "
        "cifar10, max of 1 arm, 50.0 % (1 seed; the baseline)."
    )
    many = pd.DataFrame([[f"set {place}", *rows[2][1:]] for place in range(6)], columns=columns)
    assert say_comparison_answer(many).endswith("; 2 more settings below.")
    assert say_comparison_answer(pd.DataFrame({"setting": ["mnist"], "arm": ["max"]})) == ""
