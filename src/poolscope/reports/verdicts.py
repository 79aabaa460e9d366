"""Verdicts in words: the tables for people, and the sentences that say how they were reached and what is open."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from poolscope.reports.comparison import show_p
from poolscope.reports.figures.ledger import mark_added
from poolscope.statistics.ledger import Ledger
from poolscope.statistics.verdicts import ADDED, DESCRIBED, NOT_REACHED, is_refuted, is_supported

UNIT_NAMES = {"points": "points", "log_error": "log error ratio", "fraction": ""}
RULE = (
    "Effects are arm minus baseline, paired by seed. A contrast's interval is the hull of Student's t and the "
    "studentised bootstrap interval, widened by the error of the test images where each image's result is known; it is"
    " at 95 %, simultaneous (Bonferroni) over all contrasts that decide the claim. With δ the smallest effect that "
    "matters, and effects counted in the claimed direction (in tables δ has its sign), a contrast is supported where "
    "the interval lies above 0 and the mean is at least δ (strongly where all of it is beyond δ), refuted where it "
    "lies below δ: reversed where it is below 0 and the mean -δ or beyond, negligible where it lies above -δ, else too"
    " small; otherwise inconclusive. Non-inferior: supported above -δ, refuted-inferior below it. Equivalent: "
    "supported within (-δ, δ). A claim: how many of its contrasts hold and how many fail at least, by partial "
    "conjunction (Benjamini & Heller 2008, Simes) of one-sided p values at 2.5 % each way; that can be more than the "
    "contrasts that are shown one by one. Described: decides nothing, interval of 95 % alone."
)
RESOLUTION = (
    "t test detects: the effect that a two-sided t test against 0 at 5 % / family finds with probability 0.8 with so "
    "many seeds at the spread over seeds that was seen (the margin, for non-inferior and equivalent); t seeds for δ: "
    "how many it needs for an effect of δ (a margin of δ). Neither is the power of the rule, which is lower: its "
    "intervals hold the bootstrap and the error of the test images too, and a difference or slope must have a mean of "
    "at least δ, so that one of exactly δ is supported at most about half of the time, however many seeds there are."
)


def show_verdicts(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Format the verdicts: hypothesis, n, effect with its interval, δ, p, verdict, and what n could show."""
    return pd.DataFrame(
        [
            {
                "contrast": mark_added(row),
                "hypothesis": _show_hypothesis(row),
                "n": _show_n(row),
                "effect (interval)": show_effect(row),
                "δ": _show_delta(row),
                "p holds": _show_side(row, "p_hold"),
                "p fails": _show_side(row, "p_fail"),
                "p (signs)": show_p(row["p"]),
                "verdict": row["verdict"],
                "t test detects": _show_size(row["detectable"], row["delta"]),
                "t seeds for δ": _show_whole(row["needed"]),
            }
            for row in verdicts.to_dict("records")
        ]
    )


def show_claims(ledger: Ledger) -> pd.DataFrame:
    """Format the claims: number, statement, verdict, and how many of the contrasts hold and fail at least."""
    return pd.DataFrame(
        [
            {
                "claim": str(row["number"]),
                "statement": row["statement"],
                "verdict": row["verdict"],
                "contrasts": say_counts(row),
            }
            for row in ledger.claims.to_dict("records")
        ]
    )


def say_counts(claim: Mapping[str, Any]) -> str:
    """Say of how many of a claim's contrasts it is shown that they hold, and that they fail."""
    if not claim["contrasts"]:
        return "none decides it"
    k, holds, fails = claim["contrasts"], claim["holds"], claim["fails"]
    if holds == k:
        text = "holds in the only one" if k == 1 else f"holds in all {k}"
    elif fails == k:
        text = "fails in the only one" if k == 1 else f"fails in all {k}"
    else:
        shown = [f"{word} in at least {count}" for word, count in (("holds", holds), ("fails", fails)) if count]
        text = f"{', '.join(shown)} of {k}" if shown else f"none of {k} is shown either way"
    return text + (f", {claim['not_reached']} not reached" if claim["not_reached"] else "")


def say_where(ledger: Ledger, number: int) -> str:
    """Say where a claim holds and where it fails: the contrasts that show it one by one, each group by its context."""
    verdicts = ledger.verdicts[ledger.verdicts["claim"] == number]
    claim = ledger.claims[ledger.claims["number"] == number].iloc[0]
    groups = {
        "Holds": verdicts[verdicts["verdict"].map(is_supported).astype(bool)],
        "Reversed": verdicts[verdicts["verdict"] == "refuted-reversed"],
        "Fails": verdicts[
            verdicts["verdict"].map(is_refuted).astype(bool) & (verdicts["verdict"] != "refuted-reversed")
        ],
        "Not shown by itself": verdicts[verdicts["verdict"].isin(["inconclusive", "too few seeds"])],
        "Premise not met": verdicts[verdicts["verdict"] == "premise not met"],
        "Not reached": verdicts[(verdicts["verdict"] == NOT_REACHED) & (verdicts["because"].fillna("") == "")],
    }
    parts = [f"{name}: {_list_contexts(group)}" for name, group in groups.items() if len(group)]
    parts += [f"Not decided: {claim['lacks']}"] if claim["lacks"] else []
    decisive = pd.concat([groups["Reversed"], groups["Fails"]]) if claim["verdict"] == "refuted" else groups["Holds"]
    rests = claim["verdict"] in ("refuted", "supported") and len(decisive) > 0
    rests = rests and (decisive["registration"] == ADDED).all()
    return "; ".join(parts) + "." + (" The verdict rests on contrasts that were added after the runs." if rests else "")


def say_facts(ledger: Ledger, number: int) -> tuple[str, ...]:
    """Say why each contrast of a claim that is only described decides nothing."""
    described = ledger.verdicts[(ledger.verdicts["claim"] == number) & (ledger.verdicts["verdict"] == DESCRIBED)]
    return tuple(f"{row['id']} is only described: {row['because']}." for row in described.to_dict("records"))


def say_pooled(claims: pd.DataFrame, verdicts: pd.DataFrame) -> tuple[str, ...]:
    """Say for each claim whose effect was pooled over contexts what the mean is, and what a new context may show."""
    sentences = []
    short = verdicts[(verdicts["n"] < verdicts["planned"]) & (verdicts["verdict"] != DESCRIBED)]["claim"].value_counts()
    for row in claims[claims["pooled_low"].notna()].to_dict("records"):
        new = (
            f"; in a new context like these it is expected from {row['prediction_low']:+.2f} to "
            f"{row['prediction_high']:+.2f} (95 %)"
            if row["prediction_low"] == row["prediction_low"]
            else ""
        )
        waiting = short.get(row["number"], 0)
        interim = f" Interim: {waiting} of them have fewer seeds than planned." if waiting else ""
        sentences.append(
            f"Claim {row['number']}, over its {row['contrasts']} contexts (random effects, in units of δ): the mean "
            f"effect is {row['pooled']:+.2f}, 95 % interval {row['pooled_low']:+.2f} to {row['pooled_high']:+.2f}{new}."
            f"{interim}"
        )
    return tuple(sentences)


def say_verdicts(verdicts: pd.DataFrame) -> tuple[str, ...]:
    """Say the rule, what the columns mean, what was added or analysed otherwise, and what n can't resolve."""
    sentences = (RULE, RESOLUTION, *say_registration(verdicts))
    return (*sentences, *say_unresolved(verdicts), *say_unpaired(verdicts))


def say_registration(verdicts: pd.DataFrame) -> tuple[str, ...]:
    """Say which contrasts were added after the runs, and which were analysed under another registration."""
    sentences = []
    added = verdicts[verdicts["registration"] == ADDED]
    if len(added):
        sentences.append(f"† added after the runs, on which day and why is in DEVIATIONS.md: {', '.join(added['id'])}.")
    trained = verdicts[verdicts["registration"].fillna("") != ""]
    if len(bare := trained[trained["registration"] == "no hash recorded"]):
        sentences.append(
            f"The runs of {len(bare)} registered contrasts are from before runs recorded a hash of what was "
            "registered; the order of registration and runs rests on the times in git and in the records."
        )
    if len(changed := trained[trained["registration"].str.startswith("changed")]):
        listed = "; ".join(f"{row['id']} ({row['registration']})" for row in changed.to_dict("records"))
        sentences.append(
            "Analysed under another registration than the runs recorded (what was changed since, and why: "
            f"DEVIATIONS.md): {listed}."
        )
    if len(mixed := verdicts[verdicts["revisions"].astype(float) > 1]):
        sentences.append(f"Runs of more than one revision of the code are paired in {', '.join(mixed['id'])}.")
    return tuple(sentences)


def say_interim(verdicts: pd.DataFrame) -> tuple[str, ...]:
    """Say where contrasts have fewer seeds than were planned, lost runs, or runs that never learned."""
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
    if len(stuck := verdicts[verdicts["unlearned"].fillna(0) > 0]):
        listed = ", ".join(f"{row['id']} ({row['unlearned']:.0f})" for row in stuck.to_dict("records"))
        sentences.append(f"Runs that finished at chance, without having learned, in contrasts {listed}.")
    return tuple(sentences)


def say_unresolved(verdicts: pd.DataFrame) -> tuple[str, ...]:
    """Say in which deciding contrasts a t test on the seeds can't find an effect of δ."""
    deciding = verdicts[verdicts["verdict"] != DESCRIBED]
    weak = deciding[deciding["detectable"].astype(float) > deciding["delta"].astype(float)]
    if weak.empty:
        return ()
    listed = "; ".join(
        f"{row['id']} ({_show_size(row['detectable'], row['delta'])} against {row['delta']:g})"
        for row in weak.to_dict("records")
    )
    return (f"δ is smaller than what a t test on n seeds detects (that against δ): {listed}.",)


def say_unpaired(verdicts: pd.DataFrame) -> tuple[str, ...]:
    """Say where pairing by seed bought little, with Welch's interval of the unpaired arms."""
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


def name_unit(unit: str) -> str:
    """Name the unit as it is written behind a number."""
    return UNIT_NAMES.get(unit, unit)


def _list_contexts(verdicts: pd.DataFrame) -> str:
    """The contrasts by context: 3a, 3d (CIFAR-10, 3,000 images); 3e (MNIST, 3,000 images)."""
    by_context: dict[str, list[str]] = {}
    for row in verdicts.to_dict("records"):
        context = row["context"] if row["context"] == row["context"] and row["context"] else ""
        by_context.setdefault(context, []).append(row["id"])
    listed = [(", ".join(ids), f" ({context})" if context else "") for context, ids in by_context.items()]
    return ", ".join(ids + context for ids, context in listed)


def _show_hypothesis(row: dict) -> str:
    """The hypothesis, with what was expected and the train loss or accuracy at which it was read."""
    fit = "" if row["fit"] != row["fit"] else f" (at {row['fit']:.2f})"
    return row["hypothesis"] + fit + (f" (expected: {row['expected']})" if row["expected"] else "")


def _show_n(row: dict) -> str:
    if row["kind"] == "exact" and row["n"]:
        return f"{row['equal']:.0f} of {row['n']}"
    return str(row["n"]) if row["n"] in (0, row["planned"]) else f"{row['n']} of {row['planned']}"


def show_effect(row: Mapping[str, Any]) -> str:
    """An effect with its unit and interval; nothing where there is none."""
    if row["verdict"] == NOT_REACHED or row["effect"] != row["effect"]:
        return ""
    text = f"{_show_size(row['effect'], row['delta'], sign=True)} {name_unit(row['unit'])}".rstrip()
    if row["low"] != row["low"]:
        return text
    low, high = (_show_size(row[end], row["delta"]) for end in ("low", "high"))
    return f"{text} ({low} to {high})"


def _show_delta(row: dict) -> str:
    sign = {"noninferior": "-", "equivalent": "±"}.get(row["kind"], "" if row["direction"] == "higher" else "-")
    if row["kind"] == "noninferior" and row["direction"] == "lower":
        sign = "+"
    return "" if row["kind"] == "exact" else f"{sign}{row['delta']:g}"


def _show_side(row: dict, side: str) -> str:
    """A one-sided p of a contrast that decides; nothing where it can't be below 1."""
    return "" if row["kind"] == "exact" or row[side] == 1 else show_p(row[side])


def _show_size(size: float, delta: float, sign: bool = False) -> str:
    """A number with as many digits as delta needs, at least two; nothing for NaN."""
    if size != size:
        return ""
    digits = max(2, 1 - math.floor(math.log10(delta))) if delta == delta else 2
    return f"{round(size, digits) + 0.0:{'+' if sign else ''}.{digits}f}"


def _show_whole(count: float) -> str:
    return "" if count != count else f"{count:.0f}"
