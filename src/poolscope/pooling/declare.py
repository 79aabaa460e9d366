"""The decorators that declare a pooling operator and a head."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ParamSpec, Protocol, TypeVar, overload

from jax import Array

from poolscope.spec.declaration import Operator
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import Window, make_window
from poolscope.spec.heads import Head

F = TypeVar("F", bound=Callable[..., Array])
P = ParamSpec("P")
_GEOMETRY = ("window", "stride", "padding", "dilation")


class PoolFunction(Protocol[P]):
    """A pooling function as it was written, with `ceil_mode` besides."""

    __name__: str
    declaration: Operator

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Array: ...
    @overload
    def __call__(self, *args: Any, ceil_mode: bool, **kwargs: Any) -> Array: ...


def operator(name: str, **declared: Any) -> Callable[[Callable[P, Array]], PoolFunction[P]]:
    """Declare a pooling operator at its function; the arguments are the fields of `spec.declaration.Operator`.

    They must be literals, since the catalogue reads them from the source text. What is declared is the function's
    attribute `declaration`. The function then takes maps with any number of leading axes, (..., H, W, C), none too.
    Without a function below it, the call declares an operator that puts no layer into a network.
    """
    declaration = Operator(name, **declared)

    def declare(function: Callable[P, Array]) -> PoolFunction[P]:
        wrapped = take_leading_axes(function)
        wrapped.declaration = declaration
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


def take_leading_axes(function: Callable[P, Array]) -> PoolFunction[P]:
    """The function of maps (N, H, W, C) for (..., H, W, C): leading axes are one axis to it.

    A function of a window also takes `ceil_mode`.
    """
    signature = inspect.signature(function)
    takes_window = "window" in signature.parameters
    call: Callable[..., Array] = function

    @functools.wraps(function)
    def pool(x: Array, *arguments: Any, **options: Any) -> Array:
        ndim = getattr(x, "ndim", None)
        if ndim is None:
            raise PoolscopeError(f"x must be feature maps of shape (..., H, W, C), not a {type(x).__name__}.")
        if takes_window and options.pop("ceil_mode", False):
            given = signature.bind(x, *arguments, **options).arguments
            arguments = (_round_up(*(given.get(name) for name in _GEOMETRY)),)
            options = {name: value for name, value in options.items() if name not in _GEOMETRY}
        if ndim == 4 or ndim < 3:
            return call(x, *arguments, **options)
        leading = x.shape[:-3]
        y = call(x.reshape(math.prod(leading), *x.shape[-3:]), *arguments, **options)
        return y.reshape(*leading, *y.shape[1:])

    if takes_window:
        pool.__signature__ = _add_ceil_mode(signature)  # type: ignore[attr-defined]
    return pool  # type: ignore[return-value]


def _round_up(window: Any, stride: Any, padding: Any, dilation: Any) -> Window:
    """The window with ceil_mode, of arguments as they were given; None where they were not."""
    if isinstance(window, Window):
        return replace(window, ceil_mode=True)
    return make_window(window, stride, padding or "VALID", dilation or 1, ceil_mode=True)


def _add_ceil_mode(signature: inspect.Signature) -> inspect.Signature:
    names = [*signature.parameters.values()]
    extra = inspect.Parameter("ceil_mode", inspect.Parameter.KEYWORD_ONLY, default=False, annotation="bool")
    place = next((n for n, entry in enumerate(names) if entry.kind is entry.KEYWORD_ONLY), len(names))
    place += names[place : place + 1] != [] and names[place].name == "dilation"
    return signature.replace(parameters=[*names[:place], extra, *names[place:]])
