"""The claims ledger: where each claim holds and where it fails, computed from its contrasts by its rule."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from poolscope.statistics.claim_rule import LEVEL, decide_claim, pool_claim
from poolscope.statistics.claims import Claim
from poolscope.statistics.contrast_rule import count_shown
from poolscope.statistics.exact_counts import judge_exactly
from poolscope.statistics.random_effects import pool_contexts
from poolscope.statistics.verdicts import COLUMNS, DESCRIBED, NOT_REACHED, is_refuted, is_supported


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


def _sort_id(identity: str) -> tuple[float, int, str]:
    """Counted contrasts (3.1, 3.2) before trained ones (3a, 3b, ... 3z, 3aa)."""
    try:
        return (float(identity.split(".")[1]) if "." in identity else math.inf, len(identity), identity)
    except ValueError:
        return (math.inf, len(identity), identity)
