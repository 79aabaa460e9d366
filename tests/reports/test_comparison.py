"""Means, intervals, p values and arms in words."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from poolscope.reports.comparison import (
    say_hollow,
    say_missing,
    say_unlearned,
    show_classes,
    show_comparison,
    show_contrasts,
    show_interval,
    show_mean,
    show_p,
)
from poolscope.statistics.comparison import compare_arms

RUNS = pd.DataFrame(
    [
        {"setting": "digits", "arm": arm, "stratum": "", "operator": arm, "seed": seed, "digest": arm, "status": "done"}
        | {"test_accuracy": value, "train_eval_accuracy": value, "train_eval_loss": 2.303 if value < 0.2 else 0.1}
        for arm, values in {"max": [0.99, 1.0, 0.97], "avg": [0.9, 0.1, 0.92]}.items()
        for seed, value in enumerate(values)
    ]
)


@pytest.mark.parametrize(
    ("mean", "low", "high", "text"),
    [
        (0.5, 0.4, 0.6, "50.00 ± 10.00"),
        (0.99, 0.95, 1.0, "99.00 (95.00 to 100.00)"),
        (0.02, 0.0, 0.05, "2.00 (0.00 to 5.00)"),
        (0.5, float("nan"), float("nan"), "50.00"),
        (float("nan"), float("nan"), float("nan"), ""),
    ],
)
def test_a_mean_with_its_interval(mean: float, low: float, high: float, text: str) -> None:
    assert show_mean({"x": mean, "x_low": low, "x_high": high}, "x") == text


@pytest.mark.parametrize(
    ("difference", "low", "high", "text"),
    [
        (0.42, 0.11, 0.73, "+0.42 ± 0.31"),
        (-1.5, -2.0, -1.0, "-1.50 ± 0.50"),
        (0.42, math.nan, math.nan, "+0.42"),
        (math.nan, math.nan, math.nan, ""),
    ],
)
def test_a_difference_is_shown_with_half_of_its_interval(difference: float, low: float, high: float, text: str) -> None:
    assert show_interval({"x": difference, "x_low": low, "x_high": high}, "x") == text


def test_no_interval_of_an_accuracy_leaves_its_bounds_and_runs_at_chance_are_counted() -> None:
    comparison = compare_arms(RUNS).set_index("arm")
    assert comparison.loc["max", "test_accuracy_high"] == 1.0
    assert comparison.loc["avg", "test_accuracy_low"] == 0.0
    assert comparison["unlearned"].to_dict() == {"max": 0, "avg": 1}
    shown = show_comparison(compare_arms(RUNS)).set_index("arm")
    assert shown["at chance"].to_dict() == {"max": "", "avg": "1"}
    assert shown.loc["max", "test accuracy (%)"].endswith("to 100.00)")
    (sentence,) = say_unlearned(compare_arms(RUNS))
    assert sentence.endswith("digits, avg: 1 of 3.")
    assert say_unlearned(compare_arms(RUNS[RUNS["arm"] == "max"])) == ()


@pytest.mark.parametrize(
    ("p", "text"), [(0.03125, "0.0312"), (1.0, "1.0000"), (0.00009, "< 0.0001"), (0.0001, "0.0001"), (math.nan, "")]
)
def test_a_p_value_is_never_shown_as_0(p: float, text: str) -> None:
    assert show_p(p) == text


def test_contrasts_are_shown_without_what_is_the_same_in_all() -> None:
    row = {"setting": "digits", "metric": "test_accuracy", "arm": "avg", "baseline": "max", "n": 6, "note": ""}
    row |= {"difference": -0.004, "low": -1.5, "high": 1.25, "p": 0.03125, "p_holm": 0.0625}
    shown = show_contrasts(pd.DataFrame([row, row | {"arm": "min", "n": 1, "low": math.nan, "high": math.nan}]))
    assert "data set" not in shown and "note" not in shown
    assert shown["metric"].tolist() == ["test accuracy"] * 2
    assert shown["difference (points)"].tolist() == ["+0.00"] * 2  # never -0.00
    assert shown["95 % interval"].tolist() == ["-1.50 to +1.25", ""]
    assert shown["p (Holm)"].tolist() == ["0.0625"] * 2


def test_missing_runs_are_counted_by_status() -> None:
    missing = pd.DataFrame({"status": ["failed", "failed", "not recorded"]})
    assert "(2 failed, 1 not recorded)" in say_missing(missing)
    assert say_missing(missing.iloc[:0]).startswith("None")


def test_balanced_accuracy_has_a_column_where_runs_have_it() -> None:
    assert "balanced accuracy (%)" not in show_comparison(compare_arms(RUNS))
    shown = show_comparison(compare_arms(RUNS.assign(balanced_accuracy=0.5)))
    assert shown["balanced accuracy (%)"].tolist() == ["50.00 ± 0.00"] * 2


def test_classes_are_rows_and_arms_columns() -> None:
    numbers = {"n": 3, "mean": 0.5, "low": 0.25, "high": 0.75}
    rows = [
        {"setting": "cats", "arm": arm, "class": label, "images": images} | numbers
        for arm, label, images in (("max", "tom", 1200), ("max", "kit", 3), ("avg", "tom", 1200))
    ]
    shown = show_classes(pd.DataFrame(rows))
    assert shown.to_dict("list") == {
        "class": ["tom", "kit"],
        "test images": ["1,200", "3"],
        "max": ["50.00 ± 25.00"] * 2,
        "avg": ["50.00 ± 25.00", ""],
    }


def test_hollow_dots_are_explained_only_where_there_are_some() -> None:
    assert say_hollow(RUNS[RUNS["arm"] == "max"]) == ""
    assert say_hollow(RUNS).startswith(" Hollow dots (outside of a panel: at chance): 1 run that finished at chance")
    assert say_hollow(pd.concat([RUNS, RUNS])).startswith(" Hollow dots (outside of a panel: at chance): 2 runs that")
