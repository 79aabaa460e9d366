"""What comparisons of two choices recommend, from made-up verdicts."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest

from poolscope.reports.choices import choose, compare, remark, show_choices, summarise, tally, weigh
from poolscope.spec.errors import PoolscopeError
from poolscope.statistics.verdicts import ADDED, DESCRIBED, UNMET


def make_row(effect: float, low: float, high: float, **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": "3a",
        "study": "made",
        "context": "MNIST",
        "kind": "difference",
        "measure": "test_accuracy",
    }
    row |= {
        "delta": 1.0,
        "image_error": 0.1,
        "verdict": "supported",
        "unit": "points",
        "n": 10,
        "planned": 10,
        "effect": effect,
        "low": low,
        "high": high,
        "registration": "",
    }
    return row | changes


@pytest.mark.parametrize(
    ("row", "choice", "over", "by"),
    [
        (make_row(2.0, 1.0, 3.0), "max", "average", "+2.0 points (1.0 to 3.0)"),
        (make_row(-2.0, -3.0, -1.0), "average", "max", "+2.0 points (1.0 to 3.0)"),
        (make_row(2.0, -1.0, 5.0), "either: no difference shown", "max or average", "+2.0 points (-1.0 to 5.0)"),
        (make_row(2.0, 0.0, 5.0), "either: no difference shown", "max or average", "+2.0 points (0.0 to 5.0)"),
        (make_row(2.0, 1.0, 3.0, n=9), "not known yet", "max or average", ""),
        (make_row(math.nan, math.nan, math.nan, n=math.nan), "not known yet", "max or average", ""),
        (
            make_row(-math.log(2), -math.log(4), -math.log(1.25), unit="log_error"),
            "average",
            "max",
            "0.50 times the errors (0.25 to 0.80)",
        ),
    ],
)
def test_what_a_contrast_recommends(row: dict[str, Any], choice: str, over: str, by: str) -> None:
    chosen = choose(compare(row, "max", "average"))
    assert (chosen["choose"], chosen["over"], chosen["by"]) == (choice, over, by)


def test_a_line_says_its_measure_its_seeds_and_what_it_rests_on() -> None:
    row = make_row(1, 0.5, 2, measure="consistency_zero_3", n=4, registration=ADDED)
    chosen = choose(compare(row, "max", "average"))
    assert chosen["of"] == "the same prediction when shifted by up to 3 pixels"
    assert (chosen["seeds"], chosen["contrast"]) == ("4 of 10", "3a† (made: MNIST)")


@pytest.mark.parametrize("changes", [{"kind": "slope"}, {"measure": "generalisation_gap"}])
def test_what_is_no_comparison_of_two_choices_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(PoolscopeError, match="contrast 3a must be the difference of two choices"):
        compare(make_row(1, 0.5, 2, **changes), "max", "average")


def test_a_contrast_without_an_effect_waits() -> None:
    assert compare(make_row(math.nan, math.nan, math.nan, n=math.nan, planned=math.nan), "max", "average").waits
    assert compare(make_row(1.0, math.nan, math.nan), "max", "average").gain == ""


def test_an_end_that_is_nearly_0_is_not_shown_as_0() -> None:
    assert compare(make_row(1.2, 0.036, 2.1), "max", "average").gain == "+1.2 points (0.04 to 2.1)"


def test_for_each_network_the_highest_mean_and_what_is_behind_what() -> None:
    few = {"context": "CIFAR-10, width 8"}
    situations = {
        "few images": [
            compare(make_row(2, 1, 3, id="1a", arm_mean=52, baseline_mean=50, **few), "overlap", "max"),
            compare(make_row(-3, -4, -2, id="1b", arm_mean=47, baseline_mean=50, **few), "stride", "max"),
            compare(make_row(0.2, -1, 1, id="1c", arm_mean=52, baseline_mean=51.8, **few), "overlap", "blur"),
            compare(make_row(1, 0.1, 3, id="1d", context="width 8, window 4"), "max", "average"),
            compare(make_row(math.nan, math.nan, math.nan, id="1e", n=0, context=""), "soft", "max"),
        ],
        "corrupted": [compare(make_row(0.2, -1, 1.4, id="1f", measure="accuracy_corrupted"), "max", "average")],
    }
    first, second, waiting, corrupted = summarise(situations).to_dict("records")
    assert (first["situation"], second["situation"]) == ("few images", "")
    assert first["highest mean"] == "overlap (52.0 %)"
    assert first["compared with"] == (
        "ahead of max: +2.0 points (1.0 to 3.0) (1a); not shown ahead of blur: +0.2 points (-1.0 to 1.0) (1c)"
    )
    assert first["shown behind another"] == "stride (max, 1b)"
    assert second["data and network"] == "width 8"
    assert (waiting["highest mean"], waiting["compared with"]) == ("not known yet", "runs are missing for 1e")
    assert corrupted["shown behind another"] == ""


def test_how_often_one_of_two_choices_is_ahead() -> None:
    situations = {
        "few": [
            compare(make_row(2, 1, 3, id="1a"), "max", "average"),
            compare(make_row(2, 1, 3, id="1b"), "max", "stride"),
            compare(make_row(9, 8, 9, id="1c", context="alone"), "max", "none"),
        ],
        "many": [
            compare(make_row(-1, -2, -0.5, id="2a", context="many"), "max", "average"),
            compare(make_row(0.5, -1, 2, id="2b", context="more"), "average", "max"),
            compare(make_row(-3, -4, -2, id="2c", context="many"), "stride", "max"),
            compare(make_row(-3, -5, 1, id="2d", context="many"), "stride", "max"),  # of the same runs as 2c
            compare(make_row(-math.log(2), -1, -0.1, id="2e", context="easy", unit="log_error"), "max", "average"),
            compare(make_row(9, 8, 9, id="2f", context="even more", n=9), "max", "average"),
            compare(make_row(9, 8, 9, id="2g", context="shifts", measure="consistency_zero_3"), "max", "average"),
        ],
    }
    assert tally(situations).to_numpy().tolist() == [
        ["average", "max", 4, "-2.0 to +1.0 points; 0.50 times the errors", "2a, 2e", "1a", "2b"],
        ["max", "stride", 2, "+2.0 to +3.0 points", "1b", "", "2d"],
    ]
    situations["many"] = situations["many"][:3]
    assert tally(situations)["choice"].tolist() == ["max", "max"]
    assert tally(situations)["against"].tolist() == ["stride", "average"], "what holds everywhere comes first"


def test_consistency_is_never_named_without_test_accuracy() -> None:
    row = make_row(-3, -4, -2, measure="consistency_zero_3", arm_mean=50.0, baseline_mean=53.0)
    situations = {"shifts": [compare(row, "max", "blur", accuracies=(48.0, 44.04))]}
    short = summarise(situations).iloc[0]
    assert short["highest mean"] == "blur (53.0 %; test accuracy 44.0 %)"
    assert short["compared with"] == "ahead of max: +3.0 points (2.0 to 4.0) (3a; test accuracy 48.0 %)"
    assert show_choices(situations, RATES[:0])["remarks"].tolist() == ["test accuracy 44.0 % and 48.0 %"]
    waiting = {"shifts": [compare(row | {"n": 5}, "max", "blur", accuracies=(48.0, 44.04))]}
    assert show_choices(waiting, RATES[:0])["remarks"].tolist() == [""]


def test_what_the_cheaper_of_two_networks_saves_and_loses() -> None:
    situations = {
        "few": [
            compare(make_row(-3, -4, -2, id="1a"), "stride", "max", 0.25),
            compare(make_row(5, 4, 6, id="1b"), "max", "none", 0.125),
            compare(make_row(0.5, -1, 2, id="1c"), "wide", "narrow", 2.0),
            compare(make_row(0.5, -1, 2, id="1d"), "max", "average", 1.04),
            compare(make_row(-3, -4, -2, id="1g"), "strided", "max", 1.16),
            compare(make_row(0.5, -1, 2, id="1e"), "max", "average"),
            compare(make_row(3, 2, 4, id="1f", measure="consistency_zero_3"), "max", "none", 0.125),
        ]
    }
    assert weigh(situations).to_numpy()[:, :-1].tolist() == [
        ["stride", "max", "4 x", "the dearer", "-3.0 points (-4.0 to -2.0)"],
        ["max", "none", "8 x", "the cheaper", "+5.0 points (4.0 to 6.0)"],
        ["narrow", "wide", "2 x", "not shown", "-0.5 points (-2.0 to 1.0)"],
        ["max", "strided", "1.2 x", "the cheaper", "+3.0 points (2.0 to 4.0)"],
    ]


RATES = pd.DataFrame({"id": ["3a", "3a"], "rate": [0.1, 0.2], "effect": [1.0, -1.0]})


@pytest.mark.parametrize(
    ("row", "rates", "remarks"),
    [
        (make_row(2.0, 1.0, 3.0), RATES, ["sign at 1 of 2 rates"]),
        (make_row(0.5, 0.1, 0.9), RATES[:0], ["less than δ (1)"]),
        (
            make_row(-0.5, -0.9, -0.1, verdict=DESCRIBED, because="no overfitting"),
            RATES[:1],
            ["decides no claim, interval alone: no overfitting", "less than δ (1)", "sign at 0 of 1 rates"],
        ),
        (make_row(2.0, 1.0, 3.0, verdict=UNMET), RATES[:0], ["its claim's premise is not met"]),
        (make_row(2.0, 1.0, 3.0, image_error=math.nan), RATES[:0], ["without the error of its test images"]),
        (make_row(2.0, 1.0, 3.0, image_error=math.nan, n=3), RATES, []),
    ],
)
def test_what_is_to_be_known_of_a_line(row: dict[str, Any], rates: pd.DataFrame, remarks: list[str]) -> None:
    assert remark(row, rates) == remarks
