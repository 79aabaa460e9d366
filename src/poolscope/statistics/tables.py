"""Records to tidy tables, and tables to CSV and back, so that a study can be redrawn or continued without its records.

Every cell passes through its text in the CSV file, whether it comes from a record or from a committed table, and gets
the type that the schema gives its column. The same records therefore give the same bytes, on this report and the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np
import pandas as pd

from poolscope.spec.config import RECORDED_KEYS
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import is_study, runs_folder, shipped, study_folder
from poolscope.store import files
from poolscope.store.cells import CONFIG_KINDS, Cells, flatten, read_cell, to_cell
from poolscope.store.checks import IDENTITY, KEYS, NAMES, find_false_part, find_problem, fits_digest, is_scalar
from poolscope.store.committed import find_contradiction, group_rows, read_committed
from poolscope.store.record import RunRecord, read_placed_record
from poolscope.store.revisions import count_revisions

CONFIG_COLUMNS = RECORDED_KEYS
_SCALARS = (
    *("test_accuracy", "test_loss", "train_eval_accuracy", "train_eval_loss", "val_accuracy", "val_loss"),
    *("generalisation_gap", "loss_gap", "best_epoch", "test_accuracy_best", "test_loss_best"),
    *("parameters", "macs", "epochs", "steps", "train_size", "test_size", "seconds_train", "images_per_second"),
)
_LEADING = {
    "runs": (*IDENTITY, *CONFIG_COLUMNS, *_SCALARS),
    "curves": ("digest", "seed", "epoch", "step", "train_eval_loss", "train_eval_accuracy", "val_loss", "val_accuracy"),
    "confusion": ("digest", "seed", "true", "counts"),
    "feature_maps": ("digest", "seed", "stage", "moment", "channel", "row", "values"),
}
_ORDER = KEYS | {"runs": ("data.name", "pool.name", *KEYS["runs"])}
_TEXTS = {"study", "digest", "status", "reason", "test_correct", "counts", "moment", "values"}
_WHOLE = {"seed", "true", "stage", "channel", "row"}
_CHANNELS = 4  # feature maps kept in a committed table, for each stage


@dataclass(frozen=True)
class Tables:
    """The tidy tables of one study.

    runs: a row per configuration and seed: identity, configuration ("pool.name"), scalars, provenance, and what single
    test images gave, `test_correct` and "image_scores.<column>". curves: a row per run and epoch. confusion: a row per
    run and true class; counts is the text of the number of test images predicted as class 0, 1, ... feature_maps: a row
    per row of a map; moment is image, before or after (stage 0 is the image), kept for the lowest seed of each
    configuration. damaged: one sentence for each record left out.
    """

    runs: pd.DataFrame
    curves: pd.DataFrame
    confusion: pd.DataFrame
    feature_maps: pd.DataFrame
    damaged: tuple[str, ...] = ()


def tally_revisions(runs: pd.DataFrame) -> dict[str, int]:
    """How many finished runs each code revision made, for `poolscope.store.revisions.describe_revisions`."""
    done = runs[runs["status"] == "done"]
    known = "provenance.git_revision" in done
    return count_revisions(done["provenance.git_revision"] if known else [""] * len(done))


def collect(results: str | Path, study: str) -> Tables:
    """Collect the tables of a study: its raw records, and the committed rows of runs that have no record here.

    Raises:
        PoolscopeError: where there is neither, or where a committed table is damaged.
    """
    recorded, damaged = _read_records(results, study)
    committed = read_committed(results, study)
    damaged += _drop_contradictions(recorded, committed["runs"], study)
    fresh = {(tables["runs"][0]["digest"], tables["runs"][0]["seed"]) for tables in recorded.values()}
    rows = {
        name: [row for tables in recorded.values() for row in tables[name]]
        + [row for row in committed[name] if (row["digest"], row["seed"]) not in fresh]
        for name in NAMES
    }
    if not rows["runs"]:
        raise PoolscopeError(damaged[0] if damaged else _describe_lack(results, study))
    rows["feature_maps"] = _keep_lowest_seeds(rows["feature_maps"])
    return Tables(**{name: _make_frame(rows[name], name) for name in NAMES}, damaged=tuple(damaged))


def write_tables(tables: Tables, folder: str | Path) -> list[Path]:
    """Write <folder>/{runs,curves,confusion,feature_maps}.csv; floats as the shortest text that reads back the same."""
    paths = []
    for name in NAMES:
        paths.append(Path(folder) / f"{name}.csv")
        write_csv(getattr(tables, name), paths[-1])
    return paths


def write_csv(frame: pd.DataFrame, path: Path, show_number: Callable[[float], str] = repr) -> None:
    """Write a frame without its index, whole or not at all; NA becomes an empty cell."""
    rows = ({str(name): None if value is pd.NA else value for name, value in row.items()} for row in _list_rows(frame))
    files.write_csv([str(name) for name in frame], rows, path, show_number)


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
            for study in sorted(filter(is_study, recorded | committed | planned))
        ],
        columns=["study", "records", "committed", "report", "protocol"],
    )


def tabulate_run(row: Mapping[str, Any]) -> Cells:
    """Write one row of the runs table as the texts of its CSV file."""
    return {str(name): to_cell(None if value is pd.NA else value) for name, value in row.items()}


def _describe_lack(results: str | Path, study: str) -> str:
    studies = list_studies(results)
    existing = studies.loc[(studies["records"] > 0) | studies["committed"], "study"].tolist()
    others = f"the studies that exist there are {', '.join(existing)}" if existing else "no study exists there yet"
    return f"Study {study!r} has no records and no tables under {results}; {others}."


def _read_records(results: str | Path, study: str) -> tuple[dict[Path, dict[str, list[Cells]]], list[str]]:
    """The rows that each record gives to each table, and a sentence for each record that is left out."""
    recorded, damaged = {}, []
    for path in sorted(runs_folder(results, study).glob("*/seed-*.json")):
        try:
            recorded[path] = _tabulate(path, read_placed_record(path))
        except PoolscopeError as error:
            damaged.append(str(error))
    return recorded, damaged


def _drop_contradictions(recorded: dict[Path, dict[str, list[Cells]]], committed: list[Cells], study: str) -> list[str]:
    """Leave out the records whose configuration isn't that of their digest, where others of the digest differ.

    A key without a value has its default in the digest, as in tables from before the key: then the record that lacks
    it is left out.
    """
    damaged: list[str] = []
    while found := find_contradiction([*(tables["runs"][0] for tables in recorded.values()), *committed]):
        digest, column = found
        false = [path for path in recorded if path.parent.name == digest and not fits_digest(recorded[path]["runs"][0])]
        of_digest = [path for path in recorded if path.parent.name == digest]
        false = false or [path for path in of_digest if not recorded[path]["runs"][0].get(column)]
        if not false:
            raise PoolscopeError(f"Study {study!r} has runs with the digest {digest} that differ in {column}.")
        for path in false:
            del recorded[path]
            damaged.append(f"The record {path} is damaged: its configuration is not that of its digest; delete it.")
    return damaged


def _tabulate(path: Path, record: RunRecord) -> dict[str, list[Cells]]:
    """Make the rows that one record gives to each table; raises PoolscopeError where no run writes one like it."""
    try:
        tables = _make_rows(record)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError) as error:
        raise PoolscopeError(f"The record {path} is damaged (a curve, matrix or map in it is misshapen).") from error
    problems = [find_problem(name, row, record.study) for name in NAMES for row in tables[name]]
    if not any(problems):
        problems += [
            find_false_part(name, tables["runs"][0], rows)
            for name in NAMES[1:]
            for rows in group_rows(name, tables[name]).values()
        ]
    if problem := next(filter(None, problems), None):
        raise PoolscopeError(f"The record {path} is damaged: {problem}; delete it and run its command again.")
    return tables


def _make_rows(record: RunRecord) -> dict[str, list[Cells]]:
    key = {"digest": record.digest, "seed": str(record.seed)}
    run = {
        **key,
        **{name: to_cell(getattr(record, name)) for name in ("study", "status", "reason", "test_correct")},
        **flatten({name: value for name, value in record.config.items() if isinstance(value, Mapping)}),
        **flatten({"image_scores": record.image_scores, "provenance": record.provenance}),
        **{name: to_cell(value) for name, value in record.scalars.items()},
    }
    run["reason"] = " ".join(record.reason.split())
    run.pop("data.dir", None)
    columns = {name: [to_cell(value) for value in values] for name, values in record.curves.items()}
    curves = [key | dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    confusion = [
        key | {"true": str(true), "counts": " ".join(map(to_cell, counts))}
        for true, counts in enumerate(record.confusion)
    ]
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


def _keep_lowest_seeds(maps: list[Cells]) -> list[Cells]:
    lowest: dict[str, int] = {}
    for row in maps:
        lowest[row["digest"]] = min(int(row["seed"]), lowest.get(row["digest"], int(row["seed"])))
    return [row for row in maps if int(row["seed"]) == lowest[row["digest"]]]


def _make_frame(rows: list[Cells], name: str) -> pd.DataFrame:
    """Type the rows, in the order of columns and rows that this table always has."""
    present = {column for row in rows for column in row} | set(_LEADING[name] if name != "runs" else IDENTITY)
    leading = [column for column in _LEADING[name] if column in present]
    rest = sorted(present - set(leading), key=lambda column: (_rank(column), column))
    frame = pd.DataFrame(
        {column: _type_column(column, [row.get(column, "") for row in rows]) for column in [*leading, *rest]}
    )
    order = [column for column in _ORDER[name] if column in frame]
    return frame.sort_values(order, kind="stable", ignore_index=True)


def _rank(column: str) -> int:
    """Among columns without a fixed place: new configuration keys, new scalars, provenance, then the long texts."""
    long = column == "test_correct" or column.startswith("image_scores.")
    return 3 if long else 2 if column.startswith("provenance.") else 0 if "." in column else 1


def _type_column(column: str, cells: list[str]) -> pd.Series:
    """Give a column the type of the schema, with NA for the empty cells of whole numbers and booleans.

    A key with values of several types (a window: 3 or [2,3]) is text unless all are whole numbers.
    """
    if column in _TEXTS or column.startswith(("provenance.", "image_scores.")):
        return pd.Series(cells, dtype="str")
    if column in _WHOLE:
        return pd.Series([int(cell) for cell in cells], dtype="int64")
    if column in CONFIG_KINDS:
        kind = CONFIG_KINDS[column]
    elif is_scalar(column):
        kind = float
    else:
        kind = Any  # a key of another version's schema
    try:
        values = [read_cell(cell, kind) for cell in cells]
    except ValueError:  # of another version's schema
        return pd.Series(cells, dtype="str")
    kinds = {type(value) for value in values} - {NoneType}
    if float in (kind, *kinds):
        return pd.Series([np.nan if value is None else float(value) for value in values], dtype="float64")
    full = NoneType not in {type(value) for value in values}
    for plain, dtype in ((int, "int64"), (bool, "bool")):
        if kinds == {plain} or (not kinds and kind is plain):
            return pd.Series(values, dtype=dtype if full else {"int64": "Int64", "bool": "boolean"}[dtype])
    return pd.Series([to_cell(value) for value in values], dtype="str")


def _list_rows(frame: pd.DataFrame) -> list[dict[Any, Any]]:
    return frame.to_dict("records")
