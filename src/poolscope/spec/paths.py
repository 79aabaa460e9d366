"""Where things are: the folders shipped with the package, and the names of study and run folders."""

from __future__ import annotations

import re
from pathlib import Path

from poolscope.spec.errors import PoolscopeError

# Folders below results that other commands write, and words that `report` takes for a study's name.
RESERVED = ("all", "benchmarks", "explorer", "gallery", "guide", "latex", "ledger", "operators", "runs")
_STUDY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")

PACKAGE = Path(__file__).resolve().parents[1]
_CHECKOUT = PACKAGE.parents[1]


def shipped(folder: str) -> Path:
    """Find a folder that ships with poolscope ("configs" or "experiments"), in the wheel or at the checkout's top."""
    inside = PACKAGE / folder
    return inside if inside.is_dir() else _CHECKOUT / folder


def is_study(name: str) -> bool:
    """Tell whether a study can have this name: a folder below results that no other command writes."""
    return isinstance(name, str) and bool(_STUDY.fullmatch(name)) and name.lower() not in RESERVED


def check_study(name: str) -> None:
    """Refuse a name that no study can have; every command that takes one does."""
    if not is_study(name):
        raise PoolscopeError(
            f"study must be a name of at most 100 letters, digits, '_', '-' and '.', and none of "
            f"{', '.join(RESERVED)}, not {name!r}."
        )


def study_folder(results: str | Path, study: str) -> Path:
    """Return the folder of a study's committed tables, figures and reports: <results>/<study>."""
    check_study(study)
    return Path(results) / study


def runs_folder(results: str | Path, study: str) -> Path:
    """Return the folder of a study's records, which are not for git: <results>/runs/<study>."""
    check_study(study)
    return Path(results) / "runs" / study


def record_path(results: str | Path, study: str, digest: str, seed: int) -> Path:
    """Return the path of one run's record: <results>/runs/<study>/<digest>/seed-<seed>.json."""
    return runs_folder(results, study) / digest / f"seed-{seed}.json"
