"""Summaries, paired contrasts, intervals, corrections and power, on arrays and tidy frames.

The unit of replication is the seed. Intervals are Student t intervals (with few seeds a bootstrap interval is too
narrow); contrasts are paired by seed, because arms share initial weights, data order and subsets by seed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from scipy import special

LEVEL = 0.95
EXACT_SEEDS = 16  # up to 2^16 sign patterns are all tried; beyond, a fixed random 99,999 of them
LEAST_SEEDS = 6  # the smallest two-sided p of n sign flips is 2 / 2^n, so fewer can't reach 0.05


@dataclass(frozen=True)
class Summary:
    """n values, their mean, sample standard deviation and the bounds of the t interval (NaN where n is too small)."""

    n: int
    mean: float
    sd: float
    low: float
    high: float


def summarise(
    values: Sequence[float] | np.ndarray, level: float = LEVEL, bounds: tuple[float, float] = (-math.inf, math.inf)
) -> Summary:
    """Summarise the values that are not NaN: mean ± t_{(1+level)/2, n-1} sd / sqrt(n) (Student 1908).

    bounds: what the true mean can't leave; an interval that does is cut there, which costs no coverage.
    """
    given = np.asarray(values, dtype=float)
    given = given[~np.isnan(given)]
    n = len(given)
    mean = float(given.mean()) if n else math.nan
    if n < 2:
        return Summary(n, mean, math.nan, math.nan, math.nan)
    sd = float(given.std(ddof=1))
    half = t_quantile((1 + level) / 2, n - 1) * sd / math.sqrt(n)
    return Summary(n, mean, sd, max(mean - half, bounds[0]), min(mean + half, bounds[1]))


def summarise_runs(runs: pd.DataFrame, columns: Sequence[str], by: Sequence[str] = ("setting", "arm")) -> pd.DataFrame:
    """Summarise columns by group: metric, n, mean, sd, low, high; groups in the order in which they first appear."""
    rows = []
    for key, group in runs.groupby(list(by), sort=False):
        for column in columns:
            summary = summarise(group[column].to_numpy(), bounds=find_bounds(column))
            rows.append({**dict(zip(by, key, strict=True)), "metric": column, **vars(summary)})
    return pd.DataFrame(rows, columns=[*by, "metric", "n", "mean", "sd", "low", "high"])


def find_bounds(column: str) -> tuple[float, float]:
    """Find the smallest and largest value that a mean of this column of the runs table can have."""
    if column == "generalisation_gap":
        return -1.0, 1.0
    return (0.0, 1.0) if "accuracy" in column and not column.startswith("relative") else (-math.inf, math.inf)


def permute_signs(differences: Sequence[float] | np.ndarray, alternative: str = "two-sided") -> float:
    """Compute the permutation p of the mean difference under random signs (Fisher 1935); exact up to 16.

    alternative: two-sided, greater or less. NaN for fewer than 2 differences.
    """
    given = np.asarray(differences, dtype=float)
    if len(given) < 2:
        return math.nan
    if len(given) <= EXACT_SEEDS:
        return _try_all_signs(given, alternative)
    from scipy import stats  # takes longer to import than to compute with

    result = stats.permutation_test(
        (given,),
        lambda x, axis: np.mean(x, axis=axis),
        permutation_type="samples",
        alternative=alternative,
        vectorized=True,
        n_resamples=99_999,
        rng=np.random.default_rng(0),
    )
    return float(result.pvalue)


def _try_all_signs(differences: np.ndarray, alternative: str) -> float:
    """Compute the p of the mean among those of all sign patterns; what rounding alone keeps apart counts as equal.

    As `scipy.stats.permutation_test`, whose import would take most of the time of a report's statistics.
    """
    patterns = np.arange(2 ** len(differences))[:, None] >> np.arange(len(differences)) & 1
    observed, means = differences.mean(), np.where(patterns, -differences, differences).mean(axis=1)
    rounding = 100 * np.finfo(float).eps * abs(observed)
    p = {"less": np.mean(means <= observed + rounding), "greater": np.mean(means >= observed - rounding)}
    return float(p[alternative] if alternative in p else min(1.0, 2 * min(p.values())))


def adjust_holm(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Adjust p values by Holm's step-down (1979): running maximum of (m - i) p_(i), i from 0, at most 1; NaN stay."""
    raw = np.asarray(p, dtype=float)
    adjusted = np.full(raw.shape, math.nan)
    order = [i for i in np.argsort(raw, kind="stable") if not math.isnan(raw[i])]
    steps = [(len(order) - rank) * raw[i] for rank, i in enumerate(order)]
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if steps else []
    return adjusted


def pair_by_seed(runs: pd.DataFrame, arm: str, baseline: str, column: str) -> pd.Series:
    """Subtract column(baseline) from column(arm) for each seed of both, indexed by seed; runs of one setting."""
    values = {
        name: runs.loc[runs["arm"] == name, ["seed", column]].set_index("seed")[column] for name in (arm, baseline)
    }
    return (values[arm] - values[baseline]).dropna().sort_index()


def list_differences(
    runs: pd.DataFrame, baselines: Mapping[tuple[str, str], str], column: str, scale: float = 1.0
) -> pd.DataFrame:
    """List scale * (arm - its baseline): a row per setting, arm (but the baselines) and paired seed."""
    by_setting = dict(iter(runs.groupby("setting")))
    rows = [
        {"setting": setting, "arm": arm, "baseline": baseline, "seed": seed, "difference": scale * difference}
        for (setting, arm), baseline in baselines.items()
        if arm != baseline
        for seed, difference in pair_by_seed(by_setting[setting], arm, baseline, column).items()
    ]
    return pd.DataFrame(rows, columns=["setting", "arm", "baseline", "seed", "difference"])


def contrast_arms(
    runs: pd.DataFrame, baselines: Mapping[tuple[str, str], str], column: str, scale: float = 1.0
) -> pd.DataFrame:
    """Contrast each arm with its baseline, paired by seed; one family, for Holm, is all contrasts of one setting.

    Columns: setting, arm, baseline, n (paired seeds), difference (mean, times `scale`), low, high (t interval of this
    contrast alone), p (sign flips), p_holm, note.
    """
    listed = list_differences(runs, baselines, column, scale)
    rows = []
    for (setting, arm), baseline in baselines.items():
        if arm == baseline:
            continue
        chosen = (listed["setting"] == setting) & (listed["arm"] == arm)
        differences = listed.loc[chosen, "difference"].to_numpy(dtype=float)
        mean = summarise(differences)
        rows.append(
            {"setting": setting, "arm": arm, "baseline": baseline, "n": mean.n, "difference": mean.mean}
            | {"low": mean.low, "high": mean.high, "p": permute_signs(differences), "p_holm": math.nan}
            | {"note": f"too few seeds for p < 0.05 (least p {2 / 2**mean.n:.2g})" if 0 < mean.n < LEAST_SEEDS else ""}
        )
    columns = ["setting", "arm", "baseline", "n", "difference", "low", "high", "p", "p_holm", "note"]
    contrasts = pd.DataFrame(rows, columns=columns)
    for _, family in contrasts.groupby("setting", sort=False):
        contrasts.loc[family.index, "p_holm"] = adjust_holm(family["p"].to_numpy(dtype=float))
    return contrasts


def find_power(effect: float, n: int, family: float = 1) -> float:
    """Compute the power of a two-sided paired t test at 0.05 / family with n seeds for an effect in units of sd."""
    from scipy import stats

    critical = special.stdtrit(n - 1, 1 - 0.025 / family)
    shift = effect * math.sqrt(n)
    lower = stats.nct.cdf(-critical, n - 1, shift)  # NaN in SciPy for some shifts at which it is below 1e-9
    return float(stats.nct.sf(critical, n - 1, shift) + np.nan_to_num(lower))


def find_detectable(n: int, family: float = 1, power: float = 0.8) -> float:
    """Find the smallest effect, in units of sd, that the t test of `find_power` finds with n >= 2 seeds."""
    from scipy import optimize

    high = 1.0
    while find_power(high, n, family) < power:
        high *= 2
    return float(optimize.brentq(lambda effect: find_power(effect, n, family) - power, 0.0, high))


def find_needed(effect: float, family: float = 1, power: float = 0.8, most: int = 10_000) -> int | None:
    """Find the fewest seeds with which that t test has the power for an effect (in units of sd); None above `most`."""
    low, high = 1, 2
    while find_power(effect, high, family) < power:
        low, high = high, 2 * high
        if high > most:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if find_power(effect, middle, family) >= power else (middle, high)
    return high


@cache
def t_quantile(probability: float, degrees: int) -> float:
    """Quantile of Student's t; kept, because a report asks for few of them thousands of times."""
    return float(special.stdtrit(degrees, probability))
