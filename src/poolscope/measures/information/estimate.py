"""What every measure of information returns, and how rows are divided among fitting, choosing and reporting."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from poolscope.spec.errors import PoolscopeError

_ROUNDING = 1e-6


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A measured value with what is needed to judge it.

    unit: of the value. n: samples that it was fitted on. d: numbers in one sample. reason: why the value is NaN, else
    empty.
    """

    value: float
    unit: str
    n: int
    d: int
    reason: str = ""

    @property
    def known(self) -> bool:
        """Whether there is a value."""
        return not math.isnan(self.value)


@dataclass(frozen=True)
class Parts:
    """Which rows fit a probe, which choose its penalty, and which are reported on; disjoint index arrays."""

    fit: np.ndarray
    select: np.ndarray
    test: np.ndarray

    def __post_init__(self) -> None:
        joined = np.concatenate([self.fit, self.select, self.test])
        if len(np.unique(joined)) < len(joined):
            raise PoolscopeError("parts must be disjoint: a row may fit, choose or report, and only one of them.")
        if not all(map(len, (self.fit, self.select, self.test))):
            raise PoolscopeError(
                f"parts must each have rows to fit, choose and report on, not {len(self.fit)}, {len(self.select)} and "
                f"{len(self.test)}."
            )


def divide_rows(n: int, select: float = 0.15, test: float = 0.15) -> Parts:
    """The first rows fit, the next choose, the last report: 70, 15 and 15 per cent unless said otherwise."""
    last, middle = max(1, round(test * n)), max(1, round(select * n))
    if n - last - middle < 1:
        raise PoolscopeError(f"there must be at least 3 rows to fit, choose and report on, not {n}.")
    rows = np.arange(n)
    return Parts(rows[: n - last - middle], rows[n - last - middle : n - last], rows[n - last :])


def divide_groups(groups: np.ndarray, select: float = 0.15, test: float = 0.15) -> Parts:
    """As `divide_rows`, but rows of one group stay together, so that no group is both fitted and reported on."""
    names = np.unique(groups)
    parts = divide_rows(len(names), select, test)
    return Parts(*(np.flatnonzero(np.isin(groups, names[part])) for part in (parts.fit, parts.select, parts.test)))


def find_fault(features: np.ndarray, fitted: np.ndarray, n: int, d: int) -> str:
    """Why features (N, ...) can't be read by n fitted samples of d features, or nothing.

    fitted: those of the rows that a probe is fitted on. Faults: a value that is not finite, fitted rows that are all
    zero or constant, or n < d.
    """
    if not np.isfinite(features).all():
        return "a feature is not finite"
    if not fitted.any():
        return "all features are zero"
    if not varies(fitted):
        return "the features are constant"
    if n < d:
        return f"{n} samples are fewer than the {d} features"
    return ""


def find_few(count: int) -> str:
    """Why so few rows can't be divided among fitting, choosing and reporting, or nothing."""
    return "" if count >= 3 else f"{count} of at least 3 samples, to fit, choose and report on"


def varies(rows: np.ndarray) -> bool:
    """Whether any feature differs between rows (n, ...) by more than float32 rounds."""
    rows = flatten_rows(rows)
    return bool(len(rows)) and bool((np.ptp(rows, axis=0) > _ROUNDING * np.abs(rows).max(0)).any())


def flatten_rows(features: np.ndarray) -> np.ndarray:
    """(n, ...) as (n, d), also for n = 0."""
    return features.reshape(len(features), math.prod(features.shape[1:]))
