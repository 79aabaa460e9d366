"""What a study found, in one to three sentences that are computed: what its page opens with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from poolscope.reports.verdicts import show_effect
from poolscope.statistics.verdicts import ADDED, DESCRIBED, is_refuted, is_supported

_MOST = 4  # findings of a kind that are told; of further ones their number


def say_verdicts_answer(verdicts: pd.DataFrame) -> str:
    """Say which hypotheses of a study are shown, which are refuted and which are open, with their effects.

    A study whose contrasts decide nothing has them described; one without any runs has no answer, "".
    """
    rows = [row for row in verdicts.to_dict("records") if row["n"]]
    deciding = [row for row in rows if row["verdict"] != DESCRIBED]
    if not deciding:
        return f"Described, deciding no claim: {_list(rows, effects=True)}." if rows else ""
    parts = {
        "Shown": [row for row in deciding if is_supported(row["verdict"])],
        "Refuted": [row for row in deciding if is_refuted(row["verdict"])],
        "Open": [row for row in deciding if not is_supported(row["verdict"]) and not is_refuted(row["verdict"])],
    }
    told = [f"{word}: {_list(rows, effects=word != 'Open')}." for word, rows in parts.items() if rows]
    return " ".join(told)


def say_comparison_answer(comparison: pd.DataFrame) -> str:
    """Say which arm has the highest test accuracy in each setting, and its difference to the baseline."""
    measured = comparison[comparison["test_accuracy"].notna()] if "test_accuracy" in comparison else comparison[:0]
    best = [rows.loc[rows["test_accuracy"].idxmax()] for _, rows in measured.groupby("setting", sort=False)]
    told = [_say_best(row, int((measured["setting"] == row["setting"]).sum())) for row in best[:_MOST]]
    if len(best) > _MOST:
        told.append(f"{len(best) - _MOST} more settings below")
    return f"Highest test accuracy: {'; '.join(told)}." if told else ""


def _say_best(row: pd.Series, arms: int) -> str:
    seeds, among = (
        f"{count:.0f} {word}{'s' if count != 1 else ''}" for count, word in ((row["n"], "seed"), (arms, "arm"))
    )
    text = f"{row['setting']}, {row['arm']} of {among}, {100 * row['test_accuracy']:.1f} % ({seeds}"
    if row["arm"] == row["baseline"]:
        return f"{text}; the baseline)"
    if pd.isna(row["difference"]):
        return f"{text})"
    text += f"; {row['difference']:+.1f} points to {row['baseline']}"
    return f"{text}, {row['difference_low']:.1f} to {row['difference_high']:.1f})" if row["n"] > 1 else f"{text})"


def _list(rows: Sequence[dict[str, Any]], effects: bool) -> str:
    """Hypotheses with their effects, at most `_MOST` of them, those that were not added after the runs first."""
    ordered = sorted(rows, key=lambda row: row["registration"] == ADDED)
    shown = [
        row["hypothesis"] + ("†" if row["registration"] == ADDED else "") + (_in_brackets(row) if effects else "")
        for row in ordered[:_MOST]
    ]
    more = f"; and {len(rows) - _MOST} more" if len(rows) > _MOST else ""
    return f"{'; '.join(shown)}{more}"


def _in_brackets(row: dict[str, Any]) -> str:
    """The effect with its interval; nothing for a count."""
    effect = show_effect(row)
    return f" [{effect}]" if effect and row["kind"] != "exact" else ""
