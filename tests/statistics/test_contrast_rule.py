"""The rule for one contrast, and the count over many: cases worked by hand, SciPy's intervals, and error rates."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from poolscope.statistics.contrast_rule import (
    TOO_FEW,
    count_needed_seeds,
    count_shown,
    estimate,
    judge,
    judge_equivalent,
    judge_noninferior,
)
from poolscope.statistics.inference import find_detectable, find_needed

SHAPE = np.array([-1.5, -1.0, -0.5, -0.2, 0.0, 0.0, 0.2, 0.5, 1.0, 1.5])


def spread(mean: float, sd: float, n: int = 10) -> np.ndarray:
    shape = np.linspace(-1, 1, n)
    return mean + sd * shape / shape.std(ddof=1)


@pytest.mark.parametrize(
    ("mean", "sd", "verdict"),
    [
        (0.0, 0.5, "refuted-negligible"),
        (0.5, 0.1, "refuted-negligible"),  # though 0 lies outside the interval
        (-2.0, 1.0, "refuted-reversed"),
        (1.2, 1.0, "supported"),
        (3.0, 1.0, "strongly supported"),
        (-0.6, 1.2, "refuted-too-small"),
        (0.6, 2.0, "inconclusive"),
        (-0.5, 3.0, "inconclusive"),
    ],
)
def test_a_difference_case_by_case(mean: float, sd: float, verdict: str) -> None:
    assert judge(spread(mean, sd), delta=1.0).verdict == verdict


@pytest.mark.parametrize(
    ("mean", "verdict"), [(0.5, "supported"), (-0.5, "supported"), (-1.0, "inconclusive"), (-1.5, "refuted-inferior")]
)
def test_noninferiority_is_against_its_bound(mean: float, verdict: str) -> None:
    judged = judge_noninferior(mean + 0.3 * SHAPE, 1.0)
    assert judged.verdict == verdict
    assert (judged.p_hold < 0.025) == (verdict == "supported")
    assert (judged.p_fail < 0.025) == (verdict == "refuted-inferior")


@pytest.mark.parametrize(
    ("mean", "verdict"), [(0.0, "supported"), (0.6, "supported"), (1.0, "inconclusive"), (-1.5, "refuted-different")]
)
def test_equivalence_is_two_one_sided_tests(mean: float, verdict: str) -> None:
    judged = judge_equivalent(mean + 0.3 * SHAPE, 1.0)
    assert judged.verdict == verdict
    assert (judged.p_hold < 0.025) == (verdict == "supported")


def test_under_skew_the_p_value_is_that_of_the_bootstrap() -> None:
    """The share of the studentised means that lie as far out, itself counted, where that is more than Student's."""
    differences = -(np.arange(8.0) ** 3)
    mean = estimate(differences)
    bound = mean.mean - 1.2 * mean.error
    beyond = (mean.studentised >= 1.2 - 1e-9).sum()
    expected = (1 + beyond) / (1 + mean.studentised.size)
    assert expected > stats.t.sf(1.2, 7)
    assert mean.p_above(bound) == pytest.approx(expected)


@pytest.mark.parametrize("rule", [judge, judge_noninferior, judge_equivalent])
def test_a_larger_family_needs_a_stronger_effect(rule: Any) -> None:
    """Of several contrasts the interval is at level 1 - 0.05 / family."""
    differences = spread(0.0 if rule is judge_equivalent else 1.0, 1.0, n=12)
    low, high = estimate(differences).interval(1 - 0.05 / 3)
    wide = 1.001 * max(abs(low), high) if rule is judge_equivalent else 1.0
    single, family = (rule(differences, wide, size) for size in (1, 3))
    assert (family.low, family.high) == pytest.approx((low, high))
    assert single.low > family.low and single.high < family.high
    if rule is judge_equivalent:
        assert rule(differences, 0.999 * max(abs(low), high), 3).verdict == "inconclusive"
        assert family.verdict == "supported"


def test_the_interval_is_at_least_that_of_student_and_is_widened_by_the_images() -> None:
    differences = 2 + SHAPE
    student = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    low, high = estimate(differences).interval(0.95)
    assert low <= student.low < student.high <= high
    wide = estimate(differences, image_variance=3 * estimate(differences).error ** 2)
    assert wide.error == pytest.approx(2 * estimate(differences).error)
    assert wide.interval(0.95)[1] - 2 == pytest.approx(2 * (high - 2))


@pytest.mark.parametrize("bound", [-1.0, 0.3, 1.0, 1.9, 2.5])
@pytest.mark.parametrize("family", [1, 4])
def test_p_and_interval_agree(bound: float, family: int) -> None:
    for differences in (2 + SHAPE, 2 + np.exp(SHAPE) - np.exp(SHAPE).mean()):
        mean = estimate(differences)
        low, high = mean.interval(1 - 0.05 / family)
        assert (mean.p_above(bound) <= 0.025 / family) == (low > bound)
        assert (mean.p_below(bound) <= 0.025 / family) == (high < bound)


@given(st.lists(st.floats(-5, 5).map(lambda value: round(value, 2)), min_size=2, max_size=12), st.integers(1, 9))
def test_a_verdict_turns_with_the_sign(values: list[float], family: int) -> None:
    mean, mirrored = estimate(values), estimate([-value for value in values])
    assert mean.p_above(0.5) == pytest.approx(mirrored.p_below(-0.5))
    low, high = mean.interval(1 - 0.05 / family)
    assert (low, high) == pytest.approx(
        (-mirrored.interval(1 - 0.05 / family)[1], -mirrored.interval(1 - 0.05 / family)[0])
    )


@pytest.mark.parametrize(("family", "seeds"), [(1, 6), (2, 7), (4, 8), (9, 9), (25, 10)])
def test_no_verdict_where_the_seeds_cannot_reach_the_level(family: int, seeds: int) -> None:
    assert count_needed_seeds(family) == seeds
    assert 2 / 2**seeds <= 0.05 / family < 2 / 2 ** (seeds - 1)
    for rule in (judge, judge_noninferior, judge_equivalent):
        few = rule(spread(5.0, 0.01, seeds - 1), 1.0, family)
        assert (few.verdict, few.p_hold, few.p_fail) == (TOO_FEW, 1.0, 1.0)
        assert rule(spread(5.0, 0.01, seeds), 1.0, family).verdict != TOO_FEW
    assert judge([0.3], 1.0).verdict == judge([], 1.0).verdict == TOO_FEW


def test_differences_without_spread_are_certain() -> None:
    assert judge([2.0] * 8, 1.0).verdict == "strongly supported"
    assert judge([0.0] * 8, 1.0).verdict == "refuted-negligible"


def test_a_verdict_says_what_it_could_have_seen() -> None:
    verdict = judge(spread(0.6, 2.0), delta=1.0)
    assert verdict.detectable == pytest.approx(2.0 * find_detectable(10))
    assert verdict.needed == find_needed(0.5)
    assert math.isnan(judge([0.3], 1.0).detectable)


@pytest.mark.parametrize(
    ("p", "found"),
    [
        ([], 0),
        ([0.02], 1),
        ([0.03], 0),
        ([0.02, 0.02, 0.02, 0.02], 4),  # all at once: the largest p is at most the level
        ([0.005, 0.03, 0.5, 1.0], 1),  # 4 x 0.005 = 0.02, then 3 x 0.03 / 1, 3 x 0.5 / 2, 3 x 1 / 3 are above
        ([0.007, 0.5, 0.5, 1.0], 0),  # 4 x 0.007 = 0.028
        ([0.001, 0.001, 0.012, 1.0], 3),  # 2 x 0.012 = 0.024
        ([1.0, 0.001, 0.013, 0.001], 2),
    ],
)
def test_partial_conjunctions_worked_by_hand(p: list[float], found: int) -> None:
    assert count_shown(p, 0.025) == found


def test_false_counts_are_as_rare_as_stated() -> None:
    rng = np.random.default_rng(5)
    for false in (0, 2, 4):
        p = rng.uniform(size=(2000, 5))
        p[:, :false] = 1e-9
        assert np.mean([count_shown(row, 0.025) > false for row in p]) <= 0.025 + 3 * math.sqrt(0.025 / 2000)


def test_error_rates_hold_where_differences_are_normal_and_are_bounded_where_they_are_skewed() -> None:
    """At 10 seeds and a family of 4: nominal 0.0063 each way; Student's interval alone errs eight times as often."""
    rng = np.random.default_rng(6)
    normal, skewed = rng.normal(size=(1200, 10)), 1 - rng.exponential(size=(1200, 10))
    assert np.mean([estimate(sample).interval(0.9875)[0] > 0 for sample in normal]) <= 0.0063 + 0.007
    ours = np.mean([estimate(sample).interval(0.9875)[0] > 0 for sample in skewed])
    student = np.mean(stats.ttest_1samp(skewed, 0, axis=1).confidence_interval(0.9875).low > 0)
    assert ours <= 0.6 * student


@pytest.mark.parametrize(
    ("effect", "sd", "expected"),
    [
        (0.0, 1.0, {"supported": 0.0, "refuted-negligible": 0.16, "refuted-too-small": 0.30}),
        (0.5, 1.0, {"supported": 0.02, "refuted-negligible": 0.07}),
        (1.0, 1.0, {"supported": 0.35, "refuted-negligible": 0.0}),
        (2.0, 1.0, {"supported": 0.955}),
        (-2.0, 1.0, {"refuted-reversed": 0.94}),
        (0.0, 0.5, {"refuted-negligible": 0.89}),
        (1.5, 0.5, {"supported": 1.0}),
    ],
)
def test_how_often_the_rule_says_what(effect: float, sd: float, expected: dict[str, float]) -> None:
    """Ten seeds, a family of four; shares of 600 draws, to be met by 250 others within three standard errors."""
    draws = np.random.default_rng([int(10 * effect) + 50, int(10 * sd)]).normal(effect, sd, (250, 10))
    verdicts = [judge(differences, 1.0, 4).verdict.removeprefix("strongly ") for differences in draws]
    for verdict, share in expected.items():
        room = 3 * math.sqrt(max(share * (1 - share), 0.01) / 250)
        assert verdicts.count(verdict) / 250 == pytest.approx(share, abs=room), verdict
