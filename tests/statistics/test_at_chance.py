"""Runs at chance in tables of one's own images, whose classes only the run has recorded."""

from __future__ import annotations

import pandas as pd
import pytest

from poolscope.statistics.at_chance import find_at_chance


@pytest.mark.parametrize(
    ("classes", "recorded", "marked"),
    [(None, "100", False), (None, "10", True), (None, "", False), (10.0, "", True), (100.0, "10", False)],
)
def test_on_images_of_one_s_own_the_classes_are_those_that_the_run_recorded(
    classes: float | None, recorded: str, marked: bool
) -> None:
    run = {"status": "done", "train_eval_loss": 2.31, "train_eval_accuracy": 0.1, "data.train_eval_size": 500}
    runs = pd.DataFrame([run | {"data.classes": classes, "provenance.classes": recorded}])
    assert find_at_chance(runs).tolist() == [marked]
    assert find_at_chance(pd.DataFrame([run])).tolist() == [True], "of tables from before there was such a key"
