"""Arms side by side, worked by hand: means within their bounds, paired differences, runs at chance and missing runs."""

from __future__ import annotations

import pandas as pd
import pytest

from poolscope.statistics.comparison import add_validation, compare_arms, find_unlearned_pairs, list_missing
from poolscope.statistics.inference import list_differences


def make_runs(values: dict[str, list[float | None]]) -> pd.DataFrame:
    """Labelled runs of one setting, a seed from 0 for each value; None is a run that failed."""
    return pd.DataFrame(
        [
            {"setting": "digits", "arm": arm, "stratum": "", "operator": arm, "seed": seed, "digest": arm}
            | {"status": "failed" if value is None else "done", "reason": "out of memory" if value is None else ""}
            | {"test_accuracy": value, "train_eval_accuracy": value, "train_eval_loss": 2.303 if value == 0.1 else 0.1}
            for arm, column in values.items()
            for seed, value in enumerate(column)
        ]
    )


def test_arms_are_compared_with_the_baseline_best_first() -> None:
    table = compare_arms(make_runs({"max": [0.8, 0.82, 0.84], "avg": [0.83, 0.84, 0.88]}))
    assert table["arm"].tolist() == ["avg", "max"]
    assert table["difference"].iloc[0] == pytest.approx(3.0)
    assert table["baseline"].tolist() == ["max", "max"]
    assert table["p"].iloc[0] == pytest.approx(2 / 2**3)


def test_intervals_stay_within_what_an_accuracy_can_be_and_runs_at_chance_are_in_the_mean() -> None:
    table = compare_arms(make_runs({"max": [0.99, 1.0, 0.97], "avg": [0.9, 0.1, 0.92]})).set_index("arm")
    assert table.loc["max", "test_accuracy_high"] == 1.0
    assert table.loc["avg", "test_accuracy_low"] == 0.0
    assert table["unlearned"].to_dict() == {"max": 0, "avg": 1}
    assert table.loc["avg", "test_accuracy"] == pytest.approx((0.9 + 0.1 + 0.92) / 3)


def test_costs_are_means_over_finished_runs_and_empty_where_none_are_known() -> None:
    runs = make_runs({"max": [0.8, 0.9, None], "avg": [0.7, 0.8, 0.9]})
    costly = runs.assign(parameters=10, macs=[100, 200, 900, 100, 100, 100], seconds_train=[1.0, 2, 9, 4, 4, 4])
    table = compare_arms(costly).set_index("arm")
    assert table.loc["max", ["parameters", "macs", "seconds_train"]].tolist() == [10, 150, 1.5]
    assert compare_arms(runs)["macs"].isna().all()


def test_missing_runs_are_listed_with_their_reason() -> None:
    missing = list_missing(make_runs({"max": [0.8, 0.9, 0.7], "avg": [0.8, None]}))
    assert missing[["arm", "seed", "status", "reason"]].to_numpy().tolist() == [
        ["avg", "1", "failed", "out of memory"],
        ["avg", "2", "not recorded", "other arms have this seed"],
    ]


def test_easier_seeds_lift_no_arm_above_one_that_beats_it_seed_by_seed() -> None:
    runs = make_runs(
        {"max": [0.6, 0.9, 0.9], "avg": [None, 0.85, 0.85], "lp": [None, 0.95, None], "min": [0.7, 0.8, 0.8]}
    )
    table = compare_arms(runs).set_index("arm")
    assert table.loc["avg", "test_accuracy"] > table.loc["max", "test_accuracy"]  # of its two easier seeds
    assert table["difference"].drop("max").to_dict() == pytest.approx({"lp": 5.0, "min": -10 / 3, "avg": -5.0})
    assert table.index.tolist() == ["lp", "max", "min", "avg"]


def test_an_arm_without_a_common_seed_is_ranked_by_its_mean() -> None:
    table = compare_arms(make_runs({"max": [0.5, None], "avg": [None, 0.75]}))
    assert table["arm"].tolist() == ["avg", "max"]


def test_validation_accuracy_and_rates_that_differ_are_added() -> None:
    runs = make_runs({"max": [0.5, 0.75], "avg": [0.5, None]})
    assert list(add_validation(compare_arms(runs), runs)) == list(compare_arms(runs))
    rates = runs["arm"].map({"max": 0.5, "avg": 0.125})
    done = runs.assign(val_accuracy=[0.25, 0.5, 0.75, None], **{"optim.learning_rate": rates}).dropna()
    added = add_validation(compare_arms(runs), done).set_index("arm")
    assert added["val_accuracy"].to_dict() == {"max": 0.375, "avg": 0.75}
    assert added["learning_rate"].to_dict() == {"max": "0.5", "avg": "0.125"}
    same = done.assign(**{"optim.learning_rate": 0.5})
    assert "learning_rate" not in add_validation(compare_arms(runs), same)


def test_a_difference_is_marked_where_either_run_stood_at_chance() -> None:
    runs = make_runs({"max": [0.1, 0.8, 0.7, 0.9], "avg": [0.9, 0.1, 0.8, None], "min": [0.5, 0.6, 0.7, 0.8]})
    baselines = {("digits", arm): "max" for arm in ("max", "avg", "min")}
    differences = list_differences(runs[runs["status"] == "done"], baselines, "test_accuracy")
    marks = differences.assign(stuck=find_unlearned_pairs(differences, runs))
    assert marks.groupby("arm")["stuck"].apply(list).to_dict() == {
        "avg": [True, True, False],
        "min": [True, False, False, False],
    }
    assert find_unlearned_pairs(differences.iloc[:0], runs).empty
