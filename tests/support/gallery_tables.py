"""The committed tables of the gallery, cut down to a few operators."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd

_COMMITTED = Path(__file__).resolve().parents[2] / "results" / "gallery" / "tables"


def copy_gallery(results: str | Path, *operators: str) -> None:
    """Write <results>/gallery/tables with the rows of these operators and of the images themselves."""
    folder = Path(results) / "gallery" / "tables"
    shutil.copytree(_COMMITTED, folder)
    for path in folder.glob("*.csv"):
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        frame[frame["name"].isin(["", *operators])].to_csv(path, index=False)
