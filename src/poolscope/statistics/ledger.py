"""The claims ledger: where each claim holds and where it fails, computed from its contrasts by its rule."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from poolscope.statistics.claims import Claim
from poolscope.statistics.counted import judge_exactly
from poolscope.statistics.random_effects import Pooled, pool_contexts
from poolscope.statistics.rule import count_shown
from poolscope.statistics.verdicts import COLUMNS, DESCRIBED, NOT_REACHED, is_refuted, is_supported

LEVEL = 0.025  # of each direction, for a whole claim


@dataclass(frozen=True)
class Ledger:
    """claims: a row per claim, with its verdict and how its contrasts fell. verdicts: a row per contrast, by claim."""

    claims: pd.DataFrame
    verdicts: pd.DataFrame


def make_ledger(claims: Sequence[Claim], studied: Iterable[pd.DataFrame]) -> Ledger:
    """Make the ledger of the studies' verdicts and of the counted ones, which are made here.

    claims has the columns number, statement, source, rule, note, lacks, verdict; contrasts (that decide), holds and
    fails (of how many that is shown at least, by partial conjunction), described (contrasts that decide nothing),
    not_reached; and, in units of δ over contexts, pooled, pooled_low, pooled_high, prediction_low, prediction_high.
    """
    facts = {identity: why for claim in claims for identity, why in claim.facts.items()}
    frames = [frame for frame in (_count(facts), *studied) if len(frame)]
    verdicts = pd.concat([frame.astype({"n": "int64", "equal": "float64"}) for frame in frames], ignore_index=True)
    order = sorted(range(len(verdicts)), key=lambda row: (verdicts["claim"][row], _sort_id(verdicts["id"][row])))
    verdicts = verdicts.iloc[order].reset_index(drop=True)[list(COLUMNS)]
    rows = [_decide(claim, verdicts[verdicts["claim"] == claim.number]) for claim in claims]
    return Ledger(pd.DataFrame(rows), verdicts)


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


def _decide(claim: Claim, verdicts: pd.DataFrame) -> dict[str, object]:
    deciding = verdicts[~verdicts["id"].isin(claim.facts)]
    holds = count_shown(deciding["p_hold"].to_numpy(dtype=float), LEVEL)
    fails = count_shown(deciding["p_fail"].to_numpy(dtype=float), LEVEL)
    pooled = pool_claim(deciding) if claim.rule == "often" else pool_contexts([], [])
    reached = deciding[deciding["verdict"] != NOT_REACHED]
    reversals = int((deciding["verdict"] == "refuted-reversed").sum())
    verdict = decide_claim(claim.rule, holds, fails, len(deciding), pooled.low, reversals, bool(claim.lacks))
    return {
        **{name: getattr(claim, name) for name in ("number", "statement", "source", "rule", "note", "lacks")},
        "verdict": verdict if len(reached) else NOT_REACHED,
        **{"contrasts": len(deciding), "holds": holds, "fails": fails},
        "described": len(verdicts) - len(deciding),
        "not_reached": len(deciding) - len(reached),
        **{"pooled": pooled.mean, "pooled_low": pooled.low, "pooled_high": pooled.high},
        **{"prediction_low": pooled.prediction_low, "prediction_high": pooled.prediction_high},
    }


def _count(facts: dict[str, str]) -> pd.DataFrame:
    """The counted contrasts; those that decide nothing are described."""
    counted = judge_exactly()
    because = counted["id"].map(facts).fillna("")
    holds = counted["verdict"].map(is_supported)
    fails = counted["verdict"].map(is_refuted)
    counted = counted.assign(because=because, p_hold=(~holds).astype(float), p_fail=(~fails).astype(float))
    counted.loc[because != "", ["p_hold", "p_fail"]] = 1.0
    return counted.assign(verdict=counted["verdict"].where(because == "", DESCRIBED))


def _sort_id(identity: str) -> tuple[float, str]:
    """Counted contrasts (3.1, 3.2) before trained ones (3a, 3b)."""
    try:
        return (float(identity.split(".")[1]) if "." in identity else math.inf, identity)
    except ValueError:
        return (math.inf, identity)
