"""What distinguishes the configurations of a sweep: the keys that vary, and short names made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from poolscope.spec.config import RESULT_KEYS, RunConfig, flatten_values, to_dict

_FIRST = ("data.name", "pool.name")


def list_values(configs: Sequence[RunConfig]) -> list[dict[str, Any]]:
    """List each configuration's values by key."""
    return [flatten_values(to_dict(config)) for config in configs]


def find_varying(values: Sequence[Mapping[str, Any]], ignoring: Sequence[str] = ()) -> list[str]:
    """Find the keys that change a result and have several values, in the schema's order."""
    return [key for key in RESULT_KEYS if key not in ignoring and len({str(of_one[key]) for of_one in values}) > 1]


def find_factors(values: Sequence[Mapping[str, Any]], ignoring: Sequence[str] = ()) -> list[str]:
    """Find the fewest of the varying keys, data set and operator first, that tell all configurations apart."""
    chosen: list[str] = []
    groups = 1
    for key in sorted(find_varying(values, ignoring), key=lambda key: tuple(key != name for name in _FIRST)):
        finer = len({tuple(str(of_one[name]) for name in [*chosen, key]) for of_one in values})
        if finer > groups:
            chosen.append(key)
            groups = finer
    return chosen


def name_configs(configs: Sequence[RunConfig]) -> list[str]:
    """Name each configuration by data set, operator and what else distinguishes it: "digits max window=3 lr=0.05"."""
    values = list_values(configs)
    others = [key for key in find_factors(values) if key not in _FIRST]
    return [
        " ".join([*(str(of_one[key]) for key in _FIRST), *(_name_factor(key, of_one[key]) for key in others)])
        for of_one in values
    ]


def _name_factor(key: str, value: Any) -> str:
    section, _, name = key.partition(".")
    short = {"name": section, "learning_rate": "lr"}.get(name, name)
    return f"{short}={'default' if value is None else f'{value:g}' if isinstance(value, float) else value}"
