"""The decorators that declare a pooling operator and a head."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast, get_type_hints, overload

from jax import Array

from poolscope.pooling.window_cells import Size, Stride, fit_window
from poolscope.spec.declaration import Operator
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import Window
from poolscope.spec.heads import Head

F = TypeVar("F", bound=Callable[..., Array])
P = ParamSpec("P")
_BY_NAME = ("dilation", "ceil_mode")  # what of a window is given by keyword only


class PoolFunction(Protocol[P]):
    """A pooling function on a window: the window as arguments or ready-made, and the operator's options."""

    __name__: str
    declaration: Operator

    def __call__(
        self,
        x: Array,
        window: Size,
        stride: Stride = None,
        padding: Any = "VALID",
        dilation: Any = 1,
        ceil_mode: bool = False,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Array: ...


class SizedFunction(Protocol[P]):
    """A pooling function as it was written, of an output size."""

    __name__: str
    declaration: Operator

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Array: ...


class _Declare(Protocol):
    @overload
    def __call__(self, function: Callable[Concatenate[Array, Window, P], Array]) -> PoolFunction[P]: ...
    @overload
    def __call__(self, function: Callable[P, Array]) -> SizedFunction[P]: ...


def operator(name: str, **declared: Any) -> _Declare:
    """Declare a pooling operator at its function; the arguments are the fields of `spec.declaration.Operator`.

    They must be literals, since the catalogue reads them from the source text. What is declared is the function's
    attribute `declaration`. The function is written for maps (N, H, W, C) and a checked `Window`, `(x, window, *,
    ...)`, and is called with maps of any number of leading axes, (..., H, W, C), none too, and with a window's size,
    stride, padding, dilation and ceil_mode. One whose second argument isn't `window`, such as an output size, gets it
    as it is. Without a function below it, the call declares an operator that puts no layer into a network.
    """
    declaration = Operator(name, **declared)

    def declare(function: Callable[..., Array]) -> Any:
        on_window = [*inspect.signature(function).parameters][1:2] == ["window"]
        wrapped: Any = take_window(function) if on_window else take_leading_axes(function)
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


def take_window(function: Callable[Concatenate[Array, Window, P], Array]) -> PoolFunction[P]:
    """The function of maps (N, H, W, C) and a checked Window, made to take (..., H, W, C) and a window as arguments."""

    @functools.wraps(function)
    def pool(x: Array, window: Size, stride: Stride = None, padding: Any = "VALID", **options: Any) -> Array:
        geometry = {name: options.pop(name) for name in _BY_NAME if name in options}

        def compute(maps: Array) -> Array:
            call: Callable[..., Array] = function
            return call(maps, fit_window(maps, window, stride, padding, **geometry), **options)

        return _compute_on_batch(compute, x)

    entries, own = _window_entries(), _own_entries(function)
    pool.__signature__ = inspect.Signature([*entries, *own], return_annotation="Array")  # type: ignore[attr-defined]
    given = {entry.name: entry.annotation for entry in own if entry.annotation is not entry.empty}
    pool.__annotations__ = get_type_hints(fit_window) | given | {"return": Array}
    return cast(PoolFunction[P], pool)


def _window_entries() -> list[inspect.Parameter]:
    shared = inspect.signature(fit_window).parameters
    return [entry.replace(kind=entry.KEYWORD_ONLY) if name in _BY_NAME else entry for name, entry in shared.items()]


def _own_entries(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """What a function takes beside its maps and its window: options, by keyword.

    It may have a stride, padding and dilation of its own, which keep their defaults, since it gets a ready Window.
    """
    shared = inspect.signature(fit_window).parameters
    _, window, *rest = inspect.signature(function).parameters.values()
    misplaced = [window] if window.kind is window.KEYWORD_ONLY else []
    for entry in rest:
        by_keyword = entry.kind in (entry.KEYWORD_ONLY, entry.VAR_KEYWORD)
        if (entry.default is entry.empty) if entry.name in shared else not by_keyword:
            misplaced.append(entry)
    if misplaced:
        name = getattr(function, "__name__", "an operator")
        raise PoolscopeError(
            f"{name} must be written as {name}(x, window, *, options), with options by keyword; its "
            f"{misplaced[0].name} is not."
        )
    return [entry for entry in rest if entry.name not in shared]


def take_leading_axes(function: Callable[P, Array]) -> SizedFunction[P]:
    """The function of maps (N, H, W, C) for (..., H, W, C): leading axes are one axis to it."""

    @functools.wraps(function)
    def pool(x: Array, *arguments: Any, **options: Any) -> Array:
        call: Callable[..., Array] = function
        return _compute_on_batch(lambda maps: call(maps, *arguments, **options), x)

    return cast(SizedFunction[P], pool)


def _compute_on_batch(compute: Callable[[Array], Array], x: Array) -> Array:
    ndim = getattr(x, "ndim", None)
    if ndim is None:
        raise PoolscopeError(f"x must be feature maps of shape (..., H, W, C), not a {type(x).__name__}.")
    if ndim == 4 or ndim < 3:
        return compute(x)
    y = compute(x.reshape(math.prod(x.shape[:-3]), *x.shape[-3:]))
    return y.reshape(*x.shape[:-3], *y.shape[1:])
