"""A run that stood at chance to its end is marked; one that learned anything, failed or tells nothing is not."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from poolscope.statistics.learning import find_unlearned
from poolscope.store.chance import is_at_chance


@pytest.mark.parametrize(
    ("change", "marked"),
    [
        ({}, True),
        ({"train_eval_accuracy": 0.13}, True),  # within three standard errors of 0.1 on 500 images
        ({"train_eval_accuracy": 0.15}, False),
        ({"train_eval_loss": 2.2}, False),
        ({"train_eval_loss": 30.0}, True),
        ({"train_eval_loss": float("nan")}, False),
        ({"status": "diverged"}, False),
        ({"data.classes": 2}, True),  # worse than guessing between two is no learning either
        ({"data.classes": 100}, False),
    ],
)
def test_a_run_at_chance(change: dict[str, Any], marked: bool) -> None:
    run: dict[str, Any] = {
        "status": "done",
        "train_eval_loss": 2.303,
        "train_eval_accuracy": 0.098,
        "data.train_eval_size": 500,
    }
    run |= change
    assert find_unlearned(pd.DataFrame([run])).tolist() == [marked]
    scalars = {"train_eval_loss": run["train_eval_loss"], "train_eval_accuracy": run["train_eval_accuracy"]}
    single = is_at_chance(scalars, run.get("data.classes", 10), run["data.train_eval_size"])
    assert (run["status"] == "done" and single) == marked


def test_tables_that_say_nothing_mark_nothing() -> None:
    assert find_unlearned(pd.DataFrame({"status": ["done", "failed"]})).tolist() == [False, False]
    assert find_unlearned(pd.DataFrame({"status": []})).tolist() == []
    assert not is_at_chance({"train_eval_loss": 2.4}, 10)
