"""What the explorer knows of the studies: arms with their commands, runs with their measures, and the claims."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from poolscope.reports.figures.style import style_arms
from poolscope.reports.index import read_paragraphs
from poolscope.spec.command_line import write_command
from poolscope.statistics.arms import add_arms, find_baselines, show_value
from poolscope.statistics.inference import t_quantile
from poolscope.statistics.tables import CONFIG_COLUMNS, collect, list_studies
from poolscope.store.files import read_csv

_LEADING = ("test_accuracy", "generalisation_gap", "train_eval_accuracy", "val_accuracy", "test_loss")
_LABELS = ("study", "digest", "seed", "status", "reason", "test_correct", "setting", "arm", "stratum", "operator")
_TOO_FINE = re.compile(r"agreement_.*|.*_at_[\d.]+|shift_accuracy_(zero|circular)_\d+")  # a grid of columns each
_SIZE = "data.train_size"
_DIGITS = 6
_CLAIM = ("number", "statement", "source", "verdict", "contrasts", "holds", "fails", "note")
_CONTRAST = (
    *("claim", "id", "study", "hypothesis", "context", "kind", "measure", "unit", "direction", "delta", "n"),
    *("effect", "low", "high", "verdict", "because", "registration"),
)


def list_evidence(results: str | Path) -> list[dict[str, Any]]:
    """Each study that has committed tables, for the page; see `describe_study`."""
    listed = list_studies(results)
    return [describe_study(results, study) for study in listed.loc[listed["committed"], "study"]]


def describe_study(results: str | Path, study: str) -> dict[str, Any]:
    """One study's arms and finished runs.

    Returns:
        study, title, report (whether <results>/<study>/report.html is there); shared: the configuration that all runs
        have; measures: names of the columns of numbers; t: the 0.975 quantiles of Student's t with 1, 2, ... degrees
        of freedom; arms: for each configuration its setting, its setting without the number of training images, that
        number, its name, operator, colour and marker, digest, command, default baseline and what else is its own of the
        configuration; runs: for each run the place of its arm, its seed and a number for each measure, null where there
        is none; failed: the number of runs that didn't finish.
    """
    labelled = add_arms(collect(results, study).runs)
    done = labelled[labelled["status"] == "done"]
    groups = list(done.groupby(["setting", "arm"], sort=False))
    families = add_arms(labelled, ignoring=[_SIZE]).groupby("digest")["setting"].first()
    config = [column for column in CONFIG_COLUMNS if column in done and done[column].notna().any()]
    shared = [column for column in config if len({show_value(value) for value in done[column]}) == 1]
    own = [column for column in config if column not in shared]
    looks, baselines = style_arms(labelled), find_baselines(labelled)
    measures = _find_measures(done)
    most = max((len(runs) for _, runs in groups), default=0)
    return {
        "study": study,
        "title": read_paragraphs(study)[0],
        "report": (Path(results) / study / "report.html").is_file(),
        "shared": {column: show_value(done[column].iloc[0]) for column in shared},
        "measures": measures,
        "t": [_round(t_quantile(0.975, degrees)) for degrees in range(1, most)],
        "arms": [
            {
                "setting": setting,
                "family": str(families[runs["digest"].iloc[0]]),
                "images": _count_images(runs.iloc[0]),
                "arm": arm,
                "operator": str(runs["operator"].iloc[0]),
                "look": looks[arm],
                "digest": str(runs["digest"].iloc[0]),
                "baseline": baselines[setting, arm],
                "command": write_command(runs.iloc[0].to_dict()),
                "config": {column: show_value(runs[column].iloc[0]) for column in own},
            }
            for (setting, arm), runs in groups
        ],
        "runs": [
            [place, int(row["seed"]), *(_round(row[name]) for name in measures)]
            for place, (_, runs) in enumerate(groups)
            for row in runs.to_dict("records")
        ],
        "failed": int((labelled["status"] != "done").sum()),
    }


def list_claims(results: str | Path) -> list[dict[str, Any]]:
    """The ledger's claims in <results>/ledger, each with its contrasts; none where there is no ledger."""
    folder = Path(results) / "ledger"
    claims, contrasts = (read_csv(folder / name) for name in ("claims.csv", "verdicts.csv"))
    return [
        {
            **_choose(claim, _CLAIM),
            "verdicts": [_choose(row, _CONTRAST) for row in contrasts if row["claim"] == claim["number"]],
        }
        for claim in claims
    ]


def _choose(row: Mapping[str, str], names: Sequence[str]) -> dict[str, Any]:
    """These cells of a row; those with numbers as numbers, empty ones left out."""
    return {name: _read(row[name]) for name in names if row.get(name)}


def _read(text: str) -> Any:
    try:
        return _round(float(text))
    except ValueError:
        return text


def _find_measures(runs: pd.DataFrame) -> list[str]:
    """The columns of numbers that differ between runs, those that most people want first."""
    others = [
        column
        for column in runs
        if column not in (*CONFIG_COLUMNS, *_LABELS, *_LEADING)
        and not column.startswith("provenance.")
        and pd.api.types.is_numeric_dtype(runs[column])
        and not _TOO_FINE.fullmatch(column)
    ]
    return [column for column in [*_LEADING, *others] if column in runs and runs[column].nunique() > 1]


def _count_images(row: pd.Series) -> int | None:
    size = row.get("train_size")
    return None if size is None or pd.isna(size) else int(size)


def _round(value: Any) -> float | int | None:
    """A number to six digits, whole where it is; None where it is none."""
    if value is None or value is pd.NA or pd.isna(value):
        return None
    number = float(f"{float(value):.{_DIGITS}g}")
    return int(number) if number.is_integer() and abs(number) < 10**_DIGITS else number
