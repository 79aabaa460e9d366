"""I5: how many directions the values still spread over."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from poolscope.measures.information.estimate import Estimate, find_fault, flatten_rows
from poolscope.spec.errors import PoolscopeError


@dataclass(frozen=True, kw_only=True)
class Dimension(Estimate):
    """A number of dimensions from 1 to d. plug_in: before correction for the number of samples; share: value / d."""

    plug_in: float = math.nan

    @property
    def share(self) -> float:
        """Dimensions in use per number in a sample."""
        return self.value / self.d


def participation_ratio(features: np.ndarray) -> Dimension:
    """PR = (sum l)^2 / sum l^2 over the eigenvalues l of the covariance, corrected for the number of samples.

    features (n, ...). n samples spread the eigenvalues, 1 / PR_plug-in ~ 1 / PR + 1 / n (white noise of d dimensions:
    d n / (n + d)); the value undoes that. NaN where nothing varies or samples are fewer than numbers in a sample.
    """
    rows, fault = _rows(features)
    n, d = rows.shape
    if fault:
        return Dimension(value=math.nan, unit="dimensions", n=n, d=d, reason=fault)
    gram = rows.T @ rows
    plug_in = float(np.trace(gram) ** 2 / (gram**2).sum())
    return Dimension(value=min(1 / max(1 / plug_in - 1 / n, 1 / d), d), unit="dimensions", n=n, d=d, plug_in=plug_in)


def effective_rank(features: np.ndarray, of: str = "eigenvalues") -> Dimension:
    """exp(-sum p log p), p = the covariance's eigenvalues over their sum, or of="singular_values" (their roots).

    Roy & Vetterli (2007) use singular values; eigenvalues are the ones whose sum is the variance. Not corrected for the
    number of samples: compare at equal n. NaN as for `participation_ratio`.
    """
    if of not in ("eigenvalues", "singular_values"):
        raise PoolscopeError(f"of must be eigenvalues or singular_values, not {of!r}.")
    rows, fault = _rows(features)
    n, d = rows.shape
    if fault:
        return Dimension(value=math.nan, unit="dimensions", n=n, d=d, reason=fault)
    values = np.maximum(np.linalg.eigvalsh(rows.T @ rows), 0)
    values = np.sqrt(values) if of == "singular_values" else values
    p = values[values > 0] / values.sum()
    rank = float(np.exp(-(p * np.log(p)).sum()))
    return Dimension(value=rank, unit="dimensions", n=n, d=d, plug_in=rank)


def _rows(features: np.ndarray) -> tuple[np.ndarray, str]:
    """Samples as centred float64 rows, and why they can't be measured."""
    rows = flatten_rows(features).astype(np.float64)
    fault = find_fault(rows, rows, *rows.shape)
    return (rows if fault else rows - rows.mean(0)), fault
