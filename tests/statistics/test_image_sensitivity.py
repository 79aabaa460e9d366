"""How much error of the images a verdict bears, against the rule itself; how large it can be, against made scores."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from poolscope.spec.paths import shipped
from poolscope.statistics import image_sensitivity
from poolscope.statistics.claims import Contrast
from poolscope.statistics.contrast_rule import judge, judge_equivalent, judge_noninferior
from poolscope.statistics.image_sensitivity import (
    bound_image_error,
    find_breaking_error,
    lacks_image_error,
    list_image_errors,
)
from poolscope.statistics.images import find_image_variance, read_correct, read_scores
from poolscope.statistics.quantities import find_column
from poolscope.statistics.tables import collect
from poolscope.statistics.verdicts import is_refuted, is_supported, judge_contrasts
from poolscope.store.record import pack_bits, pack_scores

JUDGES = {"difference": judge, "noninferior": judge_noninferior, "equivalent": judge_equivalent}
SKEWED = np.random.default_rng(3).exponential(1.0, 10)


@pytest.mark.parametrize("direction", ["higher", "lower"])
@pytest.mark.parametrize(
    ("kind", "mean", "delta", "stands"),
    [
        ("difference", 2.0, 1.0, is_supported),
        ("difference", -1.5, 1.0, is_refuted),
        ("difference", 0.1, 2.5, is_refuted),
        ("noninferior", 0.5, 1.0, is_supported),
        ("noninferior", -4.0, 1.0, is_refuted),
        ("equivalent", 0.4, 2.5, is_supported),
        ("equivalent", 4.0, 1.0, is_refuted),
        ("equivalent", -4.0, 1.0, is_refuted),
    ],
)
def test_a_verdict_falls_by_the_rule_at_this_error_and_not_below(
    kind: str, mean: float, delta: float, stands: Any, direction: str
) -> None:
    signed = SKEWED - SKEWED.mean() + mean
    verdict = JUDGES[kind](signed, delta, 2)
    assert stands(verdict.verdict)
    sign = 1 if direction == "higher" else -1
    low, high = sorted((sign * verdict.low, sign * verdict.high))
    row = {"kind": kind, "direction": direction, "delta": delta, "verdict": verdict.verdict, "n": 10}
    error = find_breaking_error(row | {"sd": verdict.sd, "effect": sign * mean, "low": low, "high": high})
    assert stands(JUDGES[kind](signed, delta, 2, (0.999 * error) ** 2).verdict)
    assert JUDGES[kind](signed, delta, 2, (1.001 * error) ** 2).verdict == "inconclusive"


def test_what_shows_nothing_or_has_no_spread_cannot_fall() -> None:
    row = {"kind": "difference", "direction": "higher", "delta": 1.0, "n": 9, "sd": 3.0, "effect": 0.5, "low": -1.0}
    assert math.isnan(find_breaking_error(row | {"high": 2.0, "verdict": "inconclusive"}))
    assert math.isnan(find_breaking_error(row | {"high": 0.5, "low": 0.5, "sd": 0.0, "verdict": "refuted-too-small"}))
    assert math.isnan(find_breaking_error(row | {"high": math.nan, "n": 0, "verdict": "not reached"}))


def test_the_bound_is_reached_by_scores_that_oppose_each_other_and_never_passed() -> None:
    first, second = np.array([1] * 9 + [0]), np.array([0, 0] + [1] * 8)  # of ten images three are for one arm only
    assert bound_image_error(0.9, 0.8, 10) == pytest.approx((first - second).std() / math.sqrt(10))
    assert bound_image_error(0.2, 0.3, 10) == pytest.approx(math.sqrt((0.5 - 0.1**2) / 10))  # none is for both
    assert bound_image_error(0.9, 0.8, 10, opposed=False) == pytest.approx(math.sqrt((0.09 + 0.16) / 10))
    rng = np.random.default_rng(0)
    for power in (0.1, 1, 5):
        scores = rng.random((2, 40)) ** power
        opposed = np.sort(scores[0]) - np.sort(scores[1])[::-1]
        assert opposed.std() / math.sqrt(40) <= bound_image_error(scores[0].mean(), scores[1].mean(), 40)
        along = np.sort(scores[0]) - np.sort(scores[1])
        assert along.std() / math.sqrt(40) <= bound_image_error(*scores.mean(axis=1), 40, opposed=False)


IMAGES = 200
SIDES: dict[str, Any] = {"arm": {"pool.name": "max"}, "baseline": {"pool.name": "avg"}}


def make_runs(**cells: Any) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    easy = rng.random(IMAGES)
    rows = []
    for pool, gain in (("max", 0.3), ("avg", 0.0)):
        for seed in range(10):
            correct = rng.random(IMAGES) < (easy + gain * (easy > 0.5)) / 1.5
            score = 0.5 + gain + rng.normal(0, 0.02)
            row = {"digest": pool, "seed": seed, "status": "done", "pool.name": pool, "test_size": IMAGES}
            row |= {"test_accuracy": correct.mean(), "test_correct": pack_bits(correct.tolist())}
            rows.append(row | {"consistency_zero_3": score, "overfit_depth": score, "pool1_r2": score, **cells})
    return pd.DataFrame(rows)


def list_of(runs: pd.DataFrame, measure: str, **changes: Any) -> pd.DataFrame:
    contrast = Contrast("made", "4a", 4, "max is better", measure, "points", delta=1.0, **SIDES)
    verdicts = judge_contrasts(runs, [contrast]).assign(**changes)
    return list_image_errors(verdicts, [contrast], {"made": runs}.__getitem__)


def test_a_share_of_images_has_all_errors_in_its_unit() -> None:
    runs = make_runs()
    row = list_of(runs, "consistency_zero_3").iloc[0]
    means = [runs.loc[runs["pool.name"] == pool, "consistency_zero_3"].mean() for pool in ("max", "avg")]
    assert (row["id"], row["verdict"], row["images"]) == ("4a", "strongly supported", IMAGES)
    assert row["largest"] == pytest.approx(100 * bound_image_error(*means, IMAGES))
    assert row["unopposed"] == pytest.approx(100 * bound_image_error(*means, IMAGES, opposed=False))
    correct = read_correct(runs["test_correct"].tolist())
    assert row["as_accuracy"] == pytest.approx(100 * math.sqrt(find_image_variance(correct[:10] - correct[10:])))
    assert row["as_accuracy"] > 0


@pytest.mark.parametrize(
    ("cells", "measure", "images"),
    [
        ({}, "consistency_zero_3", 200),  # fewer than the 500 that are probed
        ({"test_size": 900}, "consistency_zero_3", 500),
        ({"measure.images": 50}, "consistency_zero_3", 50),
        ({}, "overfit_depth", 200),
        ({}, "pool1_r2", math.nan),
    ],
)
def test_how_many_images_a_measure_is_of(cells: dict[str, Any], measure: str, images: float) -> None:
    runs = make_runs(**cells).drop(columns="test_correct")
    row = list_of(runs, measure).iloc[0]
    assert row["images"] == pytest.approx(images, nan_ok=True)
    assert math.isnan(row["largest"]) == (measure != "consistency_zero_3")
    assert math.isnan(row["as_accuracy"])


@pytest.mark.parametrize(("val", "images"), [("train[35000:40000]", 5000), ("train[:100]", 100), ("train[9:]", None)])
def test_a_gap_at_equal_fit_is_of_the_validation_images(val: str, images: int | None) -> None:
    runs = make_runs(**{"data.val": val, "gap_at_equal_loss": 0.0})
    contrast = Contrast("made", "2i", 2, "", "gap_at_equal_loss", "points", delta=1.0, **SIDES)
    row = {"id": "2i", "claim": 2, "study": "made", "kind": "difference", "direction": "higher", "delta": 1.0, "n": 10}
    row |= {"verdict": "supported", "sd": 1.0, "effect": 5.0, "low": 4.0, "high": 6.0, "image_error": math.nan}
    listed = list_image_errors(
        pd.DataFrame([row]), [contrast], {"made": runs.drop(columns="test_correct")}.__getitem__
    ).iloc[0]
    if images is None:
        assert math.isnan(listed["images"])
    else:
        assert listed["images"] == images
        assert listed["largest"] == pytest.approx(100 / math.sqrt(images))
        assert listed["unopposed"] == pytest.approx(100 * math.sqrt(0.5 / images))


def test_runs_that_were_trained_again_give_the_error_of_their_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = make_runs()
    rng = np.random.default_rng(2)
    scores = rng.random((2, 2, IMAGES)).round()  # of either arm, at two seeds; none is like another
    again = [
        {"digest": pool, "seed": seed, "image_scores.consistency_zero_3": pack_scores(scores[side, seed].tolist())}
        for side, pool in enumerate(("max", "avg"))
        for seed in (0, 1)
    ]
    (tmp_path / "made").mkdir()
    monkeypatch.setattr(image_sensitivity, "shipped", lambda name: {"experiments": tmp_path}[name])
    assert math.isnan(list_of(runs, "consistency_zero_3").iloc[0]["measured"])
    for rows, known in ((again, True), (again[:3], False)):
        pd.DataFrame(rows).to_csv(tmp_path / "made" / "image_scores.csv", index=False)
        measured = list_of(runs, "consistency_zero_3").iloc[0]["measured"]
        assert math.isnan(measured) is not known
        if known:
            assert measured == pytest.approx(100 * math.sqrt(find_image_variance(scores[0] - scores[1])))
            assert math.isnan(list_of(runs, "overfit_depth").iloc[0]["measured"])


def test_scores_of_runs_that_were_trained_again_are_like_those_of_the_committed_runs() -> None:
    """Not the same: another processor rounds otherwise, and training enlarges that."""
    results = Path(__file__).parents[2] / "results"
    for path in sorted(shipped("experiments").glob("*/image_scores.csv")):
        runs = collect(results, path.parent.name).runs
        scores = pd.read_csv(path, dtype={"digest": str})
        both = runs.merge(scores, on=["digest", "seed"])
        assert len(both) == len(scores) > 0
        for column in scores.columns[2:]:
            means = read_scores(both[column].tolist()).mean(axis=1)
            assert means == pytest.approx(find_column(both, column.partition(".")[2]).to_numpy(float), abs=0.01)


def test_only_verdicts_without_the_error_of_their_images_are_listed() -> None:
    runs = make_runs()
    assert list_of(runs, "test_accuracy").empty  # its images are known
    for changes in ({"verdict": "inconclusive"}, {"verdict": "described"}, {"kind": "exact"}, {"n": 0}):
        assert list_of(runs, "consistency_zero_3", **changes).empty
    assert not lacks_image_error({"kind": "exact", "verdict": "supported", "n": 3, "image_error": math.nan})
