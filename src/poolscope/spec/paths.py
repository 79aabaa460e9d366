"""Where things are: the folders shipped with the package, and the names of study and run folders."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
_CHECKOUT = PACKAGE.parents[1]


def shipped(folder: str) -> Path:
    """A folder that ships with poolscope ("configs" or "experiments"): inside the wheel, else at the checkout's top."""
    inside = PACKAGE / folder
    return inside if inside.is_dir() else _CHECKOUT / folder


def study_folder(results: str | Path, study: str) -> Path:
    """Committed tables, figures and reports of a study: <results>/<study>."""
    return Path(results) / study


def runs_folder(results: str | Path, study: str) -> Path:
    """Raw records of a study, not for git: <results>/runs/<study>."""
    return Path(results) / "runs" / study


def record_path(results: str | Path, study: str, digest: str, seed: int) -> Path:
    """The record of one configuration and seed: <results>/runs/<study>/<digest>/seed-<seed>.json."""
    return runs_folder(results, study) / digest / f"seed-{seed}.json"
