"""What the ledger's comparisons of two choices recommend, one by one and together for a situation."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from poolscope.reports.figures.ledger import mark_added
from poolscope.spec.errors import PoolscopeError
from poolscope.statistics.verdicts import DESCRIBED, UNMET

WAITS = "not known yet"
_EITHER = "either: no difference shown"
_FACT = "decides no claim"
DEARER = 1.05  # times the multiplications: from here on two networks are compared by cost
_KINDS = ("difference", "noninferior")  # of contrasts whose effect is arm minus baseline
_MEASURES = {"test_accuracy": "test accuracy", "accuracy_corrupted": "accuracy under corruptions"}  # more is better


@dataclass(frozen=True)
class Comparison:
    """Two choices that a contrast compares; where one is shown to be better, that is `first`.

    effect, low, high: first minus second. means: of both, in the contrast's unit. work: multiply-accumulates of first
    over those of second, NaN where it isn't known. waits: for runs. accuracies: test accuracies in per cent, beside a
    measure that says nothing without them; else NaN. row: of the ledger.
    """

    row: Mapping[str, Any]
    first: str
    second: str
    effect: float
    low: float
    high: float
    means: tuple[float, float]
    work: float
    waits: bool
    accuracies: tuple[float, float] = (math.nan, math.nan)

    @property
    def shown(self) -> bool:
        """Whether the interval leaves out no difference."""
        return not self.waits and self.low > 0

    @property
    def gain(self) -> str:
        """The effect with its interval; that of a logarithm of errors as the factor on them."""
        if self.waits:
            return ""
        if self.row["unit"] == "log_error":
            factors = (math.exp(-value) for value in (self.effect, self.high, self.low))
            return "{:.2f} times the errors ({:.2f} to {:.2f})".format(*factors)
        low, high = (_show_end(value) for value in (self.low, self.high))
        return f"{round(self.effect, 9):+.1f} points ({low} to {high})"

    @property
    def mark(self) -> str:
        """The contrast's name, with † where it was added after its runs and ‡ where it decides no claim."""
        return mark_added(self.row) + ("‡" if self.row["verdict"] == DESCRIBED else "")

    @property
    def network(self) -> str:
        """Data and network, without the windows that differ."""
        return str(self.row["context"]).partition(", window")[0]


def compare(
    row: Mapping[str, Any],
    arm: str,
    baseline: str,
    work: float = math.nan,
    accuracies: tuple[float, float] = (math.nan, math.nan),
) -> Comparison:
    """The comparison of a contrast; arm, baseline: what its sides are called. work: of arm over baseline.

    accuracies: test accuracy of both in per cent, beside another measure. Raises PoolscopeError for a contrast that
    doesn't compare two choices by a measure of which more is better.
    """
    if not is_comparison(row):
        raise PoolscopeError(
            f"experiments/guide.yaml: contrast {row['id']} must be the difference of two choices in accuracy or "
            f"consistency, not a {row['kind']} of {row['measure']}."
        )
    effect, low, high = (float(row[key]) for key in ("effect", "low", "high"))
    mean, other = (pd.to_numeric(row.get(key), errors="coerce") for key in ("arm_mean", "baseline_mean"))
    waits = _count(row["n"]) < _count(row["planned"]) or any(map(math.isnan, (effect, low, high)))
    found = Comparison(row, arm, baseline, effect, low, high, (mean, other), work, waits, accuracies)
    return _turn(found, baseline) if not waits and high < 0 else found


def show_choices(situations: Mapping[str, Sequence[Comparison]], rates: pd.DataFrame) -> pd.DataFrame:
    """A row for each contrast of each situation: what to choose, over what, by how much, n, and what that rests on.

    rates: of `list_rates`.
    """
    cells = []
    for situation, comparisons in situations.items():
        for place, one in enumerate(comparisons):
            tried = rates[(rates["id"] == one.row["id"]) & rates["rate"].notna()]
            accuracies = [f"test accuracy {_show_both(one)}"] if _has_accuracies(one) and not one.waits else []
            remarks = "; ".join([*accuracies, *remark(one.row, tried)])
            cells.append({"situation": "" if place else situation, **choose(one), "remarks": remarks})
    return pd.DataFrame(cells)


def choose(one: Comparison) -> dict[str, str]:
    """What a comparison recommends, as texts: choose, over, by, of, seeds, contrast."""
    row = one.row
    n, planned = (_count(row[key]) for key in ("n", "planned"))
    if one.shown:
        named = {"choose": one.first, "over": one.second}
    else:
        answer = WAITS if one.waits else _EITHER
        named = {"choose": answer, "over": f"{one.first} or {one.second}"}
    return named | {
        "by": one.gain,
        "of": _name_measure(row["measure"]),
        "seeds": f"{n} of {planned}" if one.waits else str(n),
        "contrast": f"{one.mark} ({row['study']}: {row['context']})",
    }


def tally(situations: Mapping[str, Sequence[Comparison]]) -> pd.DataFrame:
    """A row for each two choices that were compared in test accuracy in several networks: in which one is ahead.

    Columns choice, against, networks, by (the least and the largest effect), and the contrasts in which the choice is
    shown to be ahead, to be behind, or neither. Of contrasts of the same runs the one with the widest interval counts.
    What holds everywhere comes first.
    """
    pairs: dict[frozenset[str], dict[tuple[str, str], Comparison]] = {}
    for one in (one for comparisons in situations.values() for one in comparisons):
        if one.row["measure"] == "test_accuracy" and not one.waits:
            networks = pairs.setdefault(frozenset((one.first, one.second)), {})
            place = (str(one.row["study"]), str(one.row["context"]))
            if place not in networks or one.high - one.low > networks[place].high - networks[place].low:
                networks[place] = one
    rows = [_tally(list(networks.values())) for networks in pairs.values() if len(networks) > 1]
    rows.sort(key=lambda row: (bool(row["behind"] or row["not shown"]), -row["networks"]))
    return pd.DataFrame(rows)


def summarise(situations: Mapping[str, Sequence[Comparison]]) -> pd.DataFrame:
    """A row for each network of each situation: its choice of the highest mean, and what is shown to be behind what."""
    rows = []
    for situation, comparisons in situations.items():
        networks: dict[str, list[Comparison]] = {}
        for one in comparisons:
            networks.setdefault("" if one.waits else one.network, []).append(one)
        for place, (network, compared) in enumerate(networks.items()):
            named = {"situation": "" if place else situation, "data and network": network}
            rows.append(named | (_summarise(compared) if network else _wait(compared)))
    return pd.DataFrame(rows)


def weigh(situations: Mapping[str, Sequence[Comparison]]) -> pd.DataFrame:
    """A row for each comparison in test accuracy of networks whose cost differs: what the cheaper saves and loses."""
    rows = []
    for one in (one for comparisons in situations.values() for one in comparisons):
        if one.row["measure"] != "test_accuracy" or one.waits or not (one.work >= DEARER or one.work <= 1 / DEARER):
            continue
        cheaper, dearer = (one.first, one.second) if one.work < 1 else (one.second, one.first)
        better = "not shown" if not one.shown else "the cheaper" if one.work < 1 else "the dearer"
        rows.append(
            {
                "cheaper": cheaper,
                "dearer": dearer,
                "multiplications of the dearer": f"{max(one.work, 1 / one.work):.2g} x",
                "tests better": better,
                "cheaper less dearer": _turn(one, cheaper).gain,
                "contrast": f"{one.mark} ({one.network})",
            }
        )
    return pd.DataFrame(rows)


def remark(row: Mapping[str, Any], rates: pd.DataFrame) -> list[str]:
    """What to know of a contrast before its line is relied on; rates: its effects at shared learning rates."""
    if row["n"] < row["planned"] or pd.isna(row["effect"]):
        return []
    remarks = []
    if row["verdict"] == DESCRIBED:
        remarks.append(f"{_FACT}, interval alone: {row['because']}")
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


def _tally(compared: Sequence[Comparison]) -> dict[str, Any]:
    """How one of two choices fares against the other; first that which is ahead more often."""
    shown = [one.first for one in compared if one.shown]
    first = max((compared[0].first, compared[0].second), key=shown.count)
    second = compared[0].second if first == compared[0].first else compared[0].first
    groups: dict[str, list[str]] = {"ahead": [], "behind": [], "not shown": []}
    for one in compared:
        groups["not shown" if not one.shown else "ahead" if one.first == first else "behind"].append(one.mark)
    named = {name: ", ".join(marks) for name, marks in groups.items()}
    by = _show_range([_turn(one, first) for one in compared])
    return {"choice": first, "against": second, "networks": len(compared), "by": by, **named}


def _show_range(compared: Sequence[Comparison]) -> str:
    """The least and the largest effect, of those in points and those on errors apart."""
    points = [one.effect for one in compared if one.row["unit"] == "points"]
    factors = [math.exp(-one.effect) for one in compared if one.row["unit"] == "log_error"]
    parts = [_join(f"{round(least(points), 9):+.1f}" for least in (min, max)) + " points"] if points else []
    parts += [_join(f"{least(factors):.2f}" for least in (min, max)) + " times the errors"] if factors else []
    return "; ".join(parts)


def _join(ends: Iterable[str]) -> str:
    """Two ends of a range; one of them where they are shown alike."""
    return " to ".join(dict.fromkeys(ends))


def _summarise(compared: Sequence[Comparison]) -> dict[str, str]:
    """The choice with the highest mean, what it was compared with, and which others are shown to be behind what."""
    means = {name: mean for one in compared for name, mean in zip((one.first, one.second), one.means, strict=True)}
    tested = {
        name: accuracy
        for one in compared
        for name, accuracy in zip((one.first, one.second), one.accuracies, strict=True)
    }
    best = max(means, key=means.__getitem__)
    percent = f" ({means[best]:.1f} %{_show_accuracy(tested[best])})" if compared[0].row["unit"] == "points" else ""
    sides = []
    for one in (one for one in compared if best in (one.first, one.second)):
        other = one.second if one.first == best else one.first
        ahead = "ahead of" if one.shown else "not shown ahead of"
        sides.append(f"{ahead} {other}: {_turn(one, best).gain} ({one.mark}{_show_accuracy(tested[other])})")
    behind: dict[str, list[str]] = {}
    for one in compared:
        if one.shown and one.first != best:
            behind.setdefault(one.second, []).append(f"{one.first}, {one.mark}")
    others = [f"{name} ({'; '.join(ahead)})" for name, ahead in behind.items()]
    return {
        "highest mean": best + percent,
        "compared with": "; ".join(sides),
        "shown behind another": "; ".join(others),
    }


def _wait(compared: Sequence[Comparison]) -> dict[str, str]:
    marks = ", ".join(one.mark for one in compared)
    return {"highest mean": WAITS, "compared with": f"runs are missing for {marks}", "shown behind another": ""}


def _turn(one: Comparison, first: str) -> Comparison:
    """The comparison with this choice first."""
    if one.first == first:
        return one
    sides = replace(one, first=one.second, second=one.first, means=one.means[::-1], accuracies=one.accuracies[::-1])
    return replace(sides, effect=-one.effect, low=-one.high, high=-one.low, work=1 / one.work)


def _has_accuracies(one: Comparison) -> bool:
    return not any(map(math.isnan, one.accuracies))


def _show_both(one: Comparison) -> str:
    return f"{one.accuracies[0]:.1f} % and {one.accuracies[1]:.1f} %"


def _show_accuracy(accuracy: float) -> str:
    """Test accuracy beside another measure; nothing where there is none."""
    return "" if math.isnan(accuracy) else f"; test accuracy {accuracy:.1f} %"


def _show_end(value: float) -> str:
    """An end of an interval to one decimal, as tables have it; to more where that would be 0."""
    value = round(value, 9)  # -0.15, not -0.150000000000002
    return (
        f"{value:.1f}" if abs(value) >= 0.05 or not value else f"{value:.2f}" if abs(value) >= 0.005 else f"{value:.1g}"
    )


def _count(value: Any) -> int:
    return 0 if pd.isna(value) else int(value)


def _name_measure(measure: str) -> str:
    shifts = re.fullmatch(r"consistency_\w+?_(\d+)", measure)
    return f"the same prediction when shifted by up to {shifts[1]} pixels" if shifts else _MEASURES.get(measure, "")
