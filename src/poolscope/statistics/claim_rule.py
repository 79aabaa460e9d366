"""The rule for a claim: from how many of its contrasts hold and fail to its verdict. Of one contrast: contrast_rule."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from poolscope.statistics.random_effects import Pooled, pool_contexts
from poolscope.statistics.verdicts import DESCRIBED

LEVEL = 0.025  # of each direction, for a whole claim


def decide_claim(
    rule: str,
    holds: int,
    fails: int,
    contrasts: int,
    pooled_low: float = math.nan,
    reversals: int = 0,
    lacks: bool = False,
) -> str:
    """Decide a claim by its rule (claims.RULES) from how many of its contrasts hold and fail at least.

    all: refuted where one fails; supported where all hold, unless a part of the statement lacks a contrast. often:
    refuted where half or more fail; supported where more than half hold, none is reversed and the effect pooled over
    contexts has its lower bound above 0. Else open.
    """
    if rule == "often":
        if contrasts and 2 * fails >= contrasts:
            return "refuted"
        met = 2 * holds > contrasts and not reversals and pooled_low > 0
    else:
        if fails:
            return "refuted"
        met = 0 < contrasts == holds
    return "supported" if met and not lacks else "open"


def pool_claim(verdicts: pd.DataFrame) -> Pooled:
    """Pool the effects of a claim's contrasts in the claimed direction and in units of δ, as contexts of one effect.

    Contrasts that decide nothing, counted ones and those with fewer than 2 seeds or without spread are left out.
    """
    usable = verdicts[(verdicts["kind"] != "exact") & (verdicts["n"] >= 2) & (verdicts["sd"].astype(float) > 0)]
    usable = usable[usable["verdict"] != DESCRIBED]
    delta = usable["delta"].astype(float)
    sign = np.where(usable["direction"] == "higher", 1, -1)
    effects = sign * usable["effect"].astype(float) / delta
    widened = 1 + usable["image_error"].astype(float).fillna(0)
    errors = widened * usable["sd"].astype(float) / np.sqrt(usable["n"].astype(float)) / delta
    return pool_contexts(effects.to_numpy(), errors.to_numpy())
