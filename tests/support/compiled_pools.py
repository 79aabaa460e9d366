"""Operators compiled whole where a test calls them outside of a program.

Called so, each of their primitives is compiled by itself, which takes several times as long. That an operator gives the
same either way is held by test_contract.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from pool_geometries import compile_quickly

from poolscope import pooling

_ENDS = ("_pool", "_unpool", "_with_indices", "_shares", "_loss", "_bias")
_NAMES = (name for name in pooling.__all__ if name.endswith(_ENDS))
_OPERATORS = {id(getattr(pooling, name)) for name in _NAMES if name not in ("find_pool", "make_pool")}


def compile_calls(names: dict[str, Any], back: Callable[[Any], Any] | None = None) -> dict[str, Any]:
    """The operators among these names, each compiled anew at every call."""
    return {name: compile_call(value, back) for name, value in names.items() if id(value) in _OPERATORS}


@functools.cache
def compile_call(pool: Callable[..., Any], back: Callable[[Any], Any] | None = None) -> Callable[..., Any]:
    """The operator as a program of the arrays that it is given.

    back: what an array that it gives becomes, such as `np.asarray`, so that what a test does with it compiles nothing.
    """

    @functools.wraps(pool)
    def call(*arguments: Any, **options: Any) -> Any:
        given = {**dict(enumerate(arguments)), **options}
        names = [name for name, value in given.items() if isinstance(value, jax.Array | np.ndarray)]

        def program(*arrays: jax.Array) -> Any:
            whole = given | dict(zip(names, arrays, strict=True))
            return pool(*(whole[place] for place in range(len(arguments))), **{name: whole[name] for name in options})

        arrays = [given[name] for name in names]
        if any(isinstance(array, jax.core.Tracer) for array in arrays):
            return jax.jit(program)(*arrays)  # a program in another has no options
        found = compile_quickly(program)(*arrays)
        return found if back is None else jax.tree.map(back, found)

    return call
