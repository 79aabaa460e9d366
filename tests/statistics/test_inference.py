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
    find_bounds,
    find_detectable,
    find_needed,
    find_power,
    pair_by_seed,
    permute_signs,
    summarise,
    summarise_runs,
    t_quantile,
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


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
@pytest.mark.parametrize("kind", ["random", "tied", "equal", "zero"])
def test_sign_flips_have_the_p_of_scipy_to_the_last_bit(kind: str, alternative: str) -> None:
    rng = np.random.default_rng(3)
    for n in (2, 3, 6, 10):
        drawn = rng.normal(0.3, 1, n)
        values = {"random": drawn, "tied": np.round(drawn, 1), "equal": np.full(n, 0.1), "zero": np.zeros(n)}[kind]
        theirs = stats.permutation_test(
            (values,), np.mean, permutation_type="samples", alternative=alternative, n_resamples=np.inf
        )
        assert permute_signs(values, alternative) == theirs.pvalue


def test_the_quantile_is_that_of_scipys_distribution_to_the_last_bit() -> None:
    for degrees, probability in itertools.product((1, 2, 4, 9, 29, 1000), (0.5, 0.9, 0.975, 1 - 0.025 / 7, 0.9999)):
        assert t_quantile(probability, degrees) == stats.t.ppf(probability, degrees)


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
    assert avg["note"] == "too few seeds for p < 0.05 (least p 0.25)"
    assert contrasts.loc["min", "note"] == "too few seeds for p < 0.05 (least p 0.5)"


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


@pytest.mark.parametrize(
    ("column", "bounds"),
    [
        ("test_accuracy", (0, 1)),
        ("worst_shift_accuracy_zero_1", (0, 1)),
        ("generalisation_gap", (-1, 1)),
        ("relative_accuracy", (-math.inf, math.inf)),
        ("test_loss", (-math.inf, math.inf)),
    ],
)
def test_intervals_do_not_leave_what_a_mean_can_be(column: str, bounds: tuple[float, float]) -> None:
    assert find_bounds(column) == bounds
    runs = pd.DataFrame({"setting": "digits", "arm": "max", column: [1.0, 1.0, 0.97]})
    row = summarise_runs(runs, [column]).iloc[0]
    assert row["high"] == min(summarise([1.0, 1.0, 0.97]).high, bounds[1])
    assert row["low"] == pytest.approx(summarise([1.0, 1.0, 0.97]).low)
