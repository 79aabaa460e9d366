"""How often the verdict rule says what, in simulations at 10 seeds, against the specification's operating figures."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from poolscope.statistics.inference import adjust_holm, judge, permute_signs, summarise

SEEDS, FAMILY, DRAWS = 10, 4, 600  # the specification's figures are of 3,000 draws
TOLERANCE = 0.06  # three standard errors of a share of 0.5 among 600


def share(effect: float, spread: float = 1.0) -> Counter[str]:
    """The share of each verdict for a true effect and a spread, in units of delta."""
    draws = np.random.default_rng([int(100 * effect) + 1000, int(10 * spread)]).normal(effect, spread, (DRAWS, SEEDS))
    counts = Counter(judge(differences, 1.0, FAMILY).verdict for differences in draws)
    counts["supported"] += counts.pop("strongly supported", 0)
    return Counter({verdict: count / DRAWS for verdict, count in counts.items()})


@pytest.mark.parametrize(
    ("effect", "spread", "expected"),
    [
        (0.0, 1.0, {"supported": 0.001, "refuted-negligible": 0.79, "refuted-too-small": 0.09, "inconclusive": 0.12}),
        (0.5, 1.0, {"supported": 0.04, "refuted-negligible": 0.42}),
        (1.0, 1.0, {"supported": 0.43, "refuted-negligible": 0.05}),
        (1.5, 1.0, {"supported": 0.90}),
        (2.0, 1.0, {"supported": 0.997}),
        (-2.0, 1.0, {"refuted-reversed": 0.99}),
        (0.0, 0.5, {"refuted-negligible": 1.0}),
        (1.5, 0.5, {"supported": 1.0}),
    ],
)
def test_verdicts_are_as_frequent_as_specified(effect: float, spread: float, expected: dict[str, float]) -> None:
    seen = share(effect, spread)
    for verdict, frequency in expected.items():
        assert seen[verdict] == pytest.approx(frequency, abs=TOLERANCE), (verdict, seen)


def test_errors_stay_below_the_stated_rates() -> None:
    assert share(0.0)["supported"] <= 0.025
    assert share(1.0)["refuted-negligible"] <= 0.06 + TOLERANCE / 2
    assert share(1.5)["supported"] >= 0.85


@pytest.mark.parametrize("n", [5, 10])
def test_t_intervals_cover_where_percentile_bootstraps_do_not(n: int) -> None:
    rng = np.random.default_rng(n)
    samples = rng.normal(0, 1, (2000, n))
    covered = np.mean([summary.low <= 0 <= summary.high for summary in map(summarise, samples)])
    assert covered >= 0.93
    resampled = samples[:, rng.integers(0, n, (400, n))].mean(axis=2)
    low, high = np.quantile(resampled, [0.025, 0.975], axis=1)
    if n == 5:
        assert np.mean((low <= 0) & (high >= 0)) < 0.93


def test_known_null_data_reject_as_often_as_they_should() -> None:
    rng = np.random.default_rng(7)
    p = [permute_signs(rng.normal(0, 1, 6)) for _ in range(400)]
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(2 / 64, abs=0.03)  # the only p below 0.05 is 2 / 2^6


def test_the_specifications_p_and_holm_values() -> None:
    assert permute_signs([1.0, 2.0, 0.5, 1.5, 0.7, 3.0]) == pytest.approx(0.03125)
    assert adjust_holm([0.01, 0.02, 0.2]).tolist() == pytest.approx([0.03, 0.04, 0.20])
