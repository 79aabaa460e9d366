"""Verdicts from runs, against numbers worked by hand and SciPy's own."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import poolscope.statistics.verdicts as verdicts_module
from poolscope.spec.errors import PoolscopeError
from poolscope.statistics.claims import Condition, Contrast, Ladder
from poolscope.statistics.inference import permute_signs
from poolscope.statistics.verdicts import judge_contrasts, measure_effect, select_runs
from poolscope.store.record import pack_bits, pack_scores

BETTER = Contrast(
    *("made", "3a", 3, "max is better", "test_accuracy", "points", "higher", 1.0),
    where={"data.name": "mnist"},
    arm={"pool.name": "max"},
    baseline={"pool.name": "avg"},
)


def make_runs(values: dict[str, list[float]], data: str = "mnist", **cells: Any) -> pd.DataFrame:
    """A runs table: test accuracies by operator, one for each seed from 0."""
    return pd.DataFrame(
        [
            {"digest": f"{data}-{pool}-{sorted(cells.items())}", "seed": seed, "status": "done", "data.name": data}
            | {"pool.name": pool, "test_accuracy": value, "test_size": 200, **cells}
            for pool, column in values.items()
            for seed, value in enumerate(column)
        ]
    )


def judge_one(runs: pd.DataFrame, contrast: Contrast) -> pd.Series:
    return judge_contrasts(runs, [contrast]).iloc[0]


def test_a_difference_worked_by_hand() -> None:
    # differences of 1, 2, 3 points: mean 2, sd 1; t(0.975, 2) = 4.302653; all signs equal: p = 2 / 2^3
    row = judge_one(make_runs({"max": [0.81, 0.83, 0.85], "avg": [0.80, 0.81, 0.82]}), BETTER)
    assert (row["n"], row["effect"], row["sd"]) == (3, pytest.approx(2.0), pytest.approx(1.0))
    assert row["high"] == pytest.approx(2 + 4.302653 / math.sqrt(3), abs=1e-6)  # no bootstrap of three
    assert row["p"] == pytest.approx(0.25)
    assert row["p_wilcoxon"] == pytest.approx(0.25)
    assert (row["arm_mean"], row["baseline_mean"]) == (pytest.approx(83.0), pytest.approx(81.0))
    assert row["rho"] == pytest.approx(1.0)
    assert row["improvement"] == 1.0
    assert row["verdict"] == "too few seeds"
    assert row["hedges_g"] == pytest.approx((1 - 3 / 7) * 2 / math.sqrt((4 + 1) / 2))


def test_a_claim_of_lower_is_judged_the_other_way_round_and_its_effect_stays_arm_minus_baseline() -> None:
    accuracies = np.random.default_rng(0).normal(0.8, 0.002, 10)
    runs = make_runs({"max": list(accuracies - 0.05), "avg": list(accuracies)})
    assert judge_one(runs, BETTER)["verdict"] == "refuted-reversed"
    lower = judge_one(runs, replace(BETTER, direction="lower"))
    assert lower["verdict"] == "strongly supported"
    assert lower["effect"] == pytest.approx(-5.0)
    assert lower["low"] <= -5 <= lower["high"]


def test_only_paired_finished_seeds_count_and_the_others_are_said() -> None:
    runs = make_runs({"max": [0.8, 0.9, 0.7, 0.8], "avg": [0.7, 0.8, 0.6]})
    runs.loc[(runs["pool.name"] == "avg") & (runs["seed"] == 1), "status"] = "diverged"
    row = judge_one(runs, BETTER)
    assert (row["n"], row["failed"]) == (2, 1)
    assert measure_effect(runs, BETTER).index.tolist() == [0, 2]


def test_a_contrast_without_runs_is_not_reached() -> None:
    runs = make_runs({"max": [0.8, 0.9]})
    for contrast in (BETTER, replace(BETTER, kind="exact"), replace(BETTER, where={"data.name": "cifar10"})):
        row = judge_one(runs, contrast)
        assert (row["verdict"], row["n"]) == ("not reached", 0)
        assert math.isnan(row["effect"])


def test_a_selector_that_fits_two_configurations_is_refused() -> None:
    runs = pd.concat([make_runs({"max": [0.8], "avg": [0.7]}, **{"pool.window": window}) for window in (2, 3)])
    with pytest.raises(
        PoolscopeError, match=r"Contrast 3a .*selects 2 configurations, which differ in pool.window; add a filter"
    ):
        judge_one(runs.reset_index(drop=True), BETTER)


def test_a_measure_that_is_not_there_is_refused() -> None:
    runs = make_runs({"max": [0.8], "avg": [0.7]})
    with pytest.raises(PoolscopeError, match="the runs have no measure 'consistency'"):
        judge_one(runs, replace(BETTER, measure="consistency"))


def test_filters_compare_numbers_as_numbers_and_none_with_empty_cells() -> None:
    runs = pd.DataFrame(
        {"a": ["2", "3", "[2,3]"], "b": [2.0, math.nan, 1.0], "c": ["x", "", "y"], "d": [True, False, True]}
    )
    picked = [
        ({"a": 2}, [0]),
        ({"a": 2.0}, [0]),
        ({"a": [2, 3]}, [2]),
        ({"b": 1}, [2]),
        ({"b": None}, [1]),
        ({"c": None}, [1]),
        ({"c": "y", "d": True}, [2]),
        ({"d": False}, [1]),
        ({"none.such": None}, [0, 1, 2]),
        ({"none.such": 1}, []),
    ]
    for filters, rows in picked:
        assert select_runs(runs, filters).index.tolist() == rows, filters


def test_log_error_compares_counts_of_errors() -> None:
    # 200 images: 19 against 39 errors: ln(39.5 / 19.5); 9 against 9: 0
    runs = make_runs({"max": [1 - 19 / 200, 1 - 9 / 200], "avg": [1 - 39 / 200, 1 - 9 / 200]})
    effect = measure_effect(runs, replace(BETTER, unit="log_error"))
    assert effect.tolist() == pytest.approx([math.log(39.5 / 19.5), 0.0])


def test_a_slope_is_per_doubling_and_per_seed() -> None:
    ladder = {1: [0.90, 0.80], 2: [0.86, 0.80], 4: [0.82, 0.80]}
    runs = pd.concat([make_runs({"max": values}, **{"pool.stride": s}) for s, values in ladder.items()])
    contrast = replace(BETTER, kind="slope", direction="lower", baseline={}, over=Ladder("pool.stride", (1, 2, 4)))
    assert measure_effect(runs.reset_index(drop=True), contrast).tolist() == pytest.approx([-4.0, 0.0])


def test_a_slope_of_a_difference_is_the_difference_of_slopes() -> None:
    ladder = {1000: {"max": [0.5, 0.6], "avg": [0.4, 0.6]}, 4000: {"max": [0.6, 0.7], "avg": [0.58, 0.66]}}
    runs = pd.concat([make_runs(values, **{"data.train_size": size}) for size, values in ladder.items()])
    over = Ladder("data.train_size", (1000, 4000))
    effect = measure_effect(runs.reset_index(drop=True), replace(BETTER, kind="slope", over=over))
    # max - avg: 10 and 0 points, then 2 and 4, over two doublings
    assert effect.tolist() == pytest.approx([-4.0, 2.0])


def test_a_slope_over_uneven_steps_is_the_least_squares_line() -> None:
    values = {1: 0.9, 2: 0.7, 3: 0.6, 4: 0.65}
    runs = pd.concat([make_runs({"max": [value]}, **{"pool.stride": s}) for s, value in values.items()])
    contrast = replace(BETTER, kind="slope", baseline={}, over=Ladder("pool.stride", (1, 2, 3, 4)))
    line = stats.linregress(np.log2([1, 2, 3, 4]), 100 * np.array(list(values.values())))
    assert measure_effect(runs.reset_index(drop=True), contrast).tolist() == pytest.approx([line.slope])


def test_an_interaction_is_a_difference_of_differences() -> None:
    small = make_runs({"max": [0.60, 0.62], "avg": [0.55, 0.58]}, **{"data.train_size": 1000})
    large = make_runs({"max": [0.70, 0.72], "avg": [0.69, 0.73]}, **{"data.train_size": 4000})
    contrast = replace(BETTER, kind="interaction", where={"data.train_size": 1000}, minus={"data.train_size": 4000})
    effect = measure_effect(pd.concat([small, large], ignore_index=True), contrast)
    assert effect.tolist() == pytest.approx([5 - 1, 4 + 1])


def test_p_of_noninferiority_and_equivalence_is_against_their_bounds() -> None:
    differences = [-0.2, 0.1, 0.0, 0.3, -0.1, 0.2]  # all within one point: every shifted difference has one sign
    runs = make_runs({"max": [0.8 + d / 100 for d in differences], "avg": [0.8] * 6})
    for kind in ("noninferior", "equivalent"):
        row = judge_one(runs, replace(BETTER, kind=kind))
        assert row["p"] == pytest.approx(1 / 2**6)
        assert row["verdict"] == "supported"


def test_one_sided_sign_flips() -> None:
    assert permute_signs([1.0, 2.0, 3.0], "greater") == pytest.approx(1 / 8)
    assert permute_signs([1.0, 2.0, 3.0], "less") == pytest.approx(1.0)


def test_an_equal_seed_counts_half_for_improvement() -> None:
    runs = make_runs({"max": [0.9, 0.8, 0.7, 0.6], "avg": [0.8, 0.8, 0.8, 0.6]})
    assert judge_one(runs, BETTER)["improvement"] == pytest.approx(1 / 4 + 2 / 4 / 2)
    assert judge_one(runs, replace(BETTER, direction="lower"))["improvement"] == pytest.approx(1 / 4 + 2 / 4 / 2)


def test_exact_equality_counts_seeds() -> None:
    exact = replace(BETTER, kind="exact", measure="consistency", baseline={}, equals=1.0)
    runs = make_runs({"max": [0.8, 0.8, 0.8]}).assign(consistency=[1.0, 1.0, 0.98])
    row = judge_one(runs, exact)
    assert (row["verdict"], row["equal"], row["n"]) == ("refuted-unequal", 2, 3)
    assert row["effect"] == pytest.approx(-2 / 3)
    row = judge_one(runs.assign(consistency=1.0), exact)
    assert (row["verdict"], row["equal"]) == ("supported", 3)
    half = judge_one(runs.assign(consistency=[0.5, 0.5, 0.53]), replace(exact, equals=0.5))
    assert (half["equal"], half["effect"]) == (2, pytest.approx(1.0))  # points
    same = make_runs({"max": [0.8, 0.7], "avg": [0.8, 0.7]})
    assert judge_one(same, replace(BETTER, kind="exact"))["verdict"] == "supported"


BAND = np.array([-1.5, -1.0, -0.5, -0.2, 0.0, 0.0, 0.2, 0.5, 1.0, 1.5])


def test_a_contrast_that_decides_nothing_is_described() -> None:
    runs = make_runs({"max": list(0.85 + 0.01 * BAND), "avg": [0.8] * 10})
    row = judge_one(runs, replace(BETTER, because="about something else"))
    assert (row["verdict"], row["p_hold"], row["p_fail"]) == ("described", 1.0, 1.0)
    assert row["effect"] == pytest.approx(5.0)
    assert judge_one(runs, BETTER)["p_hold"] < 0.001


@pytest.mark.parametrize(
    ("gap", "verdict"), [(0.20, "strongly supported"), (0.155, "premise not met"), (0.1, "premise not met")]
)
def test_a_contrast_is_decided_only_where_its_baseline_meets_the_premise(gap: float, verdict: str) -> None:
    runs = make_runs({"max": list(0.85 + 0.01 * BAND), "avg": [0.8] * 10})
    runs["generalisation_gap"] = np.tile(gap + 0.01 * BAND, 2)  # at 0.155 the mean is above 0.15, its bound is not
    row = judge_one(runs, replace(BETTER, premise=(Condition("generalisation_gap", "points", 15),)))
    assert row["verdict"] == verdict
    assert (row["p_hold"] == 1.0) == (verdict == "premise not met")


def test_runs_at_chance_are_counted_and_enter_as_registered() -> None:
    runs = make_runs({"max": [0.1, *[0.85] * 9], "avg": [0.8] * 10})
    runs["train_eval_loss"], runs["train_eval_accuracy"] = 0.5, runs["test_accuracy"]
    runs.loc[0, "train_eval_loss"] = 2.303
    kept, left_out = (judge_one(runs, replace(BETTER, unlearned=how)) for how in ("kept", "left_out"))
    assert (kept["unlearned"], kept["n"], kept["effect"]) == (1, 10, pytest.approx((9 * 5 - 70) / 10))
    assert (left_out["unlearned"], left_out["n"], left_out["effect"]) == (1, 9, pytest.approx(5.0))


def test_the_error_of_the_test_images_widens_the_interval() -> None:
    rng = np.random.default_rng(0)
    hard = rng.uniform(size=400) < 0.3  # images on which max is right and average wrong, whatever the seed
    correct = {"max": np.ones((10, 400), bool), "avg": np.broadcast_to(~hard, (10, 400)).copy()}
    correct["avg"] ^= rng.uniform(size=(10, 400)) < 0.02
    runs = make_runs({pool: list(bits.mean(axis=1)) for pool, bits in correct.items()})
    bare = judge_one(runs, BETTER)
    runs["test_correct"] = [pack_bits(row.tolist()) for bits in correct.values() for row in bits]
    row = judge_one(runs, BETTER)
    expected = 100 * math.sqrt(0.3 * 0.7 / 400)  # of the mean over images, far above that over seeds
    assert row["effect"] == pytest.approx(bare["effect"])
    assert (1 + row["image_error"]) * bare["sd"] / math.sqrt(10) == pytest.approx(expected, rel=0.1)
    assert (row["high"] - row["low"]) / (bare["high"] - bare["low"]) == pytest.approx(1 + row["image_error"])
    assert math.isnan(bare["image_error"])
    without_errors = judge_one(runs.iloc[:20], replace(BETTER, unit="log_error"))  # max makes none
    assert without_errors["image_error"] > 0
    runs.loc[0, "test_correct"] = pack_bits([True] * 300)
    assert math.isnan(judge_one(runs, BETTER)["image_error"])  # of other images


def test_scores_of_images_widen_the_interval_of_a_mean_over_them() -> None:
    rng = np.random.default_rng(0)
    steady = rng.uniform(0.5, 1, 400)  # how consistent an image is with max; with average half of them are less so
    less = np.where(rng.uniform(size=400) < 0.5, 0.25, 0.0)
    scores = {"max": np.tile(steady, (10, 1)), "avg": np.tile(steady - less, (10, 1))}
    scores = {pool: np.clip(of + rng.normal(0, 0.05, of.shape), 0, 1) for pool, of in scores.items()}
    runs = make_runs({"max": [0.8] * 10, "avg": [0.8] * 10})
    runs["consistency_zero_3"] = [float(row.mean()) for of in scores.values() for row in of]
    asked = replace(BETTER, measure="consistency_zero_3")
    bare = judge_one(runs, asked)
    runs["image_scores.consistency_zero_3"] = [pack_scores(row.tolist()) for of in scores.values() for row in of]
    row = judge_one(runs, asked)
    error = math.hypot(100 * less.std() / math.sqrt(400), bare["sd"] / math.sqrt(10))
    assert math.isnan(bare["image_error"])
    assert (1 + row["image_error"]) * bare["sd"] / math.sqrt(10) == pytest.approx(error, rel=0.1)
    assert (row["high"] - row["low"]) / (bare["high"] - bare["low"]) == pytest.approx(1 + row["image_error"])
    runs.loc[runs["pool.name"] == "avg", "image_scores.consistency_zero_3"] = pack_scores([0.5] * 300)
    assert math.isnan(judge_one(runs, asked)["image_error"])  # the arms were scored on other images
    runs.loc[0, "image_scores.consistency_zero_3"] = ""  # a run of an earlier version
    assert math.isnan(judge_one(runs, asked)["image_error"])


def test_an_effect_at_equal_fit_comes_from_the_curves() -> None:
    runs = make_runs({"max": [0.8] * 7, "avg": [0.7] * 7})
    curves = pd.DataFrame(
        [
            {"digest": row["digest"], "seed": row["seed"], "epoch": epoch, "train_eval_loss": 2.0 - rate * epoch}
            | {
                "train_eval_accuracy": 0.3 * epoch,
                "val_accuracy": 0.3 * epoch - 0.1 * rate - 0.001 * row["seed"] * rate,
            }
            for row in runs.to_dict("records")
            for rate in [1.0 if row["pool.name"] == "max" else 0.5]
            for epoch in (1, 2)
        ]
    )
    contrast = replace(BETTER, measure="gap_at_equal_loss", direction="lower")
    row = judge_contrasts(runs, [contrast], curves).iloc[0]
    assert row["fit"] == pytest.approx(1.0)
    assert row["effect"] == pytest.approx(5.0 + 0.15)  # max at epoch 1: gap 0.1 + ..., average at epoch 2: 0.05 + ...
    assert row["verdict"] == "refuted-reversed"
    assert judge_one(runs, contrast)["verdict"] == "not reached"


@pytest.mark.parametrize(
    ("recorded", "registered", "said"),
    [
        (None, True, "no hash recorded"),
        ({"contrasts": "a", "plan": "b", "rule": "c"}, True, "as registered"),
        ({"contrasts": "a", "plan": "b", "rule": "d"}, True, "changed: rule"),
        ({"contrasts": "x", "plan": "y", "rule": "c"}, True, "changed: contrasts, plan"),
        ({"contrasts": "a", "plan": "b", "rule": "c"}, False, "added after the runs"),
    ],
)
def test_the_registration_that_runs_recorded_is_compared_with_that_of_now(
    recorded: dict[str, str] | None, registered: bool, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        verdicts_module, "hash_registration", lambda study: {"contrasts": "a", "plan": "b", "rule": "c"}
    )
    runs = make_runs({"max": [0.8, 0.9], "avg": [0.7, 0.8]})
    for part, digits in (recorded or {}).items():
        runs[f"provenance.registration.{part}"] = digits
    assert judge_one(runs, replace(BETTER, registered=registered))["registration"] == said


def test_revisions_of_the_code_are_counted() -> None:
    runs = make_runs({"max": [0.8, 0.9], "avg": [0.7, 0.8]})
    runs["provenance.git_revision"] = ["a", "a", "b", "a"]
    assert judge_one(runs, BETTER)["revisions"] == 2


def test_the_detectable_effect_is_that_of_the_tables_of_the_specification() -> None:
    differences = np.array([-1.5, -1.0, -0.5, -0.2, 0.0, 0.0, 0.2, 0.5, 1.0, 1.5])
    differences /= differences.std(ddof=1)  # sd 1 point, mean 0, n = 10
    runs = make_runs({"max": list(0.5 + differences / 100), "avg": [0.5] * 10})
    assert judge_one(runs, BETTER)["detectable"] == pytest.approx(1.00, abs=0.005)
    assert judge_one(runs, replace(BETTER, family=12))["detectable"] == pytest.approx(1.53, abs=0.01)
