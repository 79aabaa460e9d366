"""What a study compares: the factors that vary in its runs, and short names for its arms and settings.

A *setting* is what every arm must share to be compared (the data set and what is done to it). An *arm* is one way to
build or train the network within a setting. A *stratum* is the arm without its operator: arms of one stratum differ in
nothing but the operator and its own options.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from poolscope.spec.config import RESULT_KEYS
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.operators import OPERATORS
from poolscope.statistics.tables import CONFIG_COLUMNS

_NO_RESULT = set(CONFIG_COLUMNS) - set(RESULT_KEYS)  # how a run was computed, which changes no result
_WINDOW = ["pool.window", "pool.stride", "pool.padding"]
_OPTIONS = [name for name in CONFIG_COLUMNS if name.startswith("pool.") and name not in ("pool.name", *_WINDOW)]


def find_varying(runs: pd.DataFrame) -> list[str]:
    """Every configuration column with more than one value among the runs."""
    known = [column for column in CONFIG_COLUMNS if column in runs]
    new = [column for column in runs if column.split(".")[0] in _sections() and column not in CONFIG_COLUMNS]
    return [
        column for column in [*known, *sorted(new)] if column not in _NO_RESULT and len(set(_texts(runs, column))) > 1
    ]


def factors(runs: pd.DataFrame) -> list[str]:
    """The fewest varying columns, data set and operator first, that still tell all configurations apart.

    A column that follows from earlier ones (image size from the data set, an exponent from the operator) is not one.
    """
    first = ["data.name", "pool.name"]
    varying = sorted(find_varying(runs), key=lambda column: (*(column != name for name in first), False))
    chosen: list[str] = []
    groups = 1
    for column in varying:
        finer = len(set(zip(*(_texts(runs, name) for name in [*chosen, column]), strict=True)))
        if finer > groups:
            chosen.append(column)
            groups = finer
    return chosen


def add_arms(runs: pd.DataFrame, ignoring: Sequence[str] = (), by: Sequence[str] = ()) -> pd.DataFrame:
    """The runs with columns setting, arm, stratum and operator, in the order in which arms are always listed.

    That order is: settings by data set; operators as in the catalogue; then the other factors, smaller first. Arms that
    differ only in the columns `ignoring` get one name. Varying columns `by` are part of the setting instead of the arm.
    """
    varying = [column for column in factors(runs) if column not in (*ignoring, *by)]
    of_setting = [column for column in varying if column.startswith("data.")]
    of_setting += [column for column in find_varying(runs) if column in by and column != "data.name"]
    of_arm = [column for column in varying if not column.startswith("data.")]
    with_operator = "pool.name" in of_arm or not of_arm
    of_stratum = [column for column in of_arm if column not in ("pool.name", *_OPTIONS)]
    labelled = runs.assign(
        operator=runs["pool.name"],
        setting=[_name_setting(row, of_setting) for row in _rows(runs)],
        arm=[_name_arm(row, of_arm, with_operator) for row in _rows(runs)],
        stratum=[_name_arm(row, of_stratum, False) for row in _rows(runs)],
    )
    same = labelled.groupby(["setting", "arm"])["digest"].transform("nunique") > 1
    if not ignoring:
        labelled.loc[same, "arm"] += " #" + labelled["digest"].str[:6]
    order = [column for column in of_arm if column != "pool.name"]
    ranks = {name: rank for rank, name in enumerate(OPERATORS)}
    keys = [
        (
            *(_sort_key(row[c]) for c in of_setting),
            ranks.get(row["operator"], len(ranks)),
            *(_sort_key(row[c]) for c in order),
            row["arm"],
            row["seed"],
        )
        for row in _rows(labelled)
    ]
    positions = sorted(range(len(keys)), key=keys.__getitem__)
    return labelled.iloc[positions].reset_index(drop=True)


def find_baselines(labelled: pd.DataFrame, operator: str = "max") -> dict[tuple[str, str], str]:
    """{(setting, arm): arm it is compared with}, from the result of `add_arms`.

    Within a stratum that has several operators it is the arm with `operator` (else the stratum's first arm); an arm
    alone in its stratum, and every arm where the operator doesn't vary, is compared with the setting's first such arm.
    Where `operator` is an arm's own name, every arm of its setting is compared with that.
    """
    baselines = {}
    for setting, of_setting in labelled.groupby("setting", sort=False):
        if operator in set(of_setting["arm"]):
            baselines.update({(setting, arm): operator for arm in of_setting["arm"].unique()})
            continue
        overall = _first_arm(of_setting, operator)
        for _, stratum in of_setting.groupby("stratum", sort=False):
            alone = stratum["arm"].nunique() == 1
            baseline = overall if alone else _first_arm(stratum, operator)
            baselines.update({(setting, arm): baseline for arm in stratum["arm"].unique()})
    return baselines


def check_baseline(labelled: pd.DataFrame, baseline: str) -> None:
    """Refuse a baseline that is neither an arm nor an operator among the runs; "max" is taken where it is there."""
    if baseline != "max" and baseline not in {*labelled["arm"], *labelled["operator"]}:
        raise PoolscopeError(
            f"There is no arm {baseline!r} to compare with; there are {', '.join(labelled['arm'].unique())}."
        )


def filter_runs(runs: pd.DataFrame, where: Sequence[str]) -> pd.DataFrame:
    """Keep the runs that meet all conditions, such as "data.train_size=1000".

    Raises:
        PoolscopeError: where a condition is none, or no run meets it, with the values that there are.
    """
    for condition in where:
        column, equals, value = condition.partition("=")
        if not equals or column not in runs:
            raise PoolscopeError(f"{condition!r} is no condition on these runs; write key=value, as in pool.window=2.")
        found = [show_value(cell) for cell in runs[column]]
        if value not in found:
            raise PoolscopeError(f"No run has {condition}; {column} is {', '.join(dict.fromkeys(found))}.")
        runs = runs[[text == value for text in found]]
    return runs


def show_value(value: Any) -> str:
    """A configuration value as a person writes it: 2 for 2.0, default for an empty one."""
    if value is None or value is pd.NA or value != value or value == "":
        return "default"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:g}"
    return str(value)


def _first_arm(runs: pd.DataFrame, operator: str) -> str:
    wanted = runs.loc[runs["operator"] == operator, "arm"]
    return str((wanted if len(wanted) else runs["arm"]).iloc[0])


def _name_setting(row: dict[str, Any], columns: list[str]) -> str:
    others = [column for column in columns if column != "data.name"]
    return ", ".join([str(row["data.name"]), *(_name_factor(row, column) for column in others)])


def _name_arm(row: dict[str, Any], columns: list[str], with_operator: bool) -> str:
    operator = OPERATORS.get(row["pool.name"])
    windows = [] if operator is not None and operator.kind == "none" else [name for name in _WINDOW if name in columns]
    head = [str(row["pool.name"])] if with_operator else []
    if "pool.window" in windows or "pool.stride" in windows:
        window, stride = show_value(row["pool.window"]), show_value(row["pool.stride"])
        head.append(window if stride == "default" else f"{window}/{stride}")
    if "pool.padding" in windows:
        head.append(show_value(row["pool.padding"]))
    rest = [column for column in columns if column not in ("pool.name", *_WINDOW)]
    own = [column for column in rest if column not in _OPTIONS or show_value(row[column]) != "default"]
    return ", ".join([*([" ".join(head)] if head else []), *(_name_factor(row, column) for column in own)])


def _name_factor(row: dict[str, Any], column: str) -> str:
    section, _, key = column.partition(".")
    name = {"name": section, "learning_rate": "lr"}.get(key, key)
    return f"{name}={show_value(row[column])}"


def _sections() -> set[str]:
    return {column.split(".")[0] for column in CONFIG_COLUMNS}


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return frame.to_dict("records")


def _texts(runs: pd.DataFrame, column: str) -> list[str]:
    return [show_value(value) for value in runs[column]]


def _sort_key(value: Any) -> tuple[int, float, str]:
    """Empty first, then numbers by size, lists by their first number, texts by alphabet."""
    text = show_value(value)
    if text == "default":
        return (0, 0.0, "")
    try:
        number = json.loads(text.lower())
        first = number[0] if isinstance(number, list) else number
        return (1, float(first), text)
    except (ValueError, TypeError, IndexError):
        return (2, 0.0, text)
