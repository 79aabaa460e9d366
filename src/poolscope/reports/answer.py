"""What a study found, in one to three sentences that are computed: what its page opens with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pandas as pd
import yaml

from poolscope.reports.figures.ledger import mark_added
from poolscope.reports.verdicts import show_effect
from poolscope.spec.paths import shipped
from poolscope.statistics.verdicts import ADDED, DESCRIBED, UNMET

_MOST = 4  # findings of a kind that are told; of further ones their number
_OPEN = "Open"
_WORDS = {  # how a verdict starts, and what that is called; the first that fits
    "strongly supported": "Shown",
    "supported": "Shown",
    "refuted-reversed": "Reversed",
    "refuted-too-small": "Not as claimed by δ",
    "refuted-negligible": "Not as claimed by δ",
    "refuted": "Refuted",
    UNMET: "Premise not met",
    "": _OPEN,
}


def say_study_answer(study: str, verdicts: pd.DataFrame) -> str:
    """Say what `experiments/answers.yaml` has for a study, with the effects of its verdicts, and a space behind it.

    Nothing where it has none, or a verdict isn't one that its words rest on.
    """
    path = shipped("experiments") / "answers.yaml"
    answers = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
    rows = {row["id"]: row for row in verdicts.to_dict("records")}
    answer = answers.get(study)
    if not answer or any(
        word not in rows.get(one, {"verdict": ""})["verdict"] for one, word in answer["rests_on"].items()
    ):
        return ""
    effects = {name: show_effect(row).replace(" (", ", ").rstrip(")") for name, row in rows.items()}
    return re.sub(r"\{(\w+)\}", lambda found: effects[found[1]], answer["says"]) + " "


def say_verdicts_answer(verdicts: pd.DataFrame) -> str:
    """Say which hypotheses of a study are shown, which are refuted, how, and which are open, with their effects.

    A study whose contrasts decide nothing has them described; one without any runs has no answer, "".
    """
    rows = [row for row in verdicts.to_dict("records") if row["n"]]
    deciding = [row for row in rows if row["verdict"] != DESCRIBED]
    if not deciding:
        return f"Described, deciding no claim: {_list(rows, effects=True)}." if rows else ""
    groups: dict[str, list[dict[str, Any]]] = {word: [] for word in _WORDS.values()}
    for row in deciding:
        groups[next(word for start, word in _WORDS.items() if row["verdict"].startswith(start))].append(row)
    told = [f"{word}: {_list(found, effects=word != _OPEN)}." for word, found in groups.items() if found]
    if any(row["registration"] == ADDED for row in deciding):
        told.append("(† added after its runs.)")
    waiting = int((verdicts["n"] < verdicts["planned"]).sum())
    interim = f"Interim, with fewer seeds than planned in {waiting} of {len(verdicts)} contrasts. " if waiting else ""
    return interim + " ".join(told)


def say_comparison_answer(comparison: pd.DataFrame) -> str:
    """Say which arm is first in each setting by test accuracy, as in the table, and its difference to the baseline."""
    measured = comparison[comparison["test_accuracy"].notna()] if "test_accuracy" in comparison else comparison[:0]
    arms = measured.groupby("setting", sort=False).size()
    best = measured.groupby("setting", sort=False).head(1)
    told = [_say_best(row, int(arms[row["setting"]])) for row in best.head(_MOST).to_dict("records")]
    if len(best) > _MOST:
        told.append(f"{len(best) - _MOST} more settings below")
    return f"Best by test accuracy: {'; '.join(told)}." if told else ""


def _say_best(row: dict[str, Any], arms: int) -> str:
    seeds, among = (
        f"{count:.0f} {word}{'s' if count != 1 else ''}" for count, word in ((row["n"], "seed"), (arms, "arm"))
    )
    text = f"{row['setting']}, {row['arm']} of {among}, {100 * row['test_accuracy']:.1f} % ({seeds}"
    if row["arm"] == row["baseline"]:
        return f"{text}; the baseline)"
    if pd.isna(row["difference"]):
        return f"{text})"
    text += f"; {row['difference']:+.1f} points against {row['baseline']}"
    if pd.isna(row["difference_low"]):
        return f"{text})"
    return f"{text}, 95 % interval {row['difference_low']:.1f} to {row['difference_high']:.1f})"


def _list(rows: Sequence[dict[str, Any]], effects: bool) -> str:
    """Contrasts with hypothesis and effect, at most `_MOST` of them, those that were not added after the runs first."""
    ordered = sorted(rows, key=lambda row: row["registration"] == ADDED)
    shown = [
        f"{mark_added(row)} {row['hypothesis']}" + (_in_brackets(row) if effects else "") for row in ordered[:_MOST]
    ]
    more = f"; and {len(rows) - _MOST} more" if len(rows) > _MOST else ""
    return f"{'; '.join(shown)}{more}"


def _in_brackets(row: dict[str, Any]) -> str:
    """The effect with its interval; nothing for a count."""
    effect = show_effect(row)
    return f" [{effect}]" if effect and row["kind"] != "exact" else ""
