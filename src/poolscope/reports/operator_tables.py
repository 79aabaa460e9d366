"""Tables of operators on raw images: later measurements continue them, a terminal and a page show them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from poolscope.spec.errors import PoolscopeError
from poolscope.spec.operators import OPERATORS
from poolscope.statistics.tables import write_csv

KEY = ["data", "pool", "window", "stride", "options"]
_KEYS = {
    "operators": KEY,
    "spectra": [*KEY, "curve", "frequency"],
    "ceiling": ["data", "kept"],
    "gallery": [*KEY, "image", "moment", "row"],
    "caution": ["data", "window"],
    "invariance": ["data", "pool", "window", "stride", "network"],
}
_OPTIONAL = ("gallery", "invariance")
_TEXTS = {"data", "pool", "window", "stride", "options", "reasons", "curve", "moment", "values", "network"}
_TEXTS |= {"exact_circular", "exact_subpixel"}
SHOWN = (
    *("data", "pool", "window", "stride", "options", "r2_local", "r2_global", "efficiency", "aliasing"),
    *("location_rmse", "phase_accuracy", "participation_ratio", "tied_windows"),
)


def continue_tables(folder: str | Path, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, pd.DataFrame]:
    """Put new rows into <folder>/tables/*.csv and return the whole tables.

    Rows of an operator (on a data set, with a window and options) replace all its earlier ones; others stay.
    """
    frames = {}
    for name, key in _KEYS.items():
        path = Path(folder) / "tables" / f"{name}.csv"
        fresh = pd.DataFrame([dict(row) for row in rows.get(name, ())])
        frame = read_table(path) if path.is_file() else fresh
        if path.is_file() and len(fresh):
            scope = [column for column in key if column in (*KEY, "network")]
            old = pd.MultiIndex.from_frame(frame[scope].astype(str))
            frame = frame[~old.isin(pd.MultiIndex.from_frame(fresh[scope].astype(str)))]
            frame = pd.concat([frame, fresh], ignore_index=True) if len(frame) else fresh
        if len(frame):
            frame = frame.sort_values(
                [column for column in key if column in frame],
                key=lambda column: column.map(_ORDERS[column.name]) if column.name in _ORDERS else column,
                kind="stable",
                ignore_index=True,
            )
            write_csv(frame, path, "{:.6g}".format)
        frames[name] = frame
    return frames


def read_tables(folder: str | Path) -> dict[str, pd.DataFrame]:
    """The tables of an earlier measurement; raises PoolscopeError where there are none.

    Without pictures where no image could be rebuilt, from too few training images, and without invariance where it was
    not measured.
    """
    paths = {name: Path(folder) / "tables" / f"{name}.csv" for name in _KEYS}
    for name, path in paths.items():
        if not path.is_file() and name not in _OPTIONAL:
            raise PoolscopeError(f"There is no {name} table at {path}; run `poolscope measure` first.")
    return {
        name: read_table(path) if path.is_file() else pd.DataFrame(columns=_KEYS[name]) for name, path in paths.items()
    }


def read_table(path: Path) -> pd.DataFrame:
    """One of the tables, with text columns as texts."""
    return pd.read_csv(path, dtype=dict.fromkeys(_TEXTS, "str"), keep_default_na=False, na_values={}).pipe(_numbers)


def show_rows(operators: pd.DataFrame) -> list[dict[str, str]]:
    """The table of operators as texts for the terminal: least aliasing first, data set by data set."""
    ordered = operators.sort_values(["data", "window", "aliasing"], kind="stable")
    shown = [column for column in SHOWN if column != "options" or (ordered["options"] != "").any()]
    return [
        {column: _show(value) for column, value in zip(shown, values, strict=True)}
        for values in ordered[shown].itertuples(index=False)
    ]


def show_invariance(invariance: pd.DataFrame) -> list[dict[str, str]]:
    """The table of untrained networks under shifts as texts: those that whole pixels move least first."""
    ordered = invariance.sort_values(["data", "stability_circular", "stability_subpixel"], kind="stable")
    return [
        {
            "data": row["data"],
            "pool": row["pool"],
            "network": row["network"],
            **{
                f"{words}{column}": f"{row[f'{name}_{shift}']:.4f}"
                for shift, words in (("circular", "whole pixels: "), ("subpixel", "half pixels: "))
                for name, column in (("consistency", "consistency"), ("stability", "logits moved"))
            },
            "exact": " and ".join(
                words
                for shift, words in (("circular", "whole"), ("subpixel", "half"))
                if str(row[f"exact_{shift}"]) == "True"
            ),
            "takes the largest cell": _show(row["sampling_bias"]),
            "seeds": f"{row['seeds']:.0f}",
            "images": f"{row['images']:.0f}",
        }
        for row in ordered.to_dict("records")
    ]


def _show(value: Any) -> str:
    return str(value) if not isinstance(value, float) else "" if math.isnan(value) else f"{value:.3f}"


def _numbers(frame: pd.DataFrame) -> pd.DataFrame:
    columns = [column for column in frame if column not in _TEXTS]
    return frame.assign(**{column: pd.to_numeric(frame[column], errors="coerce") for column in columns})


def _place(pool: str) -> int:
    return list(OPERATORS).index(pool) if pool in OPERATORS else len(OPERATORS)


def _first_number(size: str) -> int:
    return int(str(size).partition("x")[0])


_ORDERS: dict[Any, Callable[[str], int]] = {"pool": _place, "window": _first_number, "stride": _first_number}
