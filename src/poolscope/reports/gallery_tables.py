"""The gallery's tables: what `poolscope gallery` measured of every operator, read back with its maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from poolscope.spec.errors import PoolscopeError

TABLES = {  # and their columns of text
    "operators": (
        *("name", "family", "summary", "formula", "options", "learnable", "stochastic", "stated_gain", "source"),
        *("output", "shift_equivariant", "differentiable", "note"),
    ),
    "response": ("name",),
    "impulse": ("name", "form"),
    "maps": ("name", "map", "levels"),
}


@dataclass(frozen=True)
class Gallery:
    """The four tables; maps decoded to arrays (height, width, channels), by operator ("" for the images) and map."""

    operators: pd.DataFrame
    response: pd.DataFrame
    impulse: pd.DataFrame
    maps: Mapping[tuple[str, str], np.ndarray]


def read_gallery(folder: Path) -> Gallery:
    """The tables that `measures.responses.write_gallery` wrote; raises PoolscopeError where one is missing."""
    frames = {}
    for name, texts in TABLES.items():
        path = folder / f"{name}.csv"
        if not path.is_file():
            raise PoolscopeError(f"The gallery has no table {path}; poolscope gallery measures and draws it.")
        frame = pd.read_csv(path, dtype=dict.fromkeys(texts, "str"), keep_default_na=False, encoding="utf-8")
        numbers = [column for column in frame if column not in texts]
        frames[name] = frame.assign(**{column: pd.to_numeric(frame[column]) for column in numbers})
    maps = {(row["name"], row["map"]): _decode(row) for row in frames.pop("maps").to_dict("records")}
    return Gallery(**frames, maps=maps)


def _decode(row: Mapping[str, Any]) -> np.ndarray:
    levels = np.frombuffer(bytes.fromhex(row["levels"]), np.uint8)
    values = row["low"] + levels / 255 * (row["high"] - row["low"])
    return values.reshape(row["height"], row["width"], row["channels"])
