"""The rule for one contrast: from paired differences to what they show, by intervals that err less under skew.

An effect is judged by Student's t interval and by the studentised bootstrap together: the interval is the hull of both
and a p value the larger of both, so that a verdict needs both. The verdict on a claim uses the one-sided p values.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from poolscope.statistics.inference import LEAST_SEEDS, find_detectable, find_needed, t_quantile

DRAWS = 9_999  # bootstrap samples
TOO_FEW = "too few seeds"


@dataclass(frozen=True)
class Estimate:
    """The mean of n differences, their standard deviation, and the mean's standard error.

    studentised: the bootstrap distribution of (mean - true mean) / error, sorted; empty below 6 differences or without
    spread. error also holds the share of the variance that comes from the test images, where that is known.
    """

    n: int
    mean: float
    sd: float
    error: float
    studentised: np.ndarray

    def interval(self, level: float) -> tuple[float, float]:
        """Bound the true mean at a confidence level: the hull of the t and the studentised bootstrap interval."""
        if self.n < 2:
            return math.nan, math.nan
        tail = (1 - level) / 2
        below = above = t_quantile(1 - tail, self.n - 1)
        if self.studentised.size:
            below = max(below, float(np.quantile(self.studentised, 1 - tail, method="higher")))
            above = max(above, -float(np.quantile(self.studentised, tail, method="lower")))
        return self.mean - below * self.error, self.mean + above * self.error

    def p_above(self, bound: float) -> float:
        """One-sided p of the hypothesis that the true mean is at most `bound`."""
        if self.n < 2:
            return 1.0
        if not self.error > 0:
            return 0.0 if self.mean > bound else 1.0
        distance = (self.mean - bound) / self.error
        p = float(special.stdtr(self.n - 1, -distance))
        beyond = self.studentised.size - np.searchsorted(self.studentised, distance)
        return max(p, (1 + beyond) / (1 + self.studentised.size)) if self.studentised.size else p

    def p_below(self, bound: float) -> float:
        """One-sided p of the hypothesis that the true mean is at least `bound`."""
        return Estimate(self.n, -self.mean, self.sd, self.error, -self.studentised[::-1]).p_above(-bound)


@dataclass(frozen=True)
class Verdict:
    """What the paired differences of one contrast say about a claimed effect.

    verdict: supported, strongly supported, refuted-reversed, -negligible, -too-small, -inferior, -different,
    inconclusive or too few seeds. mean, sd, low, high: of the n differences, with the interval at level 1 - 0.05 /
    family. p_hold, p_fail: one-sided p that the contrast doesn't hold, that it doesn't fail.
    """

    verdict: str
    n: int
    mean: float
    sd: float
    low: float
    high: float
    delta: float
    family: int = 1
    p_hold: float = 1.0
    p_fail: float = 1.0

    @property
    def detectable(self) -> float:
        """The effect that a t test on n seeds finds with probability 0.8; NaN below 2. Not the rule's power."""
        return self.sd * find_detectable(self.n, self.family) if self.n >= 2 else math.nan

    @property
    def needed(self) -> int | None:
        """How many seeds that t test needs for an effect of delta; None where that is unknown."""
        return find_needed(self.delta / self.sd, self.family) if self.sd > 0 else None


def estimate(differences: Sequence[float] | np.ndarray, image_variance: float = 0.0) -> Estimate:
    """Estimate the mean of the differences that are not NaN.

    The studentised bootstrap (Hall 1988; Efron & Tibshirani 1993, ch. 12) draws n differences with replacement and
    takes t = (mean* - mean) / (sd* / √n). image_variance: variance of the mean that is due to the test images, in
    squared units; it widens the standard error to √(sd² / n + image_variance).
    """
    given = np.asarray(differences, dtype=float)
    given = given[~np.isnan(given)]
    n = len(given)
    mean = float(given.mean()) if n else math.nan
    if n < 2:
        return Estimate(n, mean, math.nan, math.nan, np.empty(0))
    sd = float(given.std(ddof=1))
    error = math.sqrt(sd**2 / n + image_variance)
    return Estimate(n, mean, sd, error, _studentise(given, mean) if n >= LEAST_SEEDS and sd > 0 else np.empty(0))


def count_needed_seeds(family: int = 1) -> int:
    """Count the fewest seeds that can reach the level: 2 / 2^n, the least p of sign flips, is at most 0.05 / family."""
    return 1 + math.ceil(math.log2(family / 0.05))


def judge(
    differences: Sequence[float] | np.ndarray, delta: float, family: int = 1, image_variance: float = 0.0
) -> Verdict:
    """Judge the claim of a positive effect of at least delta, from paired differences; `family` contrasts share 5 %.

    With D the mean and [L, U] its interval at level 1 - 0.05 / family: it holds (supported) where L > 0 and D >= delta,
    strongly where L > delta; it fails where U < delta: refuted-reversed where U < 0 and D <= -delta, refuted-negligible
    where L > -delta, else refuted-too-small; else it is inconclusive.
    """
    mean = estimate(differences, image_variance)
    low, high = mean.interval(1 - 0.05 / family)
    if high < delta:
        way = "reversed" if high < 0 and mean.mean <= -delta else "negligible" if low > -delta else "too-small"
        verdict = f"refuted-{way}"
    elif low > 0 and mean.mean >= delta:
        verdict = "strongly supported" if low > delta else "supported"
    else:
        verdict = "inconclusive"
    p_hold = mean.p_above(0.0) if mean.mean >= delta else 1.0
    return _give(verdict, mean, low, high, delta, family, p_hold, mean.p_below(delta))


def judge_noninferior(
    differences: Sequence[float] | np.ndarray, delta: float, family: int = 1, image_variance: float = 0.0
) -> Verdict:
    """Judge the claim that a positive effect is, if anything, the right way: not below -delta.

    With [L, U] at level 1 - 0.05 / family: supported where L > -delta, refuted-inferior where U < -delta.
    """
    mean = estimate(differences, image_variance)
    low, high = mean.interval(1 - 0.05 / family)
    verdict = "supported" if low > -delta else "refuted-inferior" if high < -delta else "inconclusive"
    return _give(verdict, mean, low, high, delta, family, mean.p_above(-delta), mean.p_below(-delta))


def judge_equivalent(
    differences: Sequence[float] | np.ndarray, delta: float, family: int = 1, image_variance: float = 0.0
) -> Verdict:
    """Judge the claim that the effect is within (-delta, delta), by two one-sided tests (Schuirmann 1987).

    With [L, U] at level 1 - 0.05 / family: supported where it lies inside, refuted-different where it lies outside.
    """
    mean = estimate(differences, image_variance)
    low, high = mean.interval(1 - 0.05 / family)
    if -delta < low and high < delta:
        verdict = "supported"
    else:
        verdict = "refuted-different" if low >= delta or high <= -delta else "inconclusive"
    p_hold = max(mean.p_above(-delta), mean.p_below(delta))
    p_fail = min(1.0, 2 * min(mean.p_above(delta), mean.p_below(-delta)))
    return _give(verdict, mean, low, high, delta, family, p_hold, p_fail)


def count_shown(p: Sequence[float] | np.ndarray, level: float = 0.025) -> int:
    """Count how many of k hypotheses are false at least, with confidence 1 - level (Benjamini & Heller 2008).

    The largest u such that for every v up to u the partial-conjunction p value min over i of (k - v + 1) p_(v-1+i) / i,
    i from 1 to k - v + 1 (Simes), is at most `level`. All k are shown where the largest p is (Berger 1982).
    """
    ordered = np.sort(np.asarray(p, dtype=float))
    k = len(ordered)
    for found in range(k):
        rest = ordered[found:]
        if np.min((k - found) * rest / np.arange(1, k - found + 1)) > level:
            return found
    return k


def _give(
    verdict: str, mean: Estimate, low: float, high: float, delta: float, family: int, p_hold: float, p_fail: float
) -> Verdict:
    """The verdict, or that the seeds can't reach the level, in which case nothing is shown."""
    if mean.n < count_needed_seeds(family):
        return Verdict(TOO_FEW, mean.n, mean.mean, mean.sd, low, high, delta, family)
    return Verdict(verdict, mean.n, mean.mean, mean.sd, low, high, delta, family, p_hold, p_fail)


def _studentise(given: np.ndarray, mean: float) -> np.ndarray:
    counts = draw_counts(len(given))
    n = len(given)
    centred = given - mean
    means = counts @ centred / n
    variances = np.maximum(counts @ centred**2 / n - means**2, 0) * n / (n - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        studentised = means / np.sqrt(variances / n)
    finite = np.clip(np.nan_to_num(studentised, nan=0.0), -1e6, 1e6)  # samples of one value repeated have no spread
    return np.sort(np.round(finite, 9))  # the same on every processor


@functools.lru_cache(maxsize=64)
def draw_counts(n: int) -> np.ndarray:
    """How often each of n differences is drawn, in each bootstrap sample; the same in every call."""
    return np.random.default_rng(n).multinomial(n, np.full(n, 1 / n), size=DRAWS).astype(float)
