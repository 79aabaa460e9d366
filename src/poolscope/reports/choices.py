"""What the ledger's comparisons of two choices recommend, one by one and together for a situation."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from poolscope.reports.figures.ledger import mark_added
from poolscope.spec.errors import PoolscopeError
from poolscope.statistics.verdicts import DESCRIBED, UNMET

FACT = "decides no claim"
WAITS = "not known yet"
NONE_BETTER = "nothing is shown to test better"
SCARCE = "Computation is scarce (half of the multiplications or less)"
_KINDS = ("difference", "noninferior")  # of contrasts whose effect is arm minus baseline
_MEASURES = {"test_accuracy": "test accuracy", "accuracy_corrupted": "accuracy under corruptions"}  # more is better


@dataclass(frozen=True)
class Comparison:
    """Two choices that a contrast compares: `first` is shown to be better, or, where `shown` is False, neither is.

    effect, low, high: first minus second. waits: for runs; work: multiply-accumulates of first over those of second,
    NaN where it isn't known. row: of the ledger.
    """

    row: Mapping[str, Any]
    first: str
    second: str
    effect: float
    low: float
    high: float
    work: float
    waits: bool

    @property
    def shown(self) -> bool:
        """Whether the interval leaves out no difference."""
        return not self.waits and self.low > 0

    @property
    def matters(self) -> bool:
        """Whether it is shown and at least the smallest effect that matters."""
        return self.shown and self.effect >= float(self.row["delta"])

    @property
    def gain(self) -> str:
        """The effect with its interval; that of a logarithm of errors as the factor on them."""
        if self.waits:
            return ""
        if self.row["unit"] == "log_error":
            factors = (math.exp(-value) for value in (self.effect, self.high, self.low))
            return "{:.2f} times the errors ({:.2f} to {:.2f})".format(*factors)
        rounded = (round(value, 9) for value in (self.effect, self.low, self.high))  # -0.15, not -0.150000000000002
        return "{:+.1f} points ({:.1f} to {:.1f})".format(*rounded)


def compare(row: Mapping[str, Any], arm: str, baseline: str, work: float = math.nan) -> Comparison:
    """The comparison of a contrast; arm, baseline: what its sides are called. work: of arm over baseline.

    Raises PoolscopeError for a contrast that doesn't compare two choices by a measure of which more is better.
    """
    if not is_comparison(row):
        raise PoolscopeError(
            f"experiments/guide.yaml: contrast {row['id']} must be the difference of two choices in accuracy or "
            f"consistency, not a {row['kind']} of {row['measure']}."
        )
    n, planned = (_count(row[key]) for key in ("n", "planned"))
    effect, low, high = (float(row[key]) for key in ("effect", "low", "high"))
    if n >= planned and high < 0:
        return Comparison(row, baseline, arm, -effect, -high, -low, 1 / work, False)
    return Comparison(row, arm, baseline, effect, low, high, work, n < planned)


def show_choices(situations: Mapping[str, Sequence[Comparison]], rates: pd.DataFrame) -> pd.DataFrame:
    """A row for each contrast of each situation: what to choose, over what, by how much, n, and what that rests on.

    rates: of `list_rates`.
    """
    cells = []
    for situation, comparisons in situations.items():
        for place, one in enumerate(comparisons):
            tried = rates[(rates["id"] == one.row["id"]) & rates["rate"].notna()]
            remarks = "; ".join(remark(one.row, tried))
            cells.append({"situation": "" if place else situation, **choose(one), "remarks": remarks})
    return pd.DataFrame(cells)


def choose(one: Comparison) -> dict[str, str]:
    """What a comparison recommends, as texts: choose, over, by, multiplications, of, seeds, contrast."""
    row = one.row
    n, planned = (_count(row[key]) for key in ("n", "planned"))
    if one.shown:
        named = {"choose": one.first, "over": one.second}
    else:
        answer = WAITS if one.waits else "either: no difference shown"
        named = {"choose": answer, "over": f"{one.first} or {one.second}"}
    return named | {
        "by": one.gain,
        "multiplications": _show_work(one),
        "of": _name_measure(row["measure"]),
        "seeds": f"{n} of {planned}" if one.waits else str(n),
        "contrast": f"{mark_added(row)} ({row['study']}: {row['context']})",
    }


def summarise(situations: Mapping[str, Sequence[Comparison]]) -> pd.DataFrame:
    """A row for each situation: choices that are ahead of something and behind nothing, those behind, what is open.

    Only differences of at least δ count. The last row is of all situations: what gains with half of the work or less.
    """
    rows = [_summarise(name, comparisons) for name, comparisons in situations.items()]
    every = [one for comparisons in situations.values() for one in comparisons if one.row["measure"] == "test_accuracy"]
    counted = [one for one in every if one.matters and one.row["verdict"] != DESCRIBED]
    gains = [one for one in counted if one.work <= 0.5]
    costs = [one.second for one in counted if one.work >= 2]
    return pd.DataFrame([*rows, _make_row(SCARCE, gains, [name for name in costs if name not in _firsts(gains)], "")])


def remark(row: Mapping[str, Any], rates: pd.DataFrame) -> list[str]:
    """What to know of a contrast before its line is relied on; rates: its effects at shared learning rates."""
    if row["n"] < row["planned"] or pd.isna(row["effect"]):
        return []
    remarks = []
    if row["verdict"] == DESCRIBED:
        remarks.append(f"{FACT}, interval alone: {row['because']}")
    if row["verdict"] == UNMET:
        remarks.append("its claim's premise is not met")
    if abs(row["effect"]) < row["delta"]:
        remarks.append(f"less than δ ({row['delta']:g})")
    if len(rates):
        same = int((np.sign(rates["effect"]) == np.sign(row["effect"])).sum())
        remarks.append(f"sign at {same} of {len(rates)} rates")
    if pd.isna(row["image_error"]):
        remarks.append("without the error of its test images")
    return remarks


def is_comparison(row: Mapping[str, Any]) -> bool:
    """Whether a contrast compares two choices by a measure of which more is better."""
    return row["kind"] in _KINDS and bool(_name_measure(str(row["measure"])))


def _summarise(situation: str, comparisons: Sequence[Comparison]) -> dict[str, str]:
    shown = [one for one in comparisons if one.matters]
    behind = [one.second for one in shown]
    best = [one for one in shown if one.first not in behind]
    even: dict[str, list[str]] = {}
    for one in comparisons:
        if not one.shown and not one.waits:
            even.setdefault(f"{one.first} and {one.second}", []).append(mark_added(one.row))
    told = [f"{pair} ({', '.join(identities)})" for pair, identities in even.items()]
    waiting = [mark_added(one.row) for one in comparisons if one.waits]
    if waiting:
        told.append(f"runs are missing for {', '.join(waiting)}")
    row = _make_row(situation, best, behind, "; ".join(told))
    return row | {"tested best": WAITS} if all(one.waits for one in comparisons) else row


def _make_row(situation: str, best: Sequence[Comparison], behind: Iterable[str], told: str) -> dict[str, str]:
    names = []
    for name in _firsts(best):
        by = "; ".join(_say_gain(one) for one in best if one.first == name)
        names.append(f"{name}: {by}")
    return {
        "situation": situation,
        "tested best": ". ".join(names) if names else NONE_BETTER,
        "behind": ", ".join(dict.fromkeys(behind)),
        "open": told,
    }


def _say_gain(one: Comparison) -> str:
    work = "" if math.isnan(one.work) or _is_same(one.work) else f" at {one.work:.2g} x the multiplications"
    return f"{one.gain} over {one.second}{work} ({mark_added(one.row)})"


def _firsts(comparisons: Iterable[Comparison]) -> list[str]:
    return list(dict.fromkeys(one.first for one in comparisons))


def _show_work(one: Comparison) -> str:
    if math.isnan(one.work):
        return ""
    return "same" if _is_same(one.work) else f"{one.work:.2g} x"


def _is_same(work: float) -> bool:
    return abs(work - 1) < 0.005


def _count(value: Any) -> int:
    return 0 if pd.isna(value) else int(value)


def _name_measure(measure: str) -> str:
    shifts = re.fullmatch(r"consistency_\w+?_(\d+)", measure)
    return f"the same prediction when shifted by up to {shifts[1]} pixels" if shifts else _MEASURES.get(measure, "")
