"""What a study's page opens with: what is shown, refuted and open, or which arm tests best, by hand."""

from __future__ import annotations

import math
import re

import pandas as pd
import pytest
import yaml

from poolscope.reports.answer import say_comparison_answer, say_study_answer, say_verdicts_answer
from poolscope.spec.paths import shipped
from poolscope.statistics.claims import find_contrasts
from poolscope.statistics.verdicts import ADDED, DESCRIBED, NOT_REACHED


def make_verdicts(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    """Rows of id, hypothesis, verdict and registration, with an effect of 2 points."""
    fixed = {"n": 10, "planned": 10, "effect": 2.0, "low": 1.0, "high": 3.5, "delta": 1.0, "unit": "points"}
    names = ("id", "hypothesis", "verdict", "registration")
    return pd.DataFrame([{**fixed, "kind": "difference", **dict(zip(names, row, strict=True))} for row in rows])


def test_what_is_shown_comes_first_then_what_is_refuted_and_how_then_what_is_open() -> None:
    verdicts = make_verdicts(
        ("1a", "a is open", "too few seeds", "registered"),
        ("1b", "b wins", "strongly supported", "registered"),
        ("1c", "c wins", "refuted-negligible", "registered"),
        ("1d", "d wins", "premise not met", "registered"),
        ("1e", "e is described", DESCRIBED, "registered"),
        ("1f", "f wins", "refuted-reversed", "registered"),
        ("1g", "g is no worse", "refuted-inferior", "registered"),
        ("1h", "h wins", "refuted-too-small", "registered"),
    )
    effect = "[+2.00 points (1.00 to 3.50)]"
    assert say_verdicts_answer(verdicts) == (
        f"Shown: 1b b wins {effect}. Reversed: 1f f wins {effect}. Not as claimed by δ: 1c c wins {effect}; 1h h wins "
        f"{effect}. Refuted: 1g g is no worse {effect}. Premise not met: 1d d wins {effect}. Open: 1a a is open."
    )


def test_findings_that_were_added_come_last_and_beyond_four_they_are_counted() -> None:
    rows = [("1e", "late", "inconclusive", ADDED), *((f"1{name}", name, "inconclusive", "") for name in "abcd")]
    assert (
        say_verdicts_answer(make_verdicts(*rows))
        == "Open: 1a a; 1b b; 1c c; 1d d; and 1 more. († added after its runs.)"
    )
    assert say_verdicts_answer(make_verdicts(*rows[:2])) == "Open: 1a a; 1e† late. († added after its runs.)"


def test_an_answer_is_interim_while_seeds_are_missing() -> None:
    verdicts = make_verdicts(("1a", "a wins", "supported", ""), ("1b", "b wins", NOT_REACHED, ""))
    verdicts["n"] = [10, 0]
    assert say_verdicts_answer(verdicts) == (
        "Interim, with fewer seeds than planned in 1 of 2 contrasts. Shown: 1a a wins [+2.00 points (1.00 to 3.50)]."
    )


def test_a_study_that_decides_nothing_says_so_and_one_without_runs_says_nothing() -> None:
    described = make_verdicts(("1a", "a wins", DESCRIBED, ""))
    assert say_verdicts_answer(described) == "Described, deciding no claim: 1a a wins [+2.00 points (1.00 to 3.50)]."
    assert say_verdicts_answer(make_verdicts(("1a", "a wins", NOT_REACHED, "")).assign(n=0)) == ""


def test_without_contrasts_the_arm_that_is_first_in_the_table_is_named_with_its_difference() -> None:
    columns = ["setting", "arm", "n", "test_accuracy", "baseline", "difference", "difference_low", "difference_high"]
    rows = [
        ["mnist", "avg", 3, 0.90, "max", 1.5, -0.5, 3.5],
        ["mnist", "max", 2, 0.915, "max", math.nan, math.nan, math.nan],  # by easier seeds, so not first
        ["cifar10", "max", 1, 0.50, "max", math.nan, math.nan, math.nan],
        ["digits", "min", 3, 0.70, "max", 5.0, math.nan, math.nan],  # shares one seed with the baseline
    ]
    assert say_comparison_answer(pd.DataFrame(rows, columns=columns)) == (
        "Best by test accuracy: mnist, avg of 2 arms, 90.0 % (3 seeds; +1.5 points against max, 95 % interval -0.5 to "
        "3.5); "
        "cifar10, max of 1 arm, 50.0 % (1 seed; the baseline); digits, min of 1 arm, 70.0 % (3 seeds; +5.0 points "
        "against max)."
    )
    many = pd.DataFrame([[f"set {place}", *rows[2][1:]] for place in range(6)], columns=columns)
    assert say_comparison_answer(many).endswith("; 2 more settings below.")
    assert say_comparison_answer(pd.DataFrame({"setting": ["mnist"], "arm": ["max"]})) == ""


ANSWERS = yaml.safe_load((shipped("experiments") / "answers.yaml").read_text(encoding="utf-8"))


def test_every_study_that_was_decided_has_an_answer() -> None:
    results = shipped("experiments").parent / "results"
    registered = {path.parent.name for path in shipped("experiments").glob("*/claims.yaml")}
    run = {study for study in registered if (results / study / "tables" / "runs.csv").is_file()}
    assert set(ANSWERS) == run | {"pool_type"}


@pytest.mark.parametrize("study", ANSWERS)
def test_a_study_opens_with_its_answer_while_the_committed_verdicts_are_those_that_it_rests_on(study: str) -> None:
    ledger = pd.read_csv(shipped("experiments").parent / "results" / "ledger" / "verdicts.csv", dtype={"id": str})
    own = ledger[ledger["id"].isin([contrast.id for contrast in find_contrasts(study)])]
    said = say_study_answer(study, own)
    assert said.endswith(". ") and "{" not in said, f"the answer of {study} has to be rewritten: a verdict is another"
    quoted = re.findall(r"\{(\w+)\}", ANSWERS[study]["says"])
    assert quoted, "an answer quotes an effect"
    assert set(quoted) <= set(ANSWERS[study]["rests_on"]), "every effect that is quoted is one that the words rest on"


def test_an_answer_goes_where_a_verdict_is_another_or_missing() -> None:
    verdicts = make_verdicts(("19a", "max wins", "refuted-negligible", ""))
    assert say_study_answer("lenet5", verdicts).startswith(
        "LeNet-5 tests less than a point better with max than with average (+2.00 points, 1.00 to 3.50), where"
    )
    assert say_study_answer("lenet5", verdicts.assign(verdict="inconclusive")) == ""
    assert say_study_answer("lenet5", verdicts[:0]) == "" and say_study_answer("mine", verdicts) == ""
