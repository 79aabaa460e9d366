"""Contrasts at every learning rate that was tried, in words: the table for people, and what it can and can't say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from poolscope.reports.verdicts import name_unit
from poolscope.statistics.verdicts import is_supported

_AT_CHANCE = "○"  # behind an effect with trials that never learned; the dots of such runs are hollow in figures


def show_rates(rates: pd.DataFrame) -> pd.DataFrame:
    """Format the effect of each contrast at every shared rate that was tried, and with each arm at its best.

    Contrasts that the trials can't tell apart share a row.
    """
    tried = sorted(rates["rate"].dropna().unique())
    rows: dict[tuple[Any, ...], dict[str, str]] = {}
    for identity, of_contrast in rates.groupby("id", sort=False):
        points = of_contrast.fillna({"rate": 0}).to_dict("records")  # each at its best has no rate, and comes last
        same = (points[-1]["study"], *((point["rate"], point["effect"], point["claimed"]) for point in points))
        if same in rows:
            rows[same]["contrast"] += f", {identity}"
            continue
        effects = {point["rate"]: _show_effect(point) for point in points}
        claimed = [point["claimed"] for point in points if point["rate"]]
        own = "" if pd.isna(points[-1]["arm_rate"]) else " ({arm_rate:g}, {baseline_rate:g})".format(**points[-1])
        rows[same] = {"contrast": str(identity), "unit": name_unit(points[-1]["unit"])}
        rows[same] |= {f"at {rate:g}": effects.get(rate, "") for rate in tried}
        rows[same] |= {"each at its best": effects[0] + own}
        rows[same] |= {"as claimed": f"{sum(claimed)} of {len(claimed)}", "edge": "yes" if points[-1]["edge"] else ""}
    return pd.DataFrame(list(rows.values()))


def say_rates(rates: pd.DataFrame, verdicts: pd.DataFrame) -> tuple[str, ...]:
    """Say what the rates are worth as evidence, which verdicts the trials don't bear out, and which never learned."""
    if rates.empty:
        return ()
    judged = verdicts[verdicts["id"].isin(set(rates["id"]))].to_dict("records")
    seeds = " or ".join(str(count) for count in sorted(rates["seeds"].unique()))
    edge = rates[rates["edge"]]["id"].nunique()
    return (
        f"Arm minus baseline in validation accuracy at every learning rate that was tried, with {seeds} tuning seeds "
        "on the validation images that the study's protocol names: values without an interval, whose standard error "
        "from the images alone is about 2 points at 1,000 of them and at most 1 at 5,000, so that only signs are worth "
        "a look. A slope is for each doubling. Contrasts that the trials can't tell apart share a row, as those of "
        "several sizes where one was tuned. As claimed: at how many shared rates the effect has the claimed sign, or "
        f"is no worse than -δ where that is claimed. Edge: a best rate is the lowest or highest that was tried, and a "
        f"better one may lie beyond ({edge} of {rates['id'].nunique()} contrasts).",
        *_say_signs(rates, judged),
        *_say_no_worse(rates, judged),
        *_say_unlearned(rates),
    )


def say_untried(untried: Mapping[str, Sequence[str]], rates: pd.DataFrame, verdicts: pd.DataFrame) -> tuple[str, ...]:
    """Say which deciding contrasts have no row, and why; untried: of `find_untried`."""
    lacking = sum(map(len, untried.values()))
    if not lacking:
        return ()
    shown = set(rates["id"]) & set(verdicts.loc[verdicts["because"].fillna("") == "", "id"])
    listed = "; ".join(f"{reason}: {', '.join(ids)}" for reason, ids in untried.items())
    return (
        f"Of {lacking + len(shown)} trained contrasts that decide a claim {lacking} have no row: nothing is known of "
        f"them at other rates. {listed[0].upper()}{listed[1:]}.",
    )


def _say_signs(rates: pd.DataFrame, judged: Sequence[Mapping[str, Any]]) -> tuple[str]:
    claimed, tried = _count_claimed(rates)
    alone = []
    for row in judged:
        against = row["verdict"] == "refuted-reversed"
        if row["kind"] not in ("noninferior", "equivalent") and (against or is_supported(row["verdict"])):
            same = tried[row["id"]] - claimed[row["id"]] if against else claimed[row["id"]]
            if same <= 1:
                alone.append(f"{row['id']} ({row['verdict']}: {same} of {tried[row['id']]})")
    return (f"Verdicts on a sign that the trials show at one rate or none: {', '.join(alone) or 'none'}.",)


def _say_no_worse(rates: pd.DataFrame, judged: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    claimed, tried = _count_claimed(rates)
    no_worse = {
        row["id"]: (claimed[row["id"]], tried[row["id"]])
        for row in judged
        if row["kind"] == "noninferior" and is_supported(row["verdict"])
    }
    worse = {
        row["id"]: (tried[row["id"]] - claimed[row["id"]], tried[row["id"]])
        for row in judged
        if row["verdict"] == "refuted-inferior"
    }
    parts = [
        f"{name} than -δ by verdict, and by the trials {_list_counts(counts)}."
        for name, counts in (("No worse", no_worse), ("Worse", worse))
        if counts
    ]
    parts += ["With one tuning seed, where δ is below the standard error, such a count is weak evidence."]
    return (" ".join(parts),) if no_worse or worse else ()


def _list_counts(counts: Mapping[str, tuple[int, int]]) -> str:
    """At every rate: 2b, 12f; only at some: 12e (1 of 3)."""
    every = [identity for identity, (same, tried) in counts.items() if same == tried]
    some = [f"{identity} ({same} of {tried})" for identity, (same, tried) in counts.items() if same < tried]
    parts = [f"at every rate: {', '.join(every)}"] if every else []
    parts += [f"not at every one: {', '.join(some)}"] if some else []
    return "; ".join(parts)


def _say_unlearned(rates: pd.DataFrame) -> tuple[str, ...]:
    found = rates[rates["unlearned"] > 0]
    if found.empty:
        return ()
    listed = []
    for identity, rows in found.groupby("id", sort=False):
        counts = (f"{row['unlearned']} of {row['trials']} {_name_rate(row['rate'])}" for row in rows.to_dict("records"))
        listed.append(f"{identity} ({', '.join(counts)})")
    return (
        f"{_AT_CHANCE} has trials that finished at chance, by their validation loss and accuracy, and that are in the "
        f"means: {'; '.join(listed)}. Such an effect says how often an arm fails to train there, not how well it does.",
    )


def _count_claimed(rates: pd.DataFrame) -> tuple[Mapping[Any, int], Mapping[Any, int]]:
    """By contrast, at how many shared rates the effect is as claimed, and how many there are."""
    shared = rates[rates["rate"].notna()].groupby("id")["claimed"]
    return shared.sum().to_dict(), shared.size().to_dict()


def _show_effect(row: Mapping[str, Any]) -> str:
    return f"{row['effect']:+.2f}" + (f" {_AT_CHANCE}" if row["unlearned"] else "")


def _name_rate(rate: float) -> str:
    return "each at its best" if rate != rate else f"at {rate:g}"
