"""The table and the sentences on the error of the images, from made-up errors."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from poolscope.reports.image_sensitivity import say_image_errors, show_image_errors


def make_row(identity: str, breaking: float, **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"id": identity, "unit": "points", "delta": 1.0, "registration": "", "verdict": "supported"}
    row |= {"effect": 3.0, "low": 1.0, "high": 5.0, "images": 2500.0, "breaking": breaking}
    return row | {"measured": math.nan, "as_accuracy": 0.5, "unopposed": 1.5, "largest": 2.0} | changes


def test_each_verdict_is_named_with_the_largest_error_that_it_survives() -> None:
    unknown = {"as_accuracy": math.nan, "unopposed": math.nan, "largest": math.nan}
    rows = [make_row(str(breaking), breaking) for breaking in (2.1, 2.0, 1.5, 0.6, 0.5, 0.1)]
    rows += [make_row("seen", 0.6, measured=0.3), make_row("too much", 0.6, measured=0.7)]
    rows += [make_row("loss", 6.74, unit="nats", **unknown), make_row("R²", 0.2, images=math.nan, **unknown)]
    rows.append(make_row("few records", 1.0, as_accuracy=math.nan))
    about, said = say_image_errors(pd.DataFrame(rows))
    assert "Falls at" in about
    assert said == (
        "1 of 11 such verdicts would survive the largest error that their images can have: 2.1. "
        "1 more would survive the largest of arms whose scores are not opposed: 2.0. "
        "1 more would survive the error that runs trained again show: seen. "
        "2 more would survive an error like that of test accuracy on as many images: 1.5, 0.6. "
        "3 would not: 0.5, 0.1, too much. "
        "Of 3 no such error is known: loss, R², few records. "
        "To fall, they need a standard deviation over single images of 337 nats (loss), 50.0 points (few records)."
    )


def test_where_none_survives_and_where_there_is_none() -> None:
    _, said = say_image_errors(pd.DataFrame([make_row("4a", 0.1)]))
    assert said.startswith("0 of 1 such verdicts would survive the largest error that their images can have. 1 would")
    assert say_image_errors(pd.DataFrame([])) == ()
    assert show_image_errors(pd.DataFrame([])).empty


def test_the_table_leaves_out_what_is_not_known() -> None:
    row = make_row("4a", 0.428152, registration="added after the runs", largest=math.nan)
    (shown,) = show_image_errors(pd.DataFrame([row])).to_dict("records")
    assert list(shown.values()) == [
        *("4a†", "+3.00 points (1.00 to 5.00)", "supported", "2,500", "0.428", "", "0.500", "1.50", "")
    ]
