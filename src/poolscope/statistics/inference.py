"""Summaries, paired contrasts, intervals, corrections and verdicts, on arrays and tidy frames.

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
from scipy import optimize, stats

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


@dataclass(frozen=True)
class Verdict:
    """What the paired differences of one contrast say about an effect of at least delta in the claimed direction.

    verdict: supported, strongly supported, refuted-reversed, refuted-negligible, refuted-too-small or inconclusive.
    mean, sd, low, high: of the n differences, with the simultaneous interval (Bonferroni over the family).
    """

    verdict: str
    n: int
    mean: float
    sd: float
    low: float
    high: float
    delta: float
    family: int = 1

    @property
    def detectable(self) -> float:
        """The smallest true effect that n seeds find with probability 0.8; NaN for fewer than 2."""
        return self.sd * find_detectable(self.n, self.family) if self.n >= 2 else math.nan

    @property
    def needed(self) -> int | None:
        """How many seeds find an effect of delta with probability 0.8; None where that can't be told."""
        return find_needed(self.delta / self.sd, self.family) if self.sd > 0 else None


def summarise(values: Sequence[float] | np.ndarray, level: float = LEVEL) -> Summary:
    """mean ± t_{(1+level)/2, n-1} sd / sqrt(n) of the values that are not NaN (Student 1908)."""
    given = np.asarray(values, dtype=float)
    given = given[~np.isnan(given)]
    n = len(given)
    mean = float(given.mean()) if n else math.nan
    if n < 2:
        return Summary(n, mean, math.nan, math.nan, math.nan)
    sd = float(given.std(ddof=1))
    half = _t_quantile((1 + level) / 2, n - 1) * sd / math.sqrt(n)
    return Summary(n, mean, sd, mean - half, mean + half)


def summarise_runs(runs: pd.DataFrame, columns: Sequence[str], by: Sequence[str] = ("setting", "arm")) -> pd.DataFrame:
    """A row per group and column: metric, n, mean, sd, low, high; groups in the order in which they first appear."""
    rows = []
    for key, group in runs.groupby(list(by), sort=False):
        for column in columns:
            rows.append(
                {**dict(zip(by, key, strict=True)), "metric": column, **vars(summarise(group[column].to_numpy()))}
            )
    return pd.DataFrame(rows, columns=[*by, "metric", "n", "mean", "sd", "low", "high"])


def permute_signs(differences: Sequence[float] | np.ndarray, alternative: str = "two-sided") -> float:
    """Permutation p of the mean difference under random signs (Fisher 1935); exact up to 16 differences.

    alternative: two-sided, greater or less. NaN for fewer than 2 differences.
    """
    given = np.asarray(differences, dtype=float)
    if len(given) < 2:
        return math.nan
    result = stats.permutation_test(
        (given,),
        lambda x, axis: np.mean(x, axis=axis),
        permutation_type="samples",
        alternative=alternative,
        vectorized=True,
        n_resamples=np.inf if len(given) <= EXACT_SEEDS else 99_999,
        rng=np.random.default_rng(0),
    )
    return float(result.pvalue)


def adjust_holm(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Holm's step-down p values (1979): the running maximum of (m - i) p_(i), i from 0, at most 1; NaN don't count."""
    raw = np.asarray(p, dtype=float)
    adjusted = np.full(raw.shape, math.nan)
    order = [i for i in np.argsort(raw, kind="stable") if not math.isnan(raw[i])]
    steps = [(len(order) - rank) * raw[i] for rank, i in enumerate(order)]
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if steps else []
    return adjusted


def pair_by_seed(runs: pd.DataFrame, arm: str, baseline: str, column: str) -> pd.Series:
    """column(arm) - column(baseline) for each seed that both arms have, indexed by seed; runs of one setting."""
    values = {
        name: runs.loc[runs["arm"] == name, ["seed", column]].set_index("seed")[column] for name in (arm, baseline)
    }
    return (values[arm] - values[baseline]).dropna().sort_index()


def list_differences(
    runs: pd.DataFrame, baselines: Mapping[tuple[str, str], str], column: str, scale: float = 1.0
) -> pd.DataFrame:
    """A row per setting, arm (but the baselines) and paired seed: difference = scale * (arm - its baseline)."""
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
    """Paired contrasts of each arm with its baseline; one family, for Holm, is all contrasts of one setting.

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


def judge(differences: Sequence[float] | np.ndarray, delta: float, family: int = 1) -> Verdict:
    """The verdict on a claimed positive effect of at least delta, from paired differences; `family` contrasts share it.

    With D the mean and [L, U] its interval at level 1 - 0.05 / family, in this order: refuted-negligible where the 90 %
    interval lies inside (-delta, delta) (two one-sided tests, Schuirmann 1987); refuted-reversed where U < 0 and
    D <= -delta; supported where L > 0 and D >= delta (strongly where L > delta); refuted-too-small where U < delta;
    else inconclusive. Needs at least 2 differences for any other verdict than inconclusive.
    """
    wide, narrow = summarise(differences, 1 - 0.05 / family), summarise(differences, 0.90)
    if wide.n < 2:
        verdict = "inconclusive"
    elif -delta < narrow.low and narrow.high < delta:
        verdict = "refuted-negligible"
    elif wide.high < 0 and wide.mean <= -delta:
        verdict = "refuted-reversed"
    elif wide.low > 0 and wide.mean >= delta:
        verdict = "strongly supported" if wide.low > delta else "supported"
    elif wide.high < delta:
        verdict = "refuted-too-small"
    else:
        verdict = "inconclusive"
    return Verdict(verdict, wide.n, wide.mean, wide.sd, wide.low, wide.high, delta, family)


def judge_noninferior(differences: Sequence[float] | np.ndarray, delta: float, family: int = 1) -> Verdict:
    """The verdict on the claim that a positive effect is, if anything, the right way: not below -delta.

    With [L, U] of level 1 - 0.1 / family, so that each end is a one-sided bound at 0.05 / family: supported where
    L > -delta, refuted-inferior where U < -delta, else inconclusive.
    """
    wide = summarise(differences, 1 - 0.10 / family)
    verdict = "supported" if wide.low > -delta else "refuted-inferior" if wide.high < -delta else "inconclusive"
    return Verdict(verdict, wide.n, wide.mean, wide.sd, wide.low, wide.high, delta, family)


def judge_equivalent(differences: Sequence[float] | np.ndarray, delta: float, family: int = 1) -> Verdict:
    """The verdict on the claim that the effect is within (-delta, delta), by its 90 % interval (Schuirmann 1987).

    supported where the interval lies inside, refuted-different where it lies wholly outside, else inconclusive. Two
    one-sided tests at 0.05; `family` is kept but widens nothing, as in `judge`'s refuted-negligible.
    """
    narrow = summarise(differences, 0.90)
    if -delta < narrow.low and narrow.high < delta:
        verdict = "supported"
    else:
        verdict = "refuted-different" if narrow.low >= delta or narrow.high <= -delta else "inconclusive"
    return Verdict(verdict, narrow.n, narrow.mean, narrow.sd, narrow.low, narrow.high, delta, family)


@dataclass(frozen=True)
class Pooled:
    """The mean effect over contexts, its 95 % interval, and how much contexts differ (standard deviation tau).

    prediction_low, prediction_high: where the effect in a new context lies with probability 0.95; NaN below 3 contexts.
    """

    contexts: int
    mean: float
    low: float
    high: float
    tau: float
    prediction_low: float
    prediction_high: float


def pool_contexts(effects: Sequence[float] | np.ndarray, errors: Sequence[float] | np.ndarray) -> Pooled:
    """Random-effects mean of effects with their standard errors, one for each context (DerSimonian & Laird 1986).

    tau² = max(0, (Q - k + 1) / (Σw - Σw² / Σw)) with w = 1 / error² and Q = Σ w (effect - mean_w)²; then weights
    v = 1 / (error² + tau²), interval mean_v ± t_{k-1} se with se² = Σ v (effect - mean_v)² / ((k - 1) Σv), but at least
    1 / Σv (Hartung & Knapp 2001); prediction mean_v ± t_{k-2} sqrt(tau² + se²) (Higgins et al. 2009). NaN below 2.
    """
    y, variance = np.asarray(effects, dtype=float), np.asarray(errors, dtype=float) ** 2
    k, nan = len(y), math.nan
    if k < 2:
        return Pooled(k, float(y[0]) if k else nan, nan, nan, nan, nan, nan)
    w = 1 / np.maximum(variance, 1e-12)
    excess = float(w @ (y - w @ y / w.sum()) ** 2) - k + 1
    tau2 = max(0.0, excess / float(w.sum() - w @ w / w.sum()))
    v = 1 / (np.maximum(variance, 1e-12) + tau2)
    mean = float(v @ y / v.sum())
    error = math.sqrt(max(float(v @ (y - mean) ** 2) / (k - 1), 1.0) / float(v.sum()))
    half = _t_quantile(0.975, k - 1) * error
    reach = _t_quantile(0.975, k - 2) * math.sqrt(tau2 + error**2) if k > 2 else nan
    return Pooled(k, mean, mean - half, mean + half, math.sqrt(tau2), mean - reach, mean + reach)


def find_power(effect: float, n: int, family: float = 1) -> float:
    """Probability that a two-sided paired t test at 0.05 / family with n seeds finds an effect in units of sd."""
    critical = stats.t.ppf(1 - 0.025 / family, n - 1)
    shift = effect * math.sqrt(n)
    lower = stats.nct.cdf(-critical, n - 1, shift)  # NaN in SciPy for some shifts at which it is below 1e-9
    return float(stats.nct.sf(critical, n - 1, shift) + np.nan_to_num(lower))


def find_detectable(n: int, family: float = 1, power: float = 0.8) -> float:
    """The smallest effect, in units of sd, that n >= 2 seeds find with this power."""
    high = 1.0
    while find_power(high, n, family) < power:
        high *= 2
    return float(optimize.brentq(lambda effect: find_power(effect, n, family) - power, 0.0, high))


def find_needed(effect: float, family: float = 1, power: float = 0.8, most: int = 10_000) -> int | None:
    """The fewest seeds that find an effect (in units of sd) with this power; None where more than `most` would."""
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
def _t_quantile(probability: float, degrees: int) -> float:
    """Quantile of Student's t; kept, because a report asks for few of them thousands of times."""
    return float(stats.t.ppf(probability, degrees))
