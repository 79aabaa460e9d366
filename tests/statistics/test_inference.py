"""Statistics against closed forms, brute force, the literature's examples, and simulated error rates."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from poolscope.statistics.inference import (
    adjust_holm,
    contrast_arms,
    find_detectable,
    find_needed,
    find_power,
    judge,
    pair_by_seed,
    permute_signs,
    pool_contexts,
    summarise,
    summarise_runs,
)

NUMBERS = st.floats(-100, 100).map(lambda value: round(value, 3))


@given(st.lists(NUMBERS, min_size=2, max_size=30))
def test_summaries_equal_scipys(values: list[float]) -> None:
    summary = summarise(values)
    assert summary.n == len(values)
    assert summary.mean == pytest.approx(np.mean(values))
    assert summary.sd == pytest.approx(np.std(values, ddof=1))
    if summary.sd > 1e-9:
        low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
        assert (summary.low, summary.high) == pytest.approx((low, high))


def test_a_summary_worked_by_hand() -> None:
    summary = summarise([1.0, 2.0, 3.0, math.nan])  # t(0.975, 2) = 4.302653, sd = 1
    assert (summary.n, summary.mean, summary.sd) == (3, 2.0, 1.0)
    assert summary.high == pytest.approx(2 + 4.302653 / math.sqrt(3), abs=1e-6)


def test_one_value_has_no_interval_and_none_no_mean() -> None:
    assert summarise([0.5]).mean == 0.5
    assert math.isnan(summarise([0.5]).low)
    assert summarise([]).n == 0
    assert math.isnan(summarise([]).mean)


@given(st.lists(NUMBERS, min_size=2, max_size=8))
def test_sign_flips_equal_brute_force(values: list[float]) -> None:
    observed = abs(sum(values))
    flipped = [abs(np.dot(signs, values)) for signs in itertools.product((-1, 1), repeat=len(values))]
    exact = np.mean([total >= observed * (1 - 1e-12) - 1e-9 for total in flipped])
    assert permute_signs(values) == pytest.approx(exact)


def test_the_least_p_of_six_seeds() -> None:
    assert permute_signs([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]) == pytest.approx(2 / 2**6)
    assert permute_signs([0.1, 0.2, 0.3, 0.4, 0.5]) == pytest.approx(2 / 2**5)  # above 0.05
    assert math.isnan(permute_signs([0.1]))


def test_many_seeds_are_sampled_the_same_way_every_time() -> None:
    values = np.random.default_rng(1).normal(0.3, 1, 25)
    assert permute_signs(values) == permute_signs(values)
    assert permute_signs(values) == pytest.approx(stats.ttest_1samp(values, 0).pvalue, abs=0.02)


def test_holm_worked_by_hand() -> None:
    assert adjust_holm([0.01, 0.02, 0.2]) == pytest.approx([0.03, 0.04, 0.2])
    assert adjust_holm([0.2, 0.01, 0.02]) == pytest.approx([0.2, 0.03, 0.04])
    assert adjust_holm([0.04, 0.03, 0.03]) == pytest.approx([0.09, 0.09, 0.09])
    assert adjust_holm([0.6, 0.7]) == pytest.approx([1.0, 1.0])
    np.testing.assert_array_equal(adjust_holm([math.nan, 0.01]), [math.nan, 0.01])
    assert adjust_holm([]).size == 0


def _made_runs() -> pd.DataFrame:
    values = {"max": [0.80, 0.82, 0.84], "avg": [0.81, 0.84, 0.87], "min": [0.5, 0.6]}
    rows = [
        {"setting": "mnist", "arm": arm, "seed": seed, "test_accuracy": value}
        for arm, of_arm in values.items()
        for seed, value in enumerate(of_arm)
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=0)  # the order of rows must not matter


def test_differences_are_paired_by_seed() -> None:
    assert pair_by_seed(_made_runs(), "avg", "max", "test_accuracy").tolist() == pytest.approx([0.01, 0.02, 0.03])
    assert pair_by_seed(_made_runs(), "min", "max", "test_accuracy").index.tolist() == [0, 1]


def test_contrasts_worked_by_hand() -> None:
    baselines = {("mnist", arm): "max" for arm in ("max", "avg", "min")}
    contrasts = contrast_arms(_made_runs(), baselines, "test_accuracy", scale=100).set_index("arm")
    avg = contrasts.loc["avg"]
    assert (avg["n"], avg["difference"]) == (3, pytest.approx(2.0))
    assert avg["low"] == pytest.approx(2 - 4.302653 / math.sqrt(3), abs=1e-5)
    assert avg["p"] == pytest.approx(0.25)
    assert avg["p_holm"] == pytest.approx(0.5)  # of two contrasts: min has two seeds, so p = 0.5
    assert contrasts.loc["min", "difference"] == pytest.approx(-26.0)
    assert contrasts.loc["min", "p_holm"] == pytest.approx(0.5)
    assert "too few seeds" in avg["note"]


def test_summaries_by_arm_keep_the_order_of_appearance() -> None:
    runs = _made_runs().sort_values(["arm", "seed"], ascending=False)
    table = summarise_runs(runs, ["test_accuracy"])
    assert table["arm"].tolist() == ["min", "max", "avg"]
    assert table["mean"].tolist() == pytest.approx([0.55, 0.82, 0.84])


@pytest.mark.parametrize(
    ("seeds", "family", "detectable"),
    [(3, 1, 3.26), (5, 1, 1.68), (10, 1, 1.00), (20, 1, 0.66), (5, 12, 3.31), (10, 12, 1.53)],
)
def test_detectable_effects_equal_published_power(seeds: int, family: int, detectable: float) -> None:
    assert find_detectable(seeds, family) == pytest.approx(detectable, abs=0.006)


@given(st.floats(0.3, 3.0), st.integers(1, 6))
def test_needed_seeds_are_the_fewest(effect: float, family: int) -> None:
    needed = find_needed(effect, family)
    assert needed is not None
    assert find_power(effect, needed, family) >= 0.8
    assert needed == 2 or find_power(effect, needed - 1, family) < 0.8


def test_an_effect_of_nothing_needs_more_seeds_than_there_are() -> None:
    assert find_needed(1e-5) is None


def _with_mean_and_sd(mean: float, sd: float, n: int = 10) -> np.ndarray:
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
        (-0.6, 1.0, "refuted-too-small"),
        (0.6, 2.0, "inconclusive"),
        (-0.5, 3.0, "inconclusive"),
    ],
)
def test_the_verdict_rule_case_by_case(mean: float, sd: float, verdict: str) -> None:
    assert judge(_with_mean_and_sd(mean, sd), delta=1.0).verdict == verdict


def test_a_verdict_says_what_it_could_have_seen() -> None:
    verdict = judge(_with_mean_and_sd(0.6, 2.0), delta=1.0)
    assert verdict.detectable == pytest.approx(2.0 * find_detectable(10))
    assert verdict.needed == find_needed(0.5)
    single = judge([0.3], 1.0)
    assert (single.verdict, single.n, single.mean, single.needed) == ("inconclusive", 1, 0.3, None)
    assert math.isnan(single.detectable)


def test_error_rates_of_the_verdict_rule() -> None:
    """Ten seeds, sd of differences = delta, family of four; bounds are the specified rates with room for 1500 draws."""
    rng = np.random.default_rng(20)

    def rates(effect: float, sd: float = 1.0, draws: int = 1500) -> dict[str, float]:
        verdicts = [judge(sample, 1.0, family=4).verdict for sample in rng.normal(effect, sd, (draws, 10))]
        return {
            name: np.mean([name in verdict for verdict in verdicts]) for name in ("supported", "negligible", "reversed")
        }

    null, full, half_more, reverse = rates(0.0), rates(1.0), rates(1.5), rates(-2.0, draws=400)
    assert null["supported"] <= 0.025
    assert null["negligible"] == pytest.approx(0.79, abs=0.05)
    assert full["negligible"] <= 0.06
    assert full["supported"] == pytest.approx(0.43, abs=0.06)
    assert half_more["supported"] >= 0.85
    assert reverse["reversed"] >= 0.97


def test_t_intervals_of_five_seeds_cover_and_bootstrap_ones_do_not() -> None:
    rng = np.random.default_rng(3)
    samples = rng.normal(size=(1500, 5))
    covered = np.mean([summary.low <= 0 <= summary.high for summary in map(summarise, samples)])
    assert covered >= 0.93
    resampled = samples[:, rng.integers(0, 5, (400, 5))].mean(axis=2)
    low, high = np.quantile(resampled, [0.025, 0.975], axis=1)
    assert np.mean((low <= 0) & (high >= 0)) < 0.90


@pytest.mark.parametrize("n", [2, 3, 6, 10, 50])
def test_power_is_defined_and_rises_for_every_effect(n: int) -> None:
    powers = [find_power(effect, n) for effect in (0.0, 0.5, 1.5, 2.75, 4.0, 4.75, 8.0, 16.0)]
    assert powers[0] == pytest.approx(0.05)
    assert all(earlier <= later + 1e-9 for earlier, later in itertools.pairwise(powers))


def test_contexts_pooled_by_hand() -> None:
    # effects 1, 2, 6 with errors 1: w = 1, mean 3, Q = 4 + 1 + 9 = 14, tau² = (14 - 2) / (3 - 1) = 6, v = 1/7;
    # se² = (14 / 7) / (2 * 3/7) = 7/3, as 1 / Σv; t(0.975, 2) = 4.302653, t(0.975, 1) = 12.706205
    pooled = pool_contexts([1.0, 2.0, 6.0], [1.0, 1.0, 1.0])
    assert (pooled.contexts, pooled.mean, pooled.tau) == (3, pytest.approx(3.0), pytest.approx(math.sqrt(6)))
    assert pooled.high == pytest.approx(3 + 4.302653 * math.sqrt(7 / 3), abs=1e-5)
    assert pooled.prediction_low == pytest.approx(3 - 12.706205 * math.sqrt(6 + 7 / 3), abs=1e-4)


def test_contexts_that_agree_have_no_spread_and_weigh_by_their_precision() -> None:
    # weights 1 and 4: mean (1 + 4 * 1.5) / 5 = 1.4, Q = 0.16 + 4 * 0.01 = 0.2 < 1; se² = 1/5
    pooled = pool_contexts([1.0, 1.5], [1.0, 0.5])
    assert (pooled.mean, pooled.tau) == (pytest.approx(1.4), 0.0)
    assert pooled.high - pooled.mean == pytest.approx(12.706205 * math.sqrt(0.2), abs=1e-5)
    assert math.isnan(pooled.prediction_low)


def test_one_context_and_none_have_no_interval() -> None:
    assert pool_contexts([2.0], [1.0]).mean == 2.0
    assert math.isnan(pool_contexts([2.0], [1.0]).low)
    assert pool_contexts([], []).contexts == 0
