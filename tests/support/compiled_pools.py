"""Operators compiled whole where a test calls them outside of a program.

Called so, each of their primitives is compiled by itself, which takes several times as long. That an operator gives the
same either way is held by test_contract.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
from pool_geometries import compile_quickly

from poolscope import pooling

_HEADS = (getattr(pooling, name) for name in pooling.__all__ if name.startswith("global_"))
_OPERATORS = {id(function) for function in (*pooling.POOLS.values(), *_HEADS)}


def compile_calls(names: dict[str, Any]) -> dict[str, Any]:
    """The operators among these names, each compiled anew at every call."""
    return {name: compile_call(value) for name, value in names.items() if id(value) in _OPERATORS}


@functools.cache
def compile_call(pool: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    """The operator as a program of the arrays that it is given."""

    @functools.wraps(pool)
    def call(*arguments: Any, **options: Any) -> jax.Array:
        given = {**dict(enumerate(arguments)), **options}
        names = [name for name, value in given.items() if isinstance(value, jax.Array)]

        def program(*arrays: jax.Array) -> jax.Array:
            whole = given | dict(zip(names, arrays, strict=True))
            return pool(*(whole[place] for place in range(len(arguments))), **{name: whole[name] for name in options})

        arrays = [given[name] for name in names]
        within = any(isinstance(array, jax.core.Tracer) for array in arrays)  # a program in another has no options
        return (jax.jit if within else compile_quickly)(program)(*arrays)

    return call
