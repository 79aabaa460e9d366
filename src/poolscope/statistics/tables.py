"""Records to tidy tables, and tables to CSV and back, so that a study can be redrawn or continued without its records.

Every cell passes through its text in the CSV file, whether it comes from a record or from a committed table; the type
of a column follows from its texts. The same records therefore give the same bytes, on this report and on the next.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from poolscope.spec.config import RECORDED_KEYS
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import runs_folder, shipped, study_folder
from poolscope.store.files import open_whole
from poolscope.store.inventory import read_rows
from poolscope.store.record import RunRecord, read_record

KEY = ["digest", "seed"]
CONFIG_COLUMNS = RECORDED_KEYS
_IDENTITY = ("study", "digest", "seed", "status", "reason")
_SCALARS = (
    *("test_accuracy", "test_loss", "train_eval_accuracy", "train_eval_loss", "val_accuracy", "val_loss"),
    *("generalisation_gap", "loss_gap", "best_epoch", "test_accuracy_best", "test_loss_best"),
    *("parameters", "macs", "epochs", "steps", "train_size", "test_size", "seconds_train", "images_per_second"),
)
_LEADING = {
    "runs": (*_IDENTITY, *CONFIG_COLUMNS, *_SCALARS),
    "curves": ("digest", "seed", "epoch", "step", "train_eval_loss", "train_eval_accuracy", "val_loss", "val_accuracy"),
    "confusion": ("digest", "seed", "true", "counts"),
    "feature_maps": ("digest", "seed", "stage", "moment", "channel", "row", "values"),
}
_ORDER = {
    "runs": ("data.name", "pool.name", "digest", "seed"),
    "curves": ("digest", "seed", "epoch"),
    "confusion": ("digest", "seed", "true"),
    "feature_maps": ("digest", "seed", "stage", "moment", "channel", "row"),
}
_TEXTS = {"study", "digest", "status", "reason", "test_correct", "counts", "moment", "values"}
_CHANNELS = 4  # feature maps kept in a committed table, for each stage

Cells = dict[str, str]


@dataclass(frozen=True)
class Tables:
    """The tidy tables of one study.

    runs: a row per configuration and seed: identity, configuration ("pool.name"), scalars, provenance, `test_correct`.
    curves: a row per run and epoch. confusion: a row per run and true class; counts is the text of the number of test
    images predicted as class 0, 1, ... feature_maps: a row per row of a map; moment is image, before or after (stage 0
    is the image). damaged: one sentence for each record that could not be read.
    """

    runs: pd.DataFrame
    curves: pd.DataFrame
    confusion: pd.DataFrame
    feature_maps: pd.DataFrame
    damaged: tuple[str, ...] = ()


NAMES = tuple(_LEADING)


def collect(results: str | Path, study: str) -> Tables:
    """The tables of a study: its raw records, and the committed rows of runs that have no record here.

    Raises PoolscopeError where there is neither, or where a committed table is damaged.
    """
    rows: dict[str, list[Cells]] = {name: [] for name in NAMES}
    damaged = []
    for path in sorted(runs_folder(results, study).glob("*/seed-*.json")):
        try:
            record = read_record(path)
        except PoolscopeError as error:
            damaged.append(str(error))
            continue
        try:
            tabulated = _tabulate(record)
        except (ValueError, TypeError, KeyError, AttributeError):
            damaged.append(f"The record {path} is damaged (a curve, matrix or map in it is misshapen).")
            continue
        for name in NAMES:
            rows[name].extend(tabulated[name])
    fresh = {(row["digest"], row["seed"]) for row in rows["runs"]}
    for name in NAMES:
        committed = read_rows(study_folder(results, study) / "tables" / f"{name}.csv", _required(name))
        rows[name].extend(row for row in committed if (row["digest"], row["seed"]) not in fresh)
    if not rows["runs"]:
        raise PoolscopeError(damaged[0] if damaged else _nothing(results, study))
    return Tables(**{name: _make_frame(rows[name], name) for name in NAMES}, damaged=tuple(damaged))


def write_tables(tables: Tables, folder: str | Path) -> list[Path]:
    """Write <folder>/{runs,curves,confusion,feature_maps}.csv; floats as the shortest text that reads back the same."""
    paths = []
    for name in NAMES:
        paths.append(Path(folder) / f"{name}.csv")
        write_csv(getattr(tables, name), paths[-1])
    return paths


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame without its index, whole or not at all."""
    write_text(frame.to_csv(index=False, lineterminator="\n"), path)


def write_text(text: str, path: Path) -> None:
    """Write a text file whole or not at all, so that a crash never costs a committed table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_whole(path) as file:
        file.write(text.encode())


def sum_confusion(confusion: pd.DataFrame, digest: str, seeds: Iterable[int]) -> np.ndarray:
    """counts[true][predicted] of one configuration, summed over the given seeds; shape (0, 0) where none are kept."""
    chosen = confusion[(confusion["digest"] == digest) & confusion["seed"].isin(list(seeds))]
    matrices = [
        np.array([[int(count) for count in counts.split()] for counts in of_seed.sort_values("true")["counts"]])
        for _, of_seed in chosen.groupby("seed")
    ]
    return np.sum(matrices, axis=0) if matrices else np.zeros((0, 0), dtype=int)


def read_map(feature_maps: pd.DataFrame, digest: str, stage: int, moment: str) -> dict[int, np.ndarray]:
    """The kept channels of a configuration's map, lowest seed: {channel: array of (height, width)}; stage 0: image."""
    chosen = feature_maps[
        (feature_maps["digest"] == digest) & (feature_maps["stage"] == stage) & (feature_maps["moment"] == moment)
    ]
    chosen = chosen[chosen["seed"] == chosen["seed"].min()]
    return {
        int(channel): np.array(
            [[float(value) for value in values.split()] for values in rows.sort_values("row")["values"]]
        )
        for channel, rows in chosen.groupby("channel")
    }


def list_studies(results: str | Path) -> pd.DataFrame:
    """The studies that exist, without opening a record: name, number of records, has tables, report, protocol."""
    folder = Path(results)
    recorded = {path.parent.parent.name for path in folder.glob("runs/*/*/seed-*.json")}
    committed = {path.parent.parent.name for path in folder.glob("*/tables/runs.csv")}
    planned = {path.parent.name for path in shipped("experiments").glob("*/README.md")}
    return pd.DataFrame(
        [
            {
                "study": study,
                "records": sum(1 for _ in runs_folder(results, study).glob("*/seed-*.json")),
                "committed": study in committed,
                "report": (study_folder(results, study) / "report.html").is_file(),
                "protocol": study in planned,
            }
            for study in sorted(recorded | committed | planned)
        ],
        columns=["study", "records", "committed", "report", "protocol"],
    )


def tabulate_run(row: Mapping[str, Any]) -> Cells:
    """The texts of one row of the runs table, as they stand in its CSV file."""
    return {str(name): _cell(None if value is pd.NA else value) for name, value in row.items()}


def _nothing(results: str | Path, study: str) -> str:
    studies = list_studies(results)
    existing = studies.loc[(studies["records"] > 0) | studies["committed"], "study"].tolist()
    there = f"the studies that exist there are {', '.join(existing)}" if existing else "no study exists there yet"
    return f"Study {study!r} has no records and no tables under {results}; {there}."


def _tabulate(record: RunRecord) -> dict[str, list[Cells]]:
    """The rows that one record gives to each table, as texts."""
    key = {"digest": record.digest, "seed": str(record.seed)}
    run = {
        **key,
        **{name: _cell(getattr(record, name)) for name in ("study", "status", "reason", "test_correct")},
        **_flatten({name: value for name, value in record.config.items() if isinstance(value, Mapping)}),
        **_flatten({"provenance": record.provenance}),
        **{name: _cell(value) for name, value in record.scalars.items()},
    }
    run["reason"] = " ".join(record.reason.split())
    run.pop("data.dir", None)
    columns = {name: [_cell(value) for value in values] for name, values in record.curves.items()}
    curves = [key | dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    confusion = [
        key | {"true": str(true), "counts": " ".join(str(int(count)) for count in counts)}
        for true, counts in enumerate(record.confusion)
    ]
    if any(len(counts) != len(record.confusion) for counts in record.confusion):
        raise ValueError("a confusion matrix is square")
    return {"runs": [run], "curves": curves, "confusion": confusion, "feature_maps": _tabulate_maps(record, key)}


def _tabulate_maps(record: RunRecord, key: Cells) -> list[Cells]:
    if not record.feature_maps:
        return []
    image = np.asarray(record.feature_maps["image"], dtype=float)
    image = image[None] if image.ndim == 2 else image
    if image.shape[-1] in (1, 3):
        image = np.moveaxis(image, -1, 0)
    maps = [("0", "image", image)]
    for stage in record.feature_maps["stages"]:
        maps += [(str(stage["stage"]), when, np.asarray(stage[when], dtype=float)) for when in ("before", "after")]
    return [
        key
        | {"stage": stage, "moment": moment, "channel": str(channel), "row": str(row)}
        | {"values": " ".join(f"{value:.3g}" for value in values)}
        for stage, moment, channels in maps
        for channel, rows in enumerate(channels[:_CHANNELS])
        for row, values in enumerate(rows)
    ]


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> Cells:
    """{"pool": {"name": "max"}} as {"pool.name": "max"}; lists as compact JSON text."""
    cells: Cells = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            cells |= _flatten(value, f"{prefix}{name}.")
        else:
            cells[prefix + name] = _cell(value)
    return cells


def _cell(value: Any) -> str:
    """The text of a value in a CSV file; nothing for None and numbers that aren't finite."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, (list, tuple)):
        return json.dumps(value, separators=(",", ":"))
    return repr(value) if isinstance(value, float) else str(value)


def _required(name: str) -> list[str]:
    return KEY if name == "curves" else list(_IDENTITY if name == "runs" else _LEADING[name])


def _make_frame(rows: list[Cells], name: str) -> pd.DataFrame:
    """Typed, in the order of columns and rows that this table always has."""
    present = {column for row in rows for column in row} | set(_LEADING[name] if name != "runs" else _IDENTITY)
    leading = [column for column in _LEADING[name] if column in present]
    rest = sorted(present - set(leading), key=lambda column: (_rank(column), column))
    frame = pd.DataFrame(
        {column: _typed(column, [row.get(column, "") for row in rows]) for column in [*leading, *rest]}
    )
    order = [column for column in _ORDER[name] if column in frame]
    return frame.sort_values(order, kind="stable", ignore_index=True)


def _rank(column: str) -> int:
    """Among columns without a fixed place: new configuration keys, new scalars, provenance, then the long bit text."""
    return 3 if column == "test_correct" else 2 if column.startswith("provenance.") else 0 if "." in column else 1


def _typed(column: str, cells: list[str]) -> pd.Series:
    """bool, int64, float64 (empty: NaN) or text, whichever holds every cell."""
    given = [cell for cell in cells if cell]
    if column in _TEXTS or column.startswith("provenance.") or column.endswith(".name"):
        return pd.Series(cells, dtype="str")
    if given and all(cell in ("True", "False") for cell in given):
        truth = {"True": True, "False": False, "": None}
        return pd.Series([truth[cell] for cell in cells], dtype="bool" if len(given) == len(cells) else "boolean")
    try:
        numbers = [float(cell) if cell else math.nan for cell in cells]
    except ValueError:
        return pd.Series(cells, dtype="str")
    if len(given) == len(cells) and given and all(re.fullmatch(r"-?\d+", cell) for cell in given):
        return pd.Series([int(cell) for cell in cells], dtype="int64")
    return pd.Series(numbers, dtype="float64")
