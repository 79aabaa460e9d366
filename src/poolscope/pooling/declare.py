"""The decorators that declare a pooling operator and a head."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, TypeVar

import jax

from poolscope.spec.declaration import Operator
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.heads import Head

F = TypeVar("F", bound=Callable[..., jax.Array])


def operator(name: str, **declared: Any) -> Callable[[F], F]:
    """Declare a pooling operator at its function; the arguments are the fields of `spec.declaration.Operator`.

    They must be literals, since the catalogue reads them from the source text. What is declared is the function's
    attribute `declaration`. The function then takes maps with any number of leading axes, (..., H, W, C), none too.
    Without a function below it, the call declares an operator that puts no layer into a network.
    """
    declaration = Operator(name, **declared)

    def declare(function: F) -> F:
        wrapped = take_leading_axes(function)
        wrapped.declaration = declaration  # type: ignore[attr-defined]
        return wrapped

    return declare


def head(name: str, **declared: Any) -> Callable[[F], F]:
    """Declare a head at its function, (N, H, W, C) to (N, features); the arguments are the fields of `spec.heads.Head`.

    They must be literals, since the list of heads is read from the source text. Without a function below it, the call
    declares a head that the network makes itself.
    """
    declaration = Head(name, **declared)

    def declare(function: F) -> F:
        function.declaration = declaration  # type: ignore[attr-defined]
        return function

    return declare


def take_leading_axes(function: F) -> F:
    """The function of maps (N, H, W, C) for (..., H, W, C): leading axes are one axis to it."""

    @functools.wraps(function)
    def pool(x: jax.Array, *arguments: Any, **options: Any) -> jax.Array:
        ndim = getattr(x, "ndim", None)
        if ndim is None:
            raise PoolscopeError(f"x must be feature maps of shape (..., H, W, C), not a {type(x).__name__}.")
        if ndim == 4 or ndim < 3:
            return function(x, *arguments, **options)
        leading = x.shape[:-3]
        y = function(x.reshape(math.prod(leading), *x.shape[-3:]), *arguments, **options)
        return y.reshape(*leading, *y.shape[1:])

    return pool  # type: ignore[return-value]
