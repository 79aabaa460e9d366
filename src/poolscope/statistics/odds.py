"""How often an effect has a sign over contexts, and how likely it is to be above a bound in a new one."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy import special

from poolscope.statistics.claim_rule import pool_claim
from poolscope.statistics.inference import t_quantile
from poolscope.statistics.random_effects import Pooled


def chance_above(pooled: Pooled, bound: float) -> float:
    """Compute the chance that the effect in a new context lies above `bound`; NaN below 3 contexts.

    1 - T_{k-2}((bound - mean) / s), where mean ± t_{k-2} s is the interval of `pool_contexts` for a new context
    (Higgins et al. 2009): contexts are taken for a sample of those to come.

    Example:
        >>> chance_above(Pooled(4, 1.0, 0.0, 2.0, 0.5, 1.0 - 4.302652729911275, 1.0 + 4.302652729911275), 1.0)
        0.5
    """
    if math.isnan(pooled.prediction_high):
        return math.nan
    spread = (pooled.prediction_high - pooled.mean) / t_quantile(0.975, pooled.contexts - 2)
    return float(special.stdtr(pooled.contexts - 2, (pooled.mean - bound) / spread))


def find_odds(verdicts: pd.DataFrame) -> dict[str, float]:
    """Summarise the contrasts of one claim over contexts: how many have which sign, and what a new context may show.

    verdicts: of `judge_contrasts`. ahead, behind: contrasts whose interval lies above or below 0 in the claimed
    direction; neither: the others, also those without an interval. pooled, low, high, tau, prediction_low,
    prediction_high: of `pool_claim`, in units of δ; above_0, above_delta, below_delta: chances in a new context.
    """
    sign = np.where(verdicts["direction"] == "higher", 1.0, -1.0)
    bounds = np.sort(np.column_stack([sign * verdicts["low"].astype(float), sign * verdicts["high"].astype(float)]))
    ahead, behind = int((bounds[:, 0] > 0).sum()), int((bounds[:, 1] < 0).sum())
    pooled = pool_claim(verdicts)
    return {
        "contexts": len(verdicts),
        **{"ahead": ahead, "behind": behind, "neither": len(verdicts) - ahead - behind},
        **{"pooled": pooled.mean, "low": pooled.low, "high": pooled.high, "tau": pooled.tau},
        **{"prediction_low": pooled.prediction_low, "prediction_high": pooled.prediction_high},
        **{"above_0": chance_above(pooled, 0.0), "above_delta": chance_above(pooled, 1.0)},
        "below_delta": 1 - chance_above(pooled, -1.0),
    }
