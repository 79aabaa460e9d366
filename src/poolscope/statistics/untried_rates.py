"""Contrasts that decide a claim and have no difference by learning rate, each with the reason."""

from __future__ import annotations

from collections.abc import Container, Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from poolscope.spec.paths import shipped
from poolscope.statistics.claims import Contrast
from poolscope.statistics.specification_curve import read_trials

ONE_RATE = "run at one shared rate, never tuned"
OF_ARMS = "run at the rates that configs/arm gives, without trials of this study"
NO_TRIALS = "without a tuning.csv"
UNMEASURED = "tuned, but the tuning did not record the measure"
LACKING = "tuned, but not in every arm"


def find_untried(contrasts: Iterable[Contrast], tried: Container[str]) -> dict[str, list[str]]:
    """Find the trained contrasts that decide a claim and are not among the ids `tried`: {reason: ids}.

    Example:
        >>> from poolscope.statistics.claims import find_contrasts
        >>> find_untried(find_contrasts("label_noise"), tried=("3c",))
        {'tuned, but the tuning did not record the measure': ['2l', '2m']}
    """
    untried = [one for one in contrasts if not one.because and one.kind != "exact" and one.id not in tried]
    trials = {study: read_trials(study) for study in {contrast.study for contrast in untried}}
    reasons: dict[str, list[str]] = {}
    for contrast in untried:
        reasons.setdefault(_explain(contrast, trials[contrast.study]), []).append(contrast.id)
    return dict(sorted(reasons.items(), key=lambda item: _rank(item[0])))


def _explain(contrast: Contrast, trials: pd.DataFrame | None) -> str:
    if trials is None:
        return _explain_without_trials(contrast.study)
    if contrast.measure != "test_accuracy":
        return UNMEASURED
    compared = [contrast.over.column] if contrast.over else list(contrast.minus)
    if absent := [column for column in compared if column not in trials]:
        return f"tuned at one {absent[0]}, where it compares several"
    return LACKING


def _rank(reason: str) -> int:
    known = [ONE_RATE, OF_ARMS, UNMEASURED]
    return known.index(reason) if reason in known else len(known)


def _explain_without_trials(study: str) -> str:
    """By whether the study's configuration gives one learning rate as a number, or the arms that it sweeps do."""
    configs = shipped("configs")
    plan = _load(configs / "experiment" / f"{study}.yaml")
    arms = str(plan.get("hydra", {}).get("sweeper", {}).get("params", {}).get("arm", ""))
    swept = [_find_rate(_load(configs / "arm" / f"{name}.yaml")) for name in arms.split(",") if name]
    if any(rate is not None for rate in swept):
        return OF_ARMS
    return ONE_RATE if isinstance(_find_rate(plan), float) else NO_TRIALS


def _load(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _find_rate(content: dict[str, Any]) -> Any:
    return content.get("optim", {}).get("learning_rate")
