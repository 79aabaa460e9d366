"""The configuration of a pooling operator: its keys are the options that the operators declare.

One flat section `pool` has a key for every option of any operator; those that don't concern the operator stay null.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from omegaconf import MISSING

from poolscope.spec.declaration import Operator, Option, Real, Sizes, Whole
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import Window, make_window
from poolscope.spec.operators import OPERATORS
from poolscope.spec.settings import Range, setting

COMMON_OPTIONS = ("window", "stride", "padding")  # of every operator

# The order of keys in records and tables, which committed ones keep; keys that are not here follow.
_FIRST = (
    *("p", "eps", "beta", "alpha", "filter_size", "dilation", "gradient", "count_include_pad", "learn", "depth"),
    *("full", "asymmetric", "smoothness", "overlapping", "pseudorandom", "grid", "norm", "hidden", "tau", "bands"),
)

# Keys that came later than the committed records; a record has them where they are set.
LATER_KEYS = {option for operator in OPERATORS.values() for option in operator.options} - set(_FIRST)


@dataclass
class PoolKeys:
    """The keys of every pooling operator."""

    name: str = setting(
        MISSING, "the operator; `poolscope list pools` shows them all", choices=lambda: tuple(OPERATORS)
    )
    window: Any = setting(2, "cells a window spans, as a number or [height, width]", within=Range(1, 10_000))
    stride: Any = setting(None, "step from window to window; null: the window", within=Range(1, 10_000))
    padding: Any = setting("VALID", "VALID, SAME, a number, or [[top, bottom], [left, right]]", within=Range(0, 10_000))


if TYPE_CHECKING:

    class PoolConfig(PoolKeys):
        """The pooling operator; keys that are null take the operator's default or don't concern it."""

        def __init__(
            self, name: str = ..., window: Any = ..., stride: Any = ..., padding: Any = ..., **options: Any
        ) -> None: ...
        def __getattr__(self, name: str) -> Any: ...

else:

    def _describe(option: str) -> str:
        """Whose option it is and what it does, for each thing that it does."""
        users: dict[str, list[str]] = {}
        for operator in OPERATORS.values():
            if option in operator.options:
                found = operator.options[option]
                limits = f", {found.describe()}" if isinstance(found, (Real, Whole)) else ""
                users.setdefault(found.help + limits, []).append(operator.name)
        return "; ".join(f"{', '.join(names)}: {text}" if len(names) < 9 else text for text, names in users.items())

    _KINDS: dict[str, Option] = {
        name: option for operator in OPERATORS.values() for name, option in operator.options.items()
    }
    PoolConfig = dataclasses.make_dataclass(
        "PoolConfig",
        [
            (
                name,
                Any if _KINDS[name].type is object else _KINDS[name].type | None,
                setting(None, _describe(name), within=Range(1, 10_000) if isinstance(_KINDS[name], Sizes) else None),
            )
            for name in sorted(_KINDS, key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name))
        ],
        bases=(PoolKeys,),
        namespace={"__doc__": "The pooling operator; keys that are null take its default or don't concern it."},
    )
    PoolConfig.__module__ = __name__


def check_pool(pool: PoolConfig) -> None:
    """Refuse an unknown operator, an option that it doesn't take or can't work with, and a window that is none."""
    if pool.name not in OPERATORS:
        raise PoolscopeError(f"pool.name must be one of {', '.join(OPERATORS)}, not {pool.name!r}.")
    operator = OPERATORS[pool.name]
    find_window(pool)
    for option, value in pool_options(pool).items():
        if option not in operator.options:
            own = ", ".join((*COMMON_OPTIONS, *operator.options))
            raise PoolscopeError(f"pool {pool.name!r} takes {own}; got {option}={value}.")
        if not operator.options[option].fits(value):
            raise PoolscopeError(
                f"pool.{option} must be {operator.options[option].describe()} for pool={pool.name}, not {value!r}."
            )


def pool_options(pool: PoolConfig) -> dict[str, Any]:
    """The options that were given to the operator beside window, stride and padding."""
    values = {entry.name: getattr(pool, entry.name) for entry in dataclasses.fields(pool)}
    common = ("name", *COMMON_OPTIONS)
    return {name: value for name, value in values.items() if name not in common and value is not None}


def all_options(pool: PoolConfig) -> dict[str, Any]:
    """Every option of the operator, with its default where none was given."""
    return {**OPERATORS[pool.name].defaults, **pool_options(pool)}


def find_operator(pool: PoolConfig) -> Operator:
    """The declaration of the configured operator."""
    return OPERATORS[pool.name]


def find_window(pool: PoolConfig) -> Window:
    """The checked window of a configuration; raises PoolscopeError naming the key."""
    return make_window(pool.window, pool.stride, pool.padding, pool.dilation or 1, prefix="pool.")
