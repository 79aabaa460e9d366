"""Numbers of the site, read from the committed ledger when it is built; none is typed into a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from poolscope.reports.verdicts import UNIT_NAMES, say_counts
from poolscope.statistics.verdicts import ADDED, DESCRIBED

CHECKOUT = Path(__file__).resolve().parents[2]
RESULTS = CHECKOUT / "results"


@cache
def read_results(table: str) -> pd.DataFrame:
    """A committed table by its path below results/, such as "pool_type/tables/comparison.csv"."""
    return pd.read_csv(RESULTS / table, low_memory=False)


def find_contrast(identity: str) -> Mapping[str, Any]:
    """The row of a contrast in the ledger, such as 3a; KeyError for none."""
    table = read_results("ledger/verdicts.csv")
    rows = table[table["id"].astype(str) == identity].to_dict("records")
    if not rows:
        raise KeyError(f"the ledger has no contrast {identity!r}")
    return rows[0]


def find_claim(number: int) -> Mapping[str, Any]:
    """The row of a claim in the ledger; KeyError for none."""
    table = read_results("ledger/claims.csv")
    rows = table[table["number"] == number].to_dict("records")
    if not rows:
        raise KeyError(f"the ledger has no claim {number}")
    return rows[0]


def say_effect(identity: str, interval: bool = True) -> str:
    """A contrast's effect with its interval: "+2.69 points (1.51 to 5.37)"; one that only counts as "96 of 96"."""
    row = find_contrast(identity)
    if row["kind"] == "exact" and row["effect"] != row["effect"]:
        return f"{row['equal']:.0f} of {row['n']}"
    unit = UNIT_NAMES.get(row["unit"], row["unit"]) or "of R²"
    text = f"{row['effect']:+.2f} {unit}".replace("-", "−")
    return f"{text} ({row['low']:.2f} to {row['high']:.2f})".replace("-", "−") if interval else text


@dataclass(frozen=True)
class Number:
    """A number for a box: the number with its interval, what it is, and the conditions that it was measured under."""

    value: str
    what: str
    conditions: str
    page: str  # below results/


def describe_contrast(identity: str) -> Number:
    """Everything that has to stand beside a contrast's number."""
    row = find_contrast(identity)
    claim = find_claim(row["claim"])
    dagger = "†" if row["registration"] == ADDED else ""
    if row["kind"] == "exact":
        conditions = f"Counted, not trained: {row['n']} cases. Contrast {identity}: {row['verdict']}."
        return Number(say_effect(identity), row["hypothesis"], conditions, "index.html")
    alone = row["verdict"] == DESCRIBED
    family = "of this contrast alone" if alone else _say_family(int(row["family"]))
    delta = "" if row["delta"] != row["delta"] else f"; δ = {row['delta']:g}"
    conditions = (
        f"n = {row['n']} seeds, paired; {row['context']}. 95 % interval, {family}{delta}. "
        f"Contrast {identity}{dagger}: {row['verdict']}. "
        f"Claim {row['claim']} ({say_counts(claim)}): {claim['verdict']}."
    )
    return Number(say_effect(identity), row["hypothesis"], conditions, f"{row['study']}/report.html")


def _say_family(contrasts: int) -> str:
    return "the only one that decides the claim" if contrasts == 1 else f"simultaneous over the claim's {contrasts}"
