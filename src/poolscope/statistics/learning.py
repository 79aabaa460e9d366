"""Runs that finished and never learned: their loss stood at chance to the end."""

from __future__ import annotations

import math

import pandas as pd

_CLASSES = 10  # where the table doesn't say, as for MNIST and CIFAR-10


def find_unlearned(runs: pd.DataFrame) -> pd.Series:
    """Mark the finished runs whose final training loss and accuracy are those of guessing, as booleans by row.

    With C classes: loss at least 0.99 ln C, and accuracy at most 1/C plus three standard errors of a guesser's accuracy
    on the `data.train_eval_size` images (500 where that is not given). Runs without these columns are not marked.
    """
    loss, accuracy = "train_eval_loss", "train_eval_accuracy"
    if runs.empty or not {loss, accuracy, "status"} <= set(runs):
        return pd.Series(False, index=runs.index)
    classes = _numbers(runs, "data.classes", _CLASSES)
    images = _numbers(runs, "data.train_eval_size", 500)
    guess = 1 / classes
    most = guess + 3 * (guess * (1 - guess) / images) ** 0.5
    at_chance = (runs[loss].astype(float) >= 0.99 * classes.map(math.log)) & (runs[accuracy].astype(float) <= most)
    return (runs["status"] == "done") & at_chance


def _numbers(runs: pd.DataFrame, column: str, otherwise: float) -> pd.Series:
    if column not in runs:
        return pd.Series(float(otherwise), index=runs.index)
    return pd.to_numeric(runs[column], errors="coerce").fillna(otherwise).astype(float)
