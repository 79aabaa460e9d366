"""Measures that are no column of the runs table: derived from columns, at equal fit, or at equal clean accuracy.

A claims.yaml names them like columns. Those of DERIVED belong to one run; those of PAIRED only to a pair of arms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

DERIVED: Mapping[str, tuple[str, tuple[str, ...], Callable[..., pd.Series]]] = {
    "accuracy_corrupted": (
        "mean accuracy under all corruptions and severities",
        ("relative_accuracy", "accuracy_uncorrupted"),
        lambda relative, clean: relative * clean,
    ),
    "recovered_less_accuracy": (
        "share of corrupted training labels whose true class is predicted, less the accuracy on test images",
        ("recovered", "test_accuracy"),
        lambda recovered, accuracy: recovered - accuracy,
    ),
    "memorised_per_accuracy": (
        "share of corrupted training labels that is memorised, for each unit of test accuracy",
        ("memorised", "test_accuracy"),
        lambda memorised, accuracy: memorised / accuracy,
    ),
}
PAIRED: Mapping[str, str] = {
    "gap_at_equal_loss": "train less validation accuracy where both arms have the same train loss",
    "gap_at_equal_accuracy": "train less validation accuracy where both arms have the same train accuracy",
    "val_accuracy_at_equal_loss": "validation accuracy where both arms have the same train loss",
    "accuracy_corrupted_at_equal_accuracy": "accuracy under corruption at the same accuracy on clean images",
}
_AXES = {
    "gap_at_equal_loss": "train_eval_loss",
    "gap_at_equal_accuracy": "train_eval_accuracy",
    "val_accuracy_at_equal_loss": "train_eval_loss",
}


def find_column(runs: pd.DataFrame, measure: str) -> pd.Series | None:
    """Find the values of a column or derived measure, by row; None where the runs don't have it."""
    if measure in DERIVED:
        _, columns, compute = DERIVED[measure]
        return compute(*(runs[column].astype(float) for column in columns)) if set(columns) <= set(runs) else None
    return runs[measure] if measure in runs and pd.api.types.is_numeric_dtype(runs[measure]) else None


def pair_arms(measure: str, arm: pd.DataFrame, baseline: pd.DataFrame, curves: pd.DataFrame) -> pd.Series:
    """Compute arm - baseline of a measure of PAIRED for each seed of both; fractions of 1, indexed by seed."""
    seeds = sorted(set(arm["seed"]) & set(baseline["seed"]))
    if not seeds:
        return pd.Series(dtype="float64")
    arm, baseline = (side.set_index("seed").loc[seeds] for side in (arm, baseline))
    if measure == "accuracy_corrupted_at_equal_accuracy":
        return _adjust(arm, baseline, "accuracy_corrupted", "accuracy_uncorrupted")
    both = [_list_curves(side, curves) for side in (arm, baseline)]
    if any(len(curve) == 0 for side in both for curve in side):
        return pd.Series(dtype="float64")
    axis, level = _AXES[measure], find_common_fit(measure, arm.reset_index(), baseline.reset_index(), curves)
    values = [[_read_at(curve, axis, level, measure) for curve in side] for side in both]
    return pd.Series(np.subtract(values[0], values[1]), index=pd.Index(seeds, name="seed"))


def find_common_fit(measure: str, arm: pd.DataFrame, baseline: pd.DataFrame, curves: pd.DataFrame) -> float:
    """Find the best fit that all runs of both arms reached, for seeds of both; NaN where the measure has no fit.

    It is the highest of the runs' lowest train losses, or the lowest of their highest train accuracies.
    """
    seeds = set(arm["seed"]) & set(baseline["seed"])
    sides = [side[side["seed"].isin(seeds)].set_index("seed") for side in (arm, baseline)]
    if measure not in _AXES or not seeds:
        return float("nan")
    fits = [curve[_AXES[measure]].astype(float) for side in sides for curve in _list_curves(side, curves)]
    if any(fit.empty for fit in fits):
        return float("nan")
    rising = _AXES[measure] == "train_eval_accuracy"
    return min(float(fit.max()) for fit in fits) if rising else max(float(fit.min()) for fit in fits)


def _list_curves(side: pd.DataFrame, curves: pd.DataFrame) -> list[pd.DataFrame]:
    return [
        curves[(curves["digest"] == digest) & (curves["seed"] == seed)].sort_values("epoch")
        for seed, digest in side["digest"].items()
    ]


def _read_at(curve: pd.DataFrame, axis: str, level: float, measure: str) -> float:
    """The measure where the curve first reaches the level, linear between two epochs."""
    values = curve[axis].to_numpy(dtype=float)
    val = curve["val_accuracy"].to_numpy(dtype=float)
    wanted = val if measure.startswith("val") else curve["train_eval_accuracy"].to_numpy(dtype=float) - val
    reached = values >= level if axis == "train_eval_accuracy" else values <= level
    first = int(np.argmax(reached))
    if first == 0 or values[first] == values[first - 1]:
        return float(wanted[first])
    share = (level - values[first - 1]) / (values[first] - values[first - 1])
    return float(wanted[first - 1] + share * (wanted[first] - wanted[first - 1]))


def _adjust(arm: pd.DataFrame, baseline: pd.DataFrame, measure: str, covariate: str) -> pd.Series:
    """Jackknife pseudo-values (Tukey 1958) of the difference at equal covariate, its slope being common to the arms."""
    sides = [(find_column(side, measure), find_column(side, covariate)) for side in (arm, baseline)]
    if any(column is None for side in sides for column in side):
        return pd.Series(dtype="float64")
    (y, x), (v, u) = [tuple(np.asarray(column, dtype=float) for column in side) for side in sides]

    def effect(kept: np.ndarray) -> float:
        own, other = x[kept] - x[kept].mean(), u[kept] - u[kept].mean()
        slope = (own @ y[kept] + other @ v[kept]) / (own @ own + other @ other)
        return float((y[kept] - v[kept]).mean() - slope * (x[kept] - u[kept]).mean())

    n = len(arm)
    every = np.arange(n)
    whole = effect(every)
    values = [n * whole - (n - 1) * effect(every[every != seed]) for seed in every] if n > 2 else [np.nan] * n
    return pd.Series(values, index=arm.index)
