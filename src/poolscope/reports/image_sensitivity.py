"""How much error of the test images the verdicts without it bear, in words: the ledger's table and its sentences."""

from __future__ import annotations

import math

import pandas as pd

from poolscope.reports.figures.ledger import mark_added
from poolscope.reports.verdicts import name_unit, show_effect

_ABOUT = (
    "Of the runs of these verdicts no record says how each image fared, so that the error of their images is in none "
    "of their intervals. All errors are standard errors in the contrast's unit. Falls at: with this error from the "
    "images, added in squares to that of the seeds, the interval would no longer show what the verdict says. Measured: "
    "in runs of two seeds, trained again with each image's score kept (image_scores.csv of the study). As test "
    "accuracy: the error that the difference of the same two arms in test accuracy has on as many images. Not opposed, "
    "largest: the most that it can be for a difference of two means of scores from 0 to 1 on so many images, where the "
    "two arms' scores do not correlate negatively over images, and in any case. What is inconclusive stays so."
)


def show_image_errors(errors: pd.DataFrame) -> pd.DataFrame:
    """Format the table of `list_image_errors` for people; empty where no verdict lacks the error of its images."""
    rows = [
        {"contrast": mark_added(row), "effect (interval)": show_effect(row), "verdict": row["verdict"]}
        | {"images": "" if pd.isna(row["images"]) else f"{row['images']:,.0f}", "falls at": _show(row["breaking"])}
        | {"measured": _show(row["measured"]), "as test accuracy": _show(row["as_accuracy"])}
        | {"not opposed": _show(row["unopposed"]), "largest": _show(row["largest"])}
        for row in errors.to_dict("records")
    ]
    return pd.DataFrame(rows)


def say_image_errors(errors: pd.DataFrame) -> tuple[str, ...]:
    """Say what the errors are, which verdicts would survive how large a one, and of which nothing is known."""
    if errors.empty:
        return ()
    groups: dict[str, list[str]] = {}
    for row in errors.to_dict("records"):
        groups.setdefault(_place(row), []).append(row["id"])
    sentences = [
        f"{len(groups.get('largest', []))} of {len(errors)} such verdicts would survive the largest error that their "
        f"images can have{_name(groups.get('largest', []))}."
    ]
    for group, words in (
        ("unopposed", "more would survive the largest of arms whose scores are not opposed"),
        ("measured", "more would survive the error that runs trained again show"),
        ("as_accuracy", "more would survive an error like that of test accuracy on as many images"),
        ("none", "would not"),
    ):
        if group in groups:
            sentences.append(f"{len(groups[group])} {words}{_name(groups[group])}.")
    if "unknown" in groups:
        sentences.append(f"Of {len(groups['unknown'])} no such error is known{_name(groups['unknown'])}.")
        sentences += _say_spreads(errors[errors["id"].isin(groups["unknown"])])
    return _ABOUT, " ".join(sentences)


def _say_spreads(errors: pd.DataFrame) -> list[str]:
    """How far the effect on one image would have to lie from that on another for an unbounded error to be as large."""
    counted = errors[errors["images"].notna() & errors["breaking"].notna()]
    spreads = [
        f"{_show(row['breaking'] * math.sqrt(row['images']))} {name_unit(row['unit'])}".rstrip() + f" ({row['id']})"
        for row in counted.to_dict("records")
    ]
    return [f"To fall, they need a standard deviation over single images of {', '.join(spreads)}."] if spreads else []


def _name(identities: list[str]) -> str:
    return f": {', '.join(identities)}" if identities else ""


def _place(row: dict) -> str:
    """The largest of the errors that a verdict would survive."""
    if pd.isna(row["largest"]):
        return "unknown"
    for name in ("largest", "unopposed"):
        if row[name] < row["breaking"]:
            return name
    name = "as_accuracy" if pd.isna(row["measured"]) else "measured"
    if row[name] < row["breaking"]:
        return name
    return "none" if row[name] >= row["breaking"] else "unknown"


def _show(error: float) -> str:
    """Three digits; nothing where it isn't known."""
    return "" if pd.isna(error) else f"{error:#.3g}".rstrip(".")
