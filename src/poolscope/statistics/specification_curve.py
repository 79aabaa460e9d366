"""A contrast at every learning rate that was tried: what the trials of the tuning say, one validation accuracy each.

The trials are on validation images and on tuning seeds, which are no part of the verdicts: they show whether the sign
of an effect hangs on the rate (a specification curve; Simonsohn, Simmons & Nelson 2020), not how sure it is. Which rate
each arm gets is chosen elsewhere: by `poolscope tune`, and written into the study's configuration.

An arm that kept the rate of another study has its trials there; experiments/<study>/tuning.yaml says where:

    elsewhere:
      ladder: [max 2, avg 2]    # arms, by their names in that study's tuning.csv

A study whose rates were chosen by few trials may have been tried again after its runs: experiments/<study>/retried.csv
has the columns of tuning.csv and is read in its place.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import shipped
from poolscope.statistics.arms import show_value
from poolscope.statistics.claims import Contrast, Filters
from poolscope.statistics.tuning import TRIALS, find_unlearned_trials
from poolscope.store.files import read_csv

COLUMNS = (
    *("claim", "id", "study", "unit", "rate", "arm_rate", "baseline_rate", "seeds", "effect", "claimed", "edge"),
    *("trials", "unlearned"),
)
KINDS = ("difference", "noninferior", "equivalent", "slope")  # those that trials can show
_VALIDATION = 1000  # images on which the trials were evaluated
_FILES = ("retried.csv", "tuning.csv")  # the first that there is


def list_rates(contrasts: Iterable[Contrast]) -> pd.DataFrame:
    """Give each contrast of test accuracy whose study has a tuning.csv its effect at every rate: a row in COLUMNS each.

    rate: shared by all arms, or NaN for each arm at its best. arm_rate, baseline_rate: NaN where a side has several
    configurations. effect: arm - baseline, or the slope for each doubling, in the unit, of mean validation
    accuracies over the tuning seeds. claimed: whether it lies above 0, or the bound of non-inferiority, in the claimed
    direction, or within those of equivalence. edge: whether a best rate is the lowest or highest that was tried.
    trials, unlearned: how many trials the effect is of, and how many of these finished at chance.
    """
    rows = []
    known: dict[str, pd.DataFrame | None] = {}
    for contrast in contrasts:
        if contrast.study not in known:
            known[contrast.study] = read_trials(contrast.study)
        trials = known[contrast.study]
        if trials is not None and contrast.measure == "test_accuracy" and contrast.kind in KINDS:
            rows += _compare_rates(trials, contrast)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def read_trials(study: str) -> pd.DataFrame | None:
    """Read a study's trials, with those of its arms that stand elsewhere; None where it has none.

    A row per trial: the columns of tuning.csv, those that the setting and the arm's name stand for, such as
    data.train_size and pool.name, and unlearned.
    """
    folder = shipped("experiments")
    path = _find_trials(folder / study)
    if path is None:
        return None
    cells = read_csv(path, TRIALS)
    for other, arms in _read_elsewhere(folder / study / "tuning.yaml").items():
        there = _find_trials(folder / other) or folder / other / _FILES[-1]
        found = [row for row in read_csv(there, TRIALS) if row["arm"] in arms]
        if lacking := set(arms) - {row["arm"] for row in found}:
            raise PoolscopeError(f"{study}/tuning.yaml: {other}/{there.name} has no arm {min(lacking)!r}.")
        cells = [*cells, *found]
    trials = pd.DataFrame([{**row, **_parse_setting(row["setting"]), **_parse_arm(row["arm"])} for row in cells])
    numbers = trials[["val_accuracy", "val_loss"]].replace("", math.nan).astype(float)
    trials = trials.assign(**numbers).astype({"optim.learning_rate": float, "seed": int})
    return trials.assign(unlearned=find_unlearned_trials(trials))


def _find_trials(folder: Path) -> Path | None:
    return next((path for name in _FILES if (path := folder / name).is_file()), None)


def _read_elsewhere(path: Path) -> dict[str, list[str]]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))["elsewhere"] if path.is_file() else {}


def _compare_rates(trials: pd.DataFrame, contrast: Contrast) -> list[dict[str, object]]:
    over = contrast.over
    if over is not None and over.column not in trials:
        return []
    steps = [{over.column: value} for value in over.values] if over else [{}]
    sides = [side for side in (contrast.arm, contrast.baseline) if side]
    arms = [_find_arm(trials, {**contrast.where, **side, **step}) for side in sides for step in steps]
    if any(arm.empty for arm in arms):
        return []
    best = [arm["val_accuracy"].idxmax() for arm in arms]
    row = {"claim": contrast.claim, "id": contrast.id, "study": contrast.study, "unit": contrast.unit}
    row["seeds"] = int(trials["seed"].nunique())
    row["edge"] = any(own in (arm.index.min(), arm.index.max()) for own, arm in zip(best, arms, strict=True))
    shared = sorted(set.intersection(*(set(arm.index) for arm in arms)))
    rows = []
    for rate, chosen in [*((rate, [rate] * len(arms)) for rate in shared), (math.nan, best)]:
        picked = pd.DataFrame([arm.loc[own] for own, arm in zip(chosen, arms, strict=True)])
        values = np.array([_convert(accuracy, contrast.unit) for accuracy in picked["val_accuracy"]])
        effect = _find_effect(values.reshape(len(sides), len(steps)), over.values if over else ())
        single = [math.nan, math.nan] if over else chosen
        rows.append(
            {**row, "rate": rate, "arm_rate": single[0], "baseline_rate": single[1], "effect": effect}
            | {"claimed": _is_claimed(contrast, effect)}
            | {name: int(picked[name].sum()) for name in ("trials", "unlearned")}
        )
    return rows


def _find_effect(values: np.ndarray, over: Sequence[float]) -> float:
    """From values (sides, steps): arm - baseline where there is one, and its least-squares slope over log2 of steps."""
    difference = values[0] - values[1] if len(values) == 2 else values[0]
    return float(np.polyfit(np.log2(over), difference, 1)[0]) if over else float(difference[0])


def _is_claimed(contrast: Contrast, effect: float) -> bool:
    if contrast.kind == "equivalent":
        return abs(effect) < contrast.delta
    return contrast.sign * effect > (-contrast.delta if contrast.kind == "noninferior" else 0)


def _parse_setting(setting: str) -> dict[str, str]:
    """The columns that a setting stands for beside its data set: "cifar10, train_size=1000" has data.train_size."""
    return {f"data.{key}": value for key, _, value in (word.partition("=") for word in setting.split(", ")[1:])}


def _parse_arm(arm: str) -> dict[str, str]:
    """The columns that an arm's name stands for: "max 3/2, width=8" has pool.name, pool.window, .stride, model.width.

    Where all arms have one operator its name is left out: "3/2".
    """
    head, *factors = re.split(r", (?=\w+=)", arm)  # a value may be a list, as in hidden=[120, 84]
    name, _, window = f" {head}".rpartition(" ") if head[:1].isdigit() else head.partition(" ")
    window, _, stride = window.partition("/")
    pool = {"pool.name": name, "pool.window": window, "pool.stride": stride}
    parsed = {column: value for column, value in pool.items() if value}
    return parsed | {f"model.{key}": value for key, _, value in (factor.partition("=") for factor in factors)}


def _find_arm(trials: pd.DataFrame, filters: Filters) -> pd.DataFrame:
    """By rate, of the arm that the filters select: mean val_accuracy, trials, unlearned; empty for none or several."""
    chosen = trials[trials["status"] == "done"]
    if "data.name" in filters:
        chosen = chosen[chosen["setting"].str.partition(",")[0] == filters["data.name"]]
    for column, value in filters.items():
        if column in chosen:
            chosen = chosen[chosen[column] == show_value(value)]
    if chosen["arm"].nunique() != 1 or chosen["setting"].nunique() != 1:
        return pd.DataFrame()
    by_rate = chosen.groupby("optim.learning_rate")
    return by_rate.agg(
        val_accuracy=("val_accuracy", "mean"), trials=("seed", "size"), unlearned=("unlearned", "sum")
    ).astype(float)


def _convert(accuracy: float, unit: str) -> float:
    return -float(np.log((1 - accuracy) * _VALIDATION + 0.5)) if unit == "log_error" else 100 * accuracy
