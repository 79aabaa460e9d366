"""The operators by name: the functions behind `pool=<name>` and behind every comparison of operators."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jax import Array

from poolscope.pooling.declare import take_window
from poolscope.pooling.window_cells import Window
from poolscope.spec.declaration import Operator
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.operators import OPERATORS
from poolscope.spec.plugins import import_plugin

Function = Callable[..., Array]


class Pools(Mapping[str, Function]):
    """name -> function on a window, of every operator that puts a layer into a network; imported when it is looked up.

    All are `op(x, window, stride=None, padding="VALID", *, dilation=1, ceil_mode=False, **options)`.
    """

    def __init__(self) -> None:
        self._found: dict[str, Function] = {}

    def __getitem__(self, name: str) -> Function:
        if name not in self._found:
            operator = OPERATORS[name]
            if not operator.has_layer:
                raise KeyError(name)
            function = getattr(import_plugin(operator.module), operator.function)
            self._found[name] = size_by_window(function, operator) if operator.sized else function
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name, operator in OPERATORS.items() if operator.has_layer)

    def __len__(self) -> int:
        return sum(1 for _ in self)


POOLS = Pools()


def find_pool(name: str) -> Function:
    """The function of that name; raises PoolscopeError listing the names there are."""
    if name not in POOLS:
        raise PoolscopeError(f"pool must be one of {', '.join(POOLS)}, not {name!r}.")
    return POOLS[name]


def name_layer(name: str) -> str:
    """The name of the class of an operator's layers: MaxBlurPool of "max_blur"."""
    return "".join(part.capitalize() for part in name.split("_")) + "Pool"


def size_by_window(function: Function, operator: Operator) -> Function:
    """An operator that takes an output_size, made to take a window whose geometry gives that size."""

    def pool(x: Array, window: Window, **options: Any) -> Array:
        return function(x, output_size=window.output(*x.shape[1:3]), **options)

    own = inspect.signature(function).parameters
    drawing = ("key", "deterministic") if operator.stochastic else ()
    keywords = [own[name].replace(kind=inspect.Parameter.KEYWORD_ONLY) for name in (*operator.options, *drawing)]
    geometry = [*inspect.signature(pool).parameters.values()][:2]
    pool.__signature__ = inspect.Signature([*geometry, *keywords])  # type: ignore[attr-defined]
    pool.__name__ = pool.__qualname__ = f"{operator.name}_pool"
    pool.__doc__ = f"`{function.__name__}` to the size of a window's output.\n\n{function.__doc__}"
    return take_window(pool)
