"""The runs of a study: a list, each arm's seeds with the command that trains them again, and values to compare by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from poolscope.spec.command_line import write_command
from poolscope.statistics.arms import add_arms
from poolscope.statistics.at_chance import find_at_chance
from poolscope.statistics.inference import t_quantile
from poolscope.statistics.tables import collect

METRICS = {
    "test_accuracy": "test accuracy (%)",
    "generalisation_gap": "gap (points)",
}


@dataclass(frozen=True)
class ArmRuns:
    """One arm in one setting: its name, the command that trains all its seeds, and a row of texts per seed.

    key: setting|arm, as points of the figures have it.
    """

    name: str
    key: str
    command: str
    runs: pd.DataFrame


def list_runs(results: str | Path, study: str, notify: Callable[[str], None] = print) -> pd.DataFrame:
    """A row per run of a study: setting, arm, seed, status ("at chance" where it learned nothing), test_accuracy,
    reason, digest.

    notify: called with a sentence for each damaged record.
    """
    tables = collect(results, study)
    for sentence in tables.damaged:
        notify(f"Left out: {sentence}")
    labelled = add_arms(tables.runs)
    labelled = labelled.assign(status=_name_status(labelled))
    columns = ["setting", "arm", "seed", "status", "test_accuracy", "reason", "digest"]
    return labelled.reindex(columns=columns)


def list_arm_runs(labelled: pd.DataFrame) -> list[ArmRuns]:
    """The runs of each arm, from the result of `add_arms`; several settings are named before the arm."""
    several = labelled["setting"].nunique() > 1
    listed = []
    for (setting, arm), runs in labelled.groupby(["setting", "arm"], sort=False):
        seeds = ",".join(str(seed) for seed in runs["seed"])
        listed.append(
            ArmRuns(
                name=f"{setting}: {arm}" if several else str(arm),
                key=f"{setting}|{arm}",
                command=f"{write_command(runs.iloc[0].to_dict())} 'seeds=[{seeds}]'",
                runs=_show_runs(runs),
            )
        )
    return listed


def list_values(labelled: pd.DataFrame) -> Mapping[str, Any]:
    """What a page needs to compare the finished runs with any baseline.

    {"metrics": names, "settings": {setting: {arm: {seed: values in the order of the metrics}}}, "t": the 0.975
    quantiles of Student's t with 1, 2, ... degrees of freedom}; values in per cent or percentage points.
    """
    done = labelled[labelled["status"] == "done"]
    metrics = [name for name in METRICS if name in done and done[name].notna().all()]
    settings: dict[str, dict[str, dict[str, list[float]]]] = {}
    columns = ["setting", "arm", "seed", *metrics]
    for setting, arm, seed, *values in done[columns].itertuples(index=False, name=None):
        arms = settings.setdefault(str(setting), {})
        arms.setdefault(str(arm), {})[str(seed)] = [round(100 * value, 4) for value in values]
    most = max((len(runs) for arms in settings.values() for runs in arms.values()), default=0)
    quantiles = [round(t_quantile(0.975, degrees), 6) for degrees in range(1, most)]
    return {"metrics": [METRICS[name] for name in metrics], "settings": settings, "t": quantiles}


def _name_status(runs: pd.DataFrame) -> pd.Series:
    return runs["status"].astype(str).mask(find_at_chance(runs), "at chance")


def _show_runs(runs: pd.DataFrame) -> pd.DataFrame:
    texts: dict[str, list[str]] = {"seed": [str(seed) for seed in runs["seed"]]}
    for name, heading in METRICS.items():
        if name in runs:
            texts[heading] = ["" if pd.isna(value) else f"{100 * value:.2f}" for value in runs[name]]
    texts["status"] = _name_status(runs).tolist()
    texts["digest"] = runs["digest"].astype(str).tolist()
    return pd.DataFrame(texts)
