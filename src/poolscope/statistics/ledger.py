"""The claims ledger: every claim with the verdict that its contrasts give it by its rule; none is written by hand."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from poolscope.statistics.claims import Claim
from poolscope.statistics.counted import judge_exactly
from poolscope.statistics.inference import Pooled, pool_contexts
from poolscope.statistics.verdicts import COLUMNS, NOT_REACHED, is_refuted, is_supported


@dataclass(frozen=True)
class Ledger:
    """claims: a row per claim, with its verdict and how its contrasts fell. verdicts: a row per contrast, by claim."""

    claims: pd.DataFrame
    verdicts: pd.DataFrame


def make_ledger(claims: Sequence[Claim], studied: Iterable[pd.DataFrame]) -> Ledger:
    """The ledger of the studies' verdicts and of the counted ones, which are made here.

    claims has the columns number, statement, source, rule, note, verdict, contrasts, supported, refuted, inconclusive,
    not_reached and, in units of δ over contexts, pooled, pooled_low, pooled_high, prediction_low, prediction_high.
    """
    frames = [frame for frame in (judge_exactly(), *studied) if len(frame)]
    verdicts = pd.concat([frame.astype({"n": "int64", "equal": "float64"}) for frame in frames], ignore_index=True)
    order = sorted(range(len(verdicts)), key=lambda row: (verdicts["claim"][row], _sort_id(verdicts["id"][row])))
    verdicts = verdicts.iloc[order].reset_index(drop=True)[list(COLUMNS)]
    rows = [_decide(claim, verdicts[verdicts["claim"] == claim.number]) for claim in claims]
    return Ledger(pd.DataFrame(rows), verdicts)


def decide_claim(rule: str, verdicts: Sequence[str], pooled_low: float = math.nan, guards: Sequence[str] = ()) -> str:
    """The verdict on a claim from those of its contrasts, by its rule (claims.RULES).

    all, exact: supported where every contrast is. any: where one is. often: where more than half are, none is reversed,
    and the effect pooled over contexts has its lower bound `pooled_low` above 0. Otherwise refuted where all are (for
    the rules all and exact: all that have runs, since one is enough to deny them), conditional where one is supported,
    not reached where none has a run, else inconclusive. guards ("and tests no worse") prove nothing by themselves, but
    a claim is only conditional where one of them isn't supported.
    """
    supported = sum(is_supported(verdict) for verdict in verdicts)
    if all(verdict == NOT_REACHED for verdict in verdicts):
        return NOT_REACHED
    if rule == "often":
        met = 2 * supported > len(verdicts) and "refuted-reversed" not in verdicts and pooled_low > 0
    else:
        met = supported > 0 if rule == "any" else supported == len(verdicts)
    if met:
        return "supported" if all(is_supported(guard) for guard in guards) else "conditional"
    reached = [verdict for verdict in verdicts if verdict != NOT_REACHED or rule in ("any", "often")]
    if all(is_refuted(verdict) for verdict in reached):
        return "refuted"
    return "conditional" if supported else "inconclusive"


def pool_claim(verdicts: pd.DataFrame) -> Pooled:
    """The effects of a claim's contrasts in the claimed direction and in units of δ, as contexts of one effect.

    Counted contrasts and those with fewer than 2 seeds or without spread are left out.
    """
    usable = verdicts[(verdicts["kind"] != "exact") & (verdicts["n"] >= 2) & (verdicts["sd"].astype(float) > 0)]
    delta = usable["delta"].astype(float)
    sign = np.where(usable["direction"] == "higher", 1, -1)
    effects = sign * usable["effect"].astype(float) / delta
    errors = usable["sd"].astype(float) / np.sqrt(usable["n"].astype(float)) / delta
    return pool_contexts(effects.to_numpy(), errors.to_numpy())


def _decide(claim: Claim, verdicts: pd.DataFrame) -> dict[str, object]:
    said = verdicts["verdict"].tolist()
    guards = verdicts.loc[verdicts["kind"] == "noninferior", "verdict"].tolist()
    proofs = verdicts.loc[verdicts["kind"] != "noninferior", "verdict"].tolist()
    pooled = pool_claim(verdicts) if claim.rule == "often" else pool_contexts([], [])
    counts = {
        "supported": sum(is_supported(verdict) for verdict in said),
        "refuted": sum(is_refuted(verdict) for verdict in said),
        "inconclusive": said.count("inconclusive"),
        "not_reached": said.count(NOT_REACHED),
    }
    return {
        **{name: getattr(claim, name) for name in ("number", "statement", "source", "rule", "note")},
        "verdict": decide_claim(claim.rule, proofs or guards, pooled.low, guards if proofs else ()),
        "contrasts": len(said),
        **counts,
        **{"pooled": pooled.mean, "pooled_low": pooled.low, "pooled_high": pooled.high},
        **{"prediction_low": pooled.prediction_low, "prediction_high": pooled.prediction_high},
    }


def _sort_id(identity: str) -> tuple[float, str]:
    """Counted contrasts (3.1, 3.2) before trained ones (3a, 3b)."""
    try:
        return (float(identity.split(".")[1]) if "." in identity else math.inf, identity)
    except ValueError:
        return (math.inf, identity)
