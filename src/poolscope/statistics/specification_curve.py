"""A contrast at every learning rate that was tried: what the trials of the tuning say, one validation accuracy each.

The trials are on validation images and on tuning seeds, which are no part of the verdicts: they show whether the sign
of an effect hangs on the rate (a specification curve; Simonsohn, Simmons & Nelson 2020), not how sure it is. Which rate
each arm gets is chosen elsewhere: by `poolscope tune`, and written into the study's configuration.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from poolscope.spec.paths import shipped
from poolscope.statistics.claims import Contrast, Filters
from poolscope.store.files import read_csv

COLUMNS = ("claim", "id", "study", "unit", "rate", "arm_rate", "baseline_rate", "seeds", "effect", "claimed", "edge")
_VALIDATION = 1000  # images on which the trials were evaluated


def list_rates(contrasts: Iterable[Contrast]) -> pd.DataFrame:
    """Give each contrast of test accuracy whose study has a tuning.csv its effect at every rate: a row in COLUMNS each.

    rate: shared by both arms, or NaN for each arm at its best. effect: arm - baseline in the unit, of mean validation
    accuracies over the tuning seeds. claimed: whether it lies above 0, or the bound of non-inferiority, in the claimed
    direction. edge: whether a best rate is the lowest or highest that was tried.
    """
    rows = []
    for contrast in contrasts:
        path = shipped("experiments") / contrast.study / "tuning.csv"
        if contrast.measure == "test_accuracy" and contrast.kind in ("difference", "noninferior") and path.is_file():
            rows += _compare_rates(_read_trials(path), contrast)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _compare_rates(trials: pd.DataFrame, contrast: Contrast) -> list[dict[str, object]]:
    arm, baseline = (_find_arm(trials, contrast.where, side) for side in (contrast.arm, contrast.baseline))
    if arm.empty or baseline.empty:
        return []
    row = {"claim": contrast.claim, "id": contrast.id, "study": contrast.study, "unit": contrast.unit}
    row["seeds"] = int(trials["seed"].nunique())
    row["edge"] = any(side.idxmax() in (side.index.min(), side.index.max()) for side in (arm, baseline))
    pairs = [(rate, rate, rate) for rate in sorted(set(arm.index) & set(baseline.index))]
    pairs.append((math.nan, arm.idxmax(), baseline.idxmax()))
    rows = []
    for rate, own, other in pairs:
        effect = _convert(arm[own], contrast.unit) - _convert(baseline[other], contrast.unit)
        rows.append(
            {**row, "rate": rate, "arm_rate": own, "baseline_rate": other, "effect": effect}
            | {"claimed": bool(contrast.sign * effect > (-contrast.delta if contrast.kind == "noninferior" else 0))}
        )
    return rows


def _read_trials(path: Path) -> pd.DataFrame:
    cells = read_csv(path, ("setting", "arm", "optim.learning_rate", "seed", "status", "val_accuracy"))
    trials = pd.DataFrame([{**row, **_parse_arm(row["arm"])} for row in cells])
    return trials.astype({"optim.learning_rate": float, "val_accuracy": float, "seed": int})


def _parse_arm(arm: str) -> dict[str, str]:
    """The columns that an arm's name stands for: "max 3/2, width=8" has pool.name, pool.window and model.width."""
    head, *factors = re.split(r", (?=\w+=)", arm)  # a value may be a list, as in hidden=[120, 84]
    name, _, window = head.partition(" ")
    parsed = {"pool.name": name} | ({"pool.window": window.partition("/")[0]} if window else {})
    return parsed | {f"model.{key}": value for key, _, value in (factor.partition("=") for factor in factors)}


def _find_arm(trials: pd.DataFrame, where: Filters, side: Filters) -> pd.Series:
    """Mean validation accuracy by rate of the arm that the filters select; empty where none or several are."""
    chosen = trials[trials["status"] == "done"]
    if "data.name" in where:
        chosen = chosen[chosen["setting"].str.partition(",")[0] == where["data.name"]]
    for column, value in {**where, **side}.items():
        if column in chosen:
            chosen = chosen[chosen[column] == str(value)]
    if chosen["arm"].nunique() != 1:
        return pd.Series(dtype="float64")
    return chosen.groupby("optim.learning_rate")["val_accuracy"].mean()


def _convert(accuracy: float, unit: str) -> float:
    return -float(np.log((1 - accuracy) * _VALIDATION + 0.5)) if unit == "log_error" else 100 * accuracy
