"""Choosing learning rates by hand-made trials."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from made_records import make_config, make_record, write_study

from poolscope.spec.paths import shipped
from poolscope.statistics.tables import collect
from poolscope.statistics.tuning import (
    RATE,
    TRIALS,
    average_trials,
    choose_rates,
    find_unlearned_trials,
    list_trials,
    widen,
)
from poolscope.store.files import read_csv

# arm: {rate: accuracies of two seeds; None where the run failed}
MADE = {
    "max": {0.1: (0.5, 0.5), 0.2: (0.75, 0.25), 0.4: (0.25, 0.5)},  # equal means at 0.1 and 0.2
    "avg": {0.1: (0.25, 0.25), 0.2: (0.5, 0.5), 0.4: (1.0, None)},  # the best has a failure
    "lp": {0.1: (0.25, None), 0.2: (None, None), 0.4: (0.5, None)},
    "min": {0.1: (0.25, 0.25), 0.2: (0.5, 0.5), 0.4: (0.75, 0.5)},
    "gem": {0.2: (0.5, 0.5)},
}


def make_trials() -> pd.DataFrame:
    rows = [
        {"setting": "mnist", "arm": arm, RATE: rate, "seed": 100 + place, "status": "done" if value else "diverged"}
        | {"val_accuracy": math.nan if value is None else value, "val_loss": 1.0, "digest": f"{arm}{rate}"}
        for arm, rates in MADE.items()
        for rate, values in rates.items()
        for place, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_the_best_mean_wins_the_lower_of_equals_and_never_a_failure() -> None:
    best = choose_rates(average_trials(make_trials())).set_index("arm")
    assert best.loc[["max", "avg", "min", "gem"], RATE].to_list() == [0.1, 0.2, 0.4, 0.2]
    assert math.isnan(best.loc["lp", RATE])
    assert best["edge"].to_dict() == {"max": "lowest", "avg": "", "lp": "", "min": "highest", "gem": "only"}
    assert best.loc["min", "val_accuracy"] == 0.625


@pytest.mark.parametrize(
    ("change", "marked"),
    [
        ({}, True),
        ({"val_accuracy": 0.128}, True),  # within 0.1 + 3 sqrt(0.09 / 1000) = 0.1285
        ({"val_accuracy": 0.129}, False),
        ({"val_loss": 2.27}, False),  # below 0.99 ln 10
        ({"status": "diverged"}, False),
        ({"data.classes": 100}, False),  # 10 % is far from guessing at 1 %
        ({"data.classes": 100, "val_accuracy": 0.01, "val_loss": 4.6}, True),
    ],
)
def test_a_trial_at_chance_is_marked_by_its_validation_loss_and_accuracy(
    change: dict[str, object], marked: bool
) -> None:
    trial = {"status": "done", "val_accuracy": 0.1, "val_loss": 2.3026}
    assert find_unlearned_trials(pd.DataFrame([trial | change])).tolist() == [marked]


def test_committed_trials_at_chance_are_those_at_high_rates() -> None:
    found = []
    for path in sorted(shipped("experiments").glob("*/tuning.csv")):
        trials = pd.DataFrame(read_csv(path, TRIALS)).astype({"val_accuracy": float, "val_loss": float})
        stuck = trials[find_unlearned_trials(trials)]
        found += [(path.parent.name, *arm) for arm in stuck[["arm", RATE]].itertuples(index=False, name=None)]
    assert found == [
        ("contexts", "max, blocks=5, norm=none, head=avg", "0.016"),
        ("contexts", "max, blocks=5, norm=none, head=flatten", "0.016"),
        ("contexts", "avg, blocks=3, norm=none, head=avg", "0.032"),
        ("contexts", "max, blocks=5, norm=none, head=avg", "0.016"),
        *[("full_data", "conv_max", "0.008")] * 2,
        *[("full_data", "conv_max", "0.016")] * 3,
        *[("ladder", "strided_conv 2", "0.016")] * 3,
    ]


def test_trials_at_chance_are_counted_and_stay_in_the_mean() -> None:
    trials = make_trials().query("arm == 'min'")
    stuck = trials.assign(val_accuracy=[0.1, 0.5, 0.5, 0.5, 0.1, 0.1], val_loss=[2.3026, 1, 1, 1, 2.3026, 2.3026])
    means = average_trials(stuck)
    assert means["unlearned"].tolist() == [1, 0, 2]
    assert means["val_accuracy"].tolist() == pytest.approx([0.3, 0.5, 0.1])
    assert choose_rates(means)[[RATE, "unlearned"]].to_numpy().tolist() == [[0.2, 0]]


def test_a_grid_is_widened_twice_a_side_at_most() -> None:
    start = [0.1, 0.2]
    assert widen(start, start, "") == start
    assert widen(start, start, "lowest") == [0.05, 0.1, 0.2]
    assert widen([0.05, 0.1, 0.2], start, "lowest") == [0.025, 0.05, 0.1, 0.2]
    assert widen([0.025, 0.05, 0.1, 0.2], start, "lowest") == [0.025, 0.05, 0.1, 0.2]
    assert widen([0.025, 0.05, 0.1, 0.2], start, "highest") == [0.025, 0.05, 0.1, 0.2, 0.4]
    assert widen([0.1], [0.1], "only") == [0.05, 0.1, 0.2]


def test_trials_are_the_runs_without_a_column_of_test_images(results: object) -> None:
    configs = [make_config(pool, optim__learning_rate=rate) for pool in ("max", "avg") for rate in (0.5, 0.25)]
    write_study(results, [make_record(config, 0) for config in configs])  # type: ignore[arg-type]
    trials = list_trials(collect(results, "made").runs)  # type: ignore[arg-type]
    assert list(trials.columns) == [*TRIALS, "digest", "data.classes"]
    assert trials[["arm", RATE]].to_numpy().tolist() == [["avg", 0.25], ["avg", 0.5], ["max", 0.25], ["max", 0.5]]
    assert not any("test" in column for column in trials)


@pytest.mark.parametrize("column", ["test_accuracy", "test_loss"])
def test_runs_need_no_test_column(column: str, results: object) -> None:
    write_study(results, [make_record(make_config("max"), 0)])  # type: ignore[arg-type]
    runs = collect(results, "made").runs.drop(columns=column)  # type: ignore[arg-type]
    assert choose_rates(average_trials(list_trials(runs)))[RATE].to_list() == [0.05]
