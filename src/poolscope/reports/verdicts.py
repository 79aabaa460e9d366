"""Verdicts in words: the tables for people, and the sentences that say how they were reached and what is open."""

from __future__ import annotations

import math

import pandas as pd

from poolscope.reports.texts import show_p
from poolscope.statistics.ledger import Ledger
from poolscope.statistics.verdicts import NOT_REACHED

UNIT_NAMES = {"points": "points", "log_error": "log error ratio", "fraction": ""}
RULE = (
    "Contrasts, smallest effects that matter (δ) and rules were written down before the runs. Effects are arm minus "
    "baseline, paired by seed, with t intervals that hold together for the contrasts that share an error level "
    "(Bonferroni). In the order in which the rule asks: refuted-negligible where the 90 % interval lies within "
    "(-δ, δ); refuted-reversed where the interval excludes 0 and the mean is -δ or beyond; supported where it excludes "
    "0 and the mean is at least δ (strongly where all of it is beyond δ); refuted-too-small where it stays below δ; "
    "else inconclusive. Non-inferior: its one-sided 95 % bound is above -δ. Equivalent: the 90 % interval lies within "
    "(-δ, δ). p: exact sign flips, then Holm; for non-inferior and equivalent, against their bounds."
)
REACH = (
    "Detectable: the effect that so many seeds find with probability 0.8 (the margin, for non-inferior and "
    "equivalent); seeds for δ: how many would find an effect of δ (a margin of δ) with that probability, at the spread "
    "that was seen."
)


def show_verdicts(verdicts: pd.DataFrame) -> pd.DataFrame:
    """The verdicts as texts: hypothesis, n, effect ± half of its interval, δ, p, verdict, and what n could show."""
    return pd.DataFrame(
        [
            {
                "contrast": row["id"],
                "hypothesis": row["hypothesis"] + (f" (expected: {row['expected']})" if row["expected"] else ""),
                "n": _show_n(row),
                "effect": _show_effect(row),
                "δ": _show_delta(row),
                "p": show_p(row["p"]),
                "p (Holm)": show_p(row["p_holm"]),
                "p (Wilcoxon)": show_p(row["p_wilcoxon"]),
                "verdict": row["verdict"],
                "detectable": _show_size(row["detectable"], row["delta"]),
                "seeds for δ": _show_whole(row["needed"]),
            }
            for row in verdicts.to_dict("records")
        ]
    )


def say_verdicts(verdicts: pd.DataFrame) -> tuple[str, ...]:
    """The rule, what the columns mean, and whether the planned seeds are all there."""
    return (RULE, REACH, *say_interim(verdicts), *say_unpaired(verdicts))


def say_interim(verdicts: pd.DataFrame) -> tuple[str, ...]:
    """A sentence where contrasts have fewer seeds than were planned, or lost runs."""
    sentences = []
    short = verdicts[verdicts["n"] < verdicts["planned"]]
    if len(short):
        reached = short[short["n"] > 0]
        least = f", at least {reached['n'].min()} of {reached['planned'].max()} seeds" if len(reached) else ""
        none = len(short) - len(reached)
        sentences.append(
            f"Interim: {len(short)} of {len(verdicts)} contrasts have fewer seeds than planned ({none} have none"
            f"{least}); the rule is meant for all of them, and a verdict may change."
        )
    if failed := int(verdicts["failed"].max() if len(verdicts) else 0):
        lost = ", ".join(verdicts.loc[verdicts["failed"] > 0, "id"])
        sentences.append(f"Runs failed or diverged in contrasts {lost} (up to {failed}); their seeds are in no effect.")
    return tuple(sentences)


def say_unpaired(verdicts: pd.DataFrame) -> tuple[str, ...]:
    """A sentence where pairing by seed bought little, with Welch's interval of the unpaired arms."""
    weak = verdicts[verdicts["rho"].astype(float) < 0.1]
    weak = weak[weak["unpaired_low"].notna()]
    if weak.empty:
        return ()
    shown = "; ".join(
        f"{row['id']} (ρ = {row['rho']:.2f}): {_show_size(row['unpaired_low'], row['delta'], sign=True)} to "
        f"{_show_size(row['unpaired_high'], row['delta'], sign=True)}"
        for row in weak.to_dict("records")
    )
    return (
        f"Where the arms hardly correlate over seeds, pairing buys nothing; unpaired 95 % intervals (Welch): {shown}.",
    )


def show_claims(ledger: Ledger) -> pd.DataFrame:
    """The claims as texts: number, statement, verdict, and how many of the contrasts fell which way."""
    return pd.DataFrame(
        [
            {
                "claim": str(row["number"]),
                "statement": row["statement"],
                "verdict": row["verdict"],
                "contrasts": ", ".join(
                    f"{row[key]} {key.replace('_', ' ')}"
                    for key in ("supported", "refuted", "inconclusive", "not_reached")
                    if row[key]
                )
                or "none promised",
            }
            for row in ledger.claims.to_dict("records")
        ]
    )


def say_pooled(claims: pd.DataFrame) -> tuple[str, ...]:
    """A sentence for each claim whose effect was pooled over contexts."""
    sentences = []
    for row in claims[claims["pooled_low"].notna()].to_dict("records"):
        new = (
            f"; a new context's effect is expected from {row['prediction_low']:+.2f} to {row['prediction_high']:+.2f}"
            if row["prediction_low"] == row["prediction_low"]
            else ""
        )
        sentences.append(
            f"Claim {row['number']}, over its contexts (random effects, in units of δ): {row['pooled']:+.2f}, 95 % "
            f"interval {row['pooled_low']:+.2f} to {row['pooled_high']:+.2f}{new}."
        )
    return tuple(sentences)


def name_unit(unit: str) -> str:
    """The unit as it is written behind a number."""
    return UNIT_NAMES.get(unit, unit)


def _show_n(row: dict) -> str:
    if row["kind"] == "exact" and row["n"]:
        return f"{row['equal']:.0f} of {row['n']}"
    return str(row["n"]) if row["n"] in (0, row["planned"]) else f"{row['n']} of {row['planned']}"


def _show_effect(row: dict) -> str:
    if row["verdict"] == NOT_REACHED:
        return ""
    half = (row["high"] - row["low"]) / 2
    text = _show_size(row["effect"], row["delta"], sign=True)
    return (
        text + ("" if half != half else f" ± {_show_size(half, row['delta'])}") + f" {name_unit(row['unit'])}".rstrip()
    )


def _show_delta(row: dict) -> str:
    sign = {"noninferior": "-", "equivalent": "±"}.get(row["kind"], "" if row["direction"] == "higher" else "-")
    if row["kind"] == "noninferior" and row["direction"] == "lower":
        sign = "+"
    return "" if row["kind"] == "exact" else f"{sign}{row['delta']:g}"


def _show_size(size: float, delta: float, sign: bool = False) -> str:
    """A number with as many digits as delta needs, at least two; nothing for NaN."""
    if size != size:
        return ""
    digits = max(2, 1 - math.floor(math.log10(delta))) if delta == delta else 2
    return f"{round(size, digits) + 0.0:{'+' if sign else ''}.{digits}f}"


def _show_whole(count: float) -> str:
    return "" if count != count else f"{count:.0f}"
