"""One effect over several contexts: its mean, how much contexts differ, and what a new context may show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from poolscope.statistics.inference import t_quantile


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
    """Pool effects with their standard errors, one for each context, by random effects (DerSimonian & Laird 1986).

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
    half = t_quantile(0.975, k - 1) * error
    spread = t_quantile(0.975, k - 2) * math.sqrt(tau2 + error**2) if k > 2 else nan
    return Pooled(k, mean, mean - half, mean + half, math.sqrt(tau2), mean - spread, mean + spread)
