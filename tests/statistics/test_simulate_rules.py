"""scripts/simulate_rules.py: what it draws has the spreads that were asked for, and is judged as the rule judges."""

from __future__ import annotations

import math
import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from poolscope.statistics.claim_rule import LEVEL
from poolscope.statistics.claims import Claim, Contrast
from poolscope.statistics.contrast_rule import judge, judge_noninferior
from poolscope.statistics.verdicts import judge_contrasts
from poolscope.store.record import pack_bits

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "simulate_rules.py"))
SHAPE = np.array([-1.5, -0.5, 0.0, 0.5, 1.5]) / math.sqrt(1.25)  # mean 0, standard deviation 1
OTHER = np.array([-0.5, -1.5, 0.0, 1.5, 0.5]) / math.sqrt(1.25)  # correlated with it by 0.6


def make_rule(rule: str = "all", sd: tuple[float, ...] = (1.0,), images: float = 0.0, **given: Any) -> Any:
    """Contrasts of one study each, unless `seen` says more."""
    k = len(sd)
    claim = Claim(1, "", "", rule, lacks=given.pop("lacks", ""))
    start = {"kinds": ("difference",) * k, "seen": (SHAPE[:, None],) * k}
    return SCRIPT["Rule"](claim, sd=np.array(sd), images=np.full(k, images), **{**start, **given})


def weigh_made(rule: Any, *p: tuple[float, float]) -> Any:
    """Evidence of one draw with these p values of holding and failing."""
    hold, fail = np.array(p).T[:, None]
    means = np.where(hold < 0.5, 2.0, -2.0)
    return SCRIPT["Evidence"](hold, fail, fail < LEVEL / len(p), means, np.full_like(means, 0.1))


@pytest.mark.parametrize("n", [8, 10, 24])
def test_evidence_is_that_of_the_rule_for_one_contrast(n: int) -> None:
    rng = np.random.default_rng(0)
    samples = np.linspace(-3, 3, 60)[:, None, None] + rng.exponential(1, (60, n, 2)) - 1
    rule = make_rule("often", (1.0, 1.0), images=0.01, kinds=("difference", "noninferior"))
    found = rule.weigh(samples)
    for column, decide in enumerate((judge, judge_noninferior)):
        judged = [decide(samples[draw, :, column], 1.0, 2, 0.01) for draw in range(len(samples))]
        for name, values in (("p_hold", found.hold), ("p_fail", found.fail)):
            expected = np.array([getattr(verdict, name) for verdict in judged])
            shown = expected <= LEVEL
            assert 5 < shown.sum() < 55, "both cases must come up"
            assert values[shown, column] == pytest.approx(expected[shown], abs=2.1e-4), "two of 9,999 bootstrap samples"
            assert (values[~shown, column] > LEVEL).all()
        if decide is judge:
            assert found.reversed[:, column].tolist() == [found.verdict == "refuted-reversed" for found in judged]


def test_a_mean_that_is_least_is_reversed_only_by_a_rule_that_asks() -> None:
    samples = -5 + 0.1 * np.tile(SHAPE, 2)[None, :, None]
    assert make_rule("often").weigh(samples).reversed.all()
    assert not make_rule("all").weigh(samples).reversed.any()


@pytest.mark.parametrize("noise", SCRIPT["NOISES"])
def test_contrasts_correlate_within_a_study_and_not_between_studies(noise: str) -> None:
    """Both studies have the same rows, as where their seeds have the same numbers."""
    rows = np.column_stack([SHAPE, OTHER])
    rule = make_rule(sd=(2.0, 1.0, 0.5, 1.0), seen=(rows, rows))
    errors = rule.draw(noise, 10, 2_000, 1, np.random.default_rng(0)).reshape(-1, 4)
    assert errors.mean(axis=0) == pytest.approx(0, abs=0.06)
    assert errors.std(axis=0) == pytest.approx([2.0, 1.0, 0.5, 1.0], rel=0.03)
    correlations = np.corrcoef(errors.T)
    assert correlations[:2, 2:] == pytest.approx(0, abs=0.04)
    assert [correlations[0, 1], correlations[2, 3]] == pytest.approx([0.6, 0.6], abs=0.06)


def test_exponential_errors_are_skewed_to_the_side_that_is_asked_for() -> None:
    """Means look too large where the long tail is below the mean: the largest error is 1 standard deviation."""
    high, low = (make_rule().draw("exponential", 10, 100, side, np.random.default_rng(0)) for side in (1, -1))
    assert (high.max() <= 1, high.min() < -3) == (True, True)
    assert (low.min() >= -1, low.max() > 3) == (True, True)


@pytest.mark.parametrize("n", [10, 80])
def test_more_seeds_don_t_shrink_the_error_of_the_images(n: int) -> None:
    rule = make_rule(images=0.25)
    samples = rule.draw("normal", n, 4_000, 1, np.random.default_rng(0))
    assert samples.mean(axis=1).var() == pytest.approx(1 / n + 0.25, rel=0.1)
    spread = samples.std(axis=1, ddof=1)
    assert rule.weigh(samples).errors == pytest.approx(np.sqrt(spread**2 / n + 0.25)), "and the rule is given it"


def test_a_claim_of_one_contrast_errs_at_its_level() -> None:
    row = SCRIPT["simulate"](make_rule(sd=(3.0,)), "normal", 10, 4_000)
    for error in ("supported_null", "supported_worst", "refuted_worst"):
        assert 0.014 < row[error] < 0.033, (
            "2.5 %, a Monte Carlo standard error being 0.25 %, and the hull of two intervals"
        )
    assert row["supported_worst"] == row["supported_null"], "of one contrast there are no others"


@pytest.mark.parametrize(("k", "hold", "fail"), [(13, 6, 6), (16, 8, 7)])
def test_of_often_the_worst_cases_are_one_contrast_from_the_verdict(k: int, hold: int, fail: int) -> None:
    rule = make_rule("often", (0.01,) * k)
    nothing = weigh_made(rule, *[(1.0, 1.0)] * k)
    for side, count, verdict in ((1, hold, "supported"), (-1, fail, "refuted")):
        at, beyond = (SCRIPT["settle"](nothing, nothing.hold, number, side, rule) for number in (count, count + 1))
        assert (rule.decide(at).tolist(), rule.decide(beyond).tolist()) == (["open"], [verdict])
    row = SCRIPT["simulate"](rule, "normal", 10, 50)
    assert (row["supported_2delta"], row["refuted_2delta"]) == (1.0, 1.0)
    assert row["supported_worst"] == 0.0, "an effect of 0 is never seen as δ where it is measured to 0.003 δ"
    assert row["refuted_worst"] <= 0.1, "2.5 % of 50 draws, and all of them with one more beyond doubt"


def test_those_that_err_most_stay_in_doubt() -> None:
    rule = make_rule(sd=(1.0, 1.0, 1.0))
    evidence = weigh_made(rule, (0.5, 1.0), (0.01, 1.0), (0.5, 1.0))
    assert SCRIPT["settle"](evidence, evidence.hold, 2, 1, rule).hold[0].tolist() == [1e-4, 0.01, 1e-4]
    assert rule.decide(SCRIPT["settle"](evidence, evidence.hold, 2, 1, rule)) == ["supported"]


def test_what_keeps_a_claim_from_being_supported() -> None:
    assert SCRIPT["simulate"](make_rule(lacks="a part"), "normal", 10, 20)["supported_2delta"] == 0
    assert SCRIPT["simulate"](make_rule(sd=(0.01,) * 13), "normal", 9, 20)["supported_2delta"] == 0, "too few seeds"


CONTRAST = Contrast("one", "1a", 1, "", "test_accuracy", "points", delta=0.5, arm={"pool.name": "max"}, planned=6)
CONTRAST = replace(CONTRAST, baseline={"pool.name": "avg"}, kind="noninferior")


def make_tables(**accuracies: list[float]) -> Any:
    rows = [
        {
            "digest": pool,
            "seed": seed,
            "status": "done",
            "data.name": "mnist",
            "pool.name": pool,
            "test_accuracy": value,
        }
        for pool, values in accuracies.items()
        for seed, value in enumerate(values)
    ]
    return SimpleNamespace(runs=pd.DataFrame(rows), curves=None)


def test_a_study_that_is_not_finished_shortens_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    """Differences of 1 to 6 points have the variance 3.5, of 1 to 3 points 1; δ is half a point."""
    tables = {"one": make_tables(max=[0.81, 0.82, 0.83, 0.84, 0.85, 0.86], avg=[0.8] * 6)}
    tables["two"] = make_tables(max=[0.81, 0.82, 0.83], avg=[0.8] * 3)
    contrasts = [replace(CONTRAST, study="two", id="1b", kind="difference"), CONTRAST]
    rule = SCRIPT["read_rule"](Claim(1, "", "", "all"), contrasts, tables)
    assert rule.kinds == ("noninferior", "difference"), "in the order of their studies"
    assert rule.sd.tolist() == pytest.approx([math.sqrt(3.5) / 0.5, 1 / 0.5])
    assert [len(rows) for rows in rule.seen] == [6, 3]
    assert rule.planned == 6
    assert capsys.readouterr().out == "Claim 1, contrast 1b of two: its spread is that of 3 seeds, of 6 planned.\n"


def test_a_contrast_without_its_runs_is_left_out_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    tables = {"one": make_tables(max=[0.81, 0.82, 0.83, 0.84, 0.85, 0.86], avg=[0.8] * 6)}
    tables["two"] = make_tables(max=[0.81, 0.82, 0.83])
    contrasts = [CONTRAST, replace(CONTRAST, study="two", id="1b"), replace(CONTRAST, study="three", id="1c")]
    assert len(SCRIPT["read_rule"](Claim(1, "", "", "all"), contrasts, tables).sd) == 1
    said = capsys.readouterr().out
    assert "contrast 1b of two: left out" in said
    assert "contrast 1c of three: left out, as its study has no runs" in said
    assert "without 2 of 3 contrasts" in said
    assert SCRIPT["read_rule"](Claim(1, "", "", "all"), contrasts[1:], tables) is None


def test_contrasts_of_a_study_without_common_seeds_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    nothing = [math.nan] * 3
    tables = make_tables(max=[0.81, 0.82, 0.84, *nothing], blur=[*nothing, 0.8, 0.7, 0.6], avg=[0.8] * 6)
    contrasts = [CONTRAST, replace(CONTRAST, id="1b", arm={"pool.name": "blur"})]
    assert SCRIPT["read_rule"](Claim(1, "", "", "all"), contrasts, {"one": tables}) is None
    assert "one is left out, as 0 seeds have all of its contrasts" in capsys.readouterr().out


def test_the_share_of_the_images_becomes_a_variance_that_gives_it_back() -> None:
    """The ledger's image_error is what the standard error grows by at the seeds that were run."""
    tables = make_tables(max=[0.5, 0.75, 1.0, 0.75], avg=[0.25, 0.5, 0.25, 0.5])
    right = ["1100", "1110", "1111", "1110", "0001", "0011", "0010", "0011"]  # of four images, by run
    tables.runs["test_correct"] = [pack_bits([bit == "1" for bit in bits]) for bits in right]
    share = judge_contrasts(tables.runs, [CONTRAST])["image_error"].iloc[0]
    assert share > 0
    rule = SCRIPT["read_rule"](Claim(1, "", "", "all"), [CONTRAST], {"one": tables})
    assert math.sqrt(rule.sd[0] ** 2 / 4 + rule.images[0]) == pytest.approx((1 + share) * rule.sd[0] / 2)
