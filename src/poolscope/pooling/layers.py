"""Pooling layers: for each operator a Flax NNX module that holds its window, its options and what it learns.

`layer_class("lip")` is `pooling.LipPool`; its signature and docstring follow from the operator's declaration.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import jax
from flax import nnx
from jax import Array

from poolscope.pooling.blur import anti_aliased
from poolscope.pooling.lookup import find_pool, name_layer
from poolscope.pooling.parameters import draws, initial_parameter, learned_value
from poolscope.spec.declaration import Operator
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import make_window
from poolscope.spec.operators import OPERATORS

if TYPE_CHECKING:
    from poolscope.spec.pool import PoolConfig

Rngs = nnx.Rngs | nnx.RngStream | Array


class Pool(nnx.Module):
    """A pooling layer: an operator, its window, its fixed options and an nnx.Param for each option that it learns.

    The base of all layers; use one of them, or `make_layer` for an operator by name.
    """

    operator: ClassVar[Operator]
    signature: ClassVar[inspect.Signature]
    deterministic: bool | None

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        given = self.signature.bind(*arguments, **keywords)
        given.apply_defaults()
        options = dict(given.arguments)
        operator = self.operator
        channels, rngs = options.pop("channels", 0), options.pop("rngs", None)
        size, stride, padding = (options.pop(name) for name in ("window", "stride", "padding"))
        dilation, ceil_mode = options.pop("dilation", None) or 1, options.pop("ceil_mode")
        window = make_window(size, stride, padding, dilation, ceil_mode=ceil_mode)
        if operator.stride is not None and set(window.stride) != {operator.stride}:
            raise PoolscopeError(
                f"{operator.name} is defined for a stride of {operator.stride} only, not {list(window.stride)}."
            )
        _check_options(operator, options)
        self.name = operator.name
        self.window = window
        self.learned = self._add_parameters(channels, options, rngs)
        if operator.stochastic:
            self.deterministic = options.pop("deterministic")
            self.rng_collection = options.pop("rng_collection")
            self.rngs = nnx.data(_fork(rngs, self.rng_collection))
        takes = {*operator.keywords, "filter_size"} - {*self.learned}
        self.options = tuple((name, value) for name, value in options.items() if name in takes and value is not None)

    def _add_parameters(self, channels: int, options: Mapping[str, Any], rngs: Rngs | None) -> tuple[str, ...]:
        learns = self.operator.learns(options)
        for number, name in enumerate(self.operator.learned if learns else ()):
            key = _draw_key(rngs, number)  # also for a parameter that there isn't, so that the others stay the same
            if name not in learns:
                continue
            if key is None and draws(learns[name]):
                raise PoolscopeError(
                    f"{type(self).__name__} starts from random numbers and needs rngs=, such as nnx.Rngs(0)."
                )
            setattr(self, name, nnx.Param(initial_parameter(self.operator, name, self.window, channels, options, key)))
        return tuple(learns)

    def values(self) -> dict[str, Any]:
        """The operator's options as they are now, the learned ones included."""
        learned = {name: learned_value(self.operator, name, getattr(self, name)[...]) for name in self.learned}
        return {**dict(self.options), **learned}

    def __call__(self, x: Array, *, deterministic: bool | None = None, rngs: Rngs | None = None) -> Array:
        """The pooled maps of x, (..., H, W, C).

        Args:
            x: feature maps, floating.
            deterministic: of an operator that draws at random, its evaluation form instead; by default what
                `model.train()` and `model.eval()` set, as for nnx.Dropout.
            rngs: an nnx.Rngs, a stream or a key to draw from; by default the layer's own.

        Raises:
            PoolscopeError: where x doesn't fit the window, and where there is nothing to draw from.
        """
        options = self.values()
        function = find_pool(self.name)
        if "filter_size" in options and "filter_size" not in self.operator.keywords:
            function = anti_aliased(function)
        if self.operator.stochastic:
            evaluated = self.deterministic if deterministic is None else deterministic
            options |= {"deterministic": bool(evaluated), "key": None if evaluated else self._draw(rngs)}
        return function(x, self.window, **options)

    def _draw(self, rngs: Rngs | None) -> Array:
        source = self.rngs if rngs is None else rngs
        if source is None:
            raise PoolscopeError(
                f"{type(self).__name__} draws at random in training and needs rngs=, given to the layer or to the "
                "call; or evaluate with model.eval() or deterministic=True."
            )
        if isinstance(source, nnx.Rngs):
            return source[self.rng_collection]()
        return source() if isinstance(source, nnx.RngStream) else source

    def set_view(self, deterministic: bool | None = None) -> None:
        """What `nnx.view` sets.

        deterministic: evaluate operators that draw at random.
        """
        if deterministic is not None and self.operator.stochastic:
            self.deterministic = deterministic


def make_layer(
    name: str,
    window: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: Any = "VALID",
    *,
    channels: int | None = None,
    rngs: nnx.Rngs | None = None,
    **options: Any,
) -> Pool:
    """The layer of an operator by name, such as "max_blur".

    channels: of the maps, needed where the operator learns numbers for each of them. options: as of the layer's class.
    Raises PoolscopeError for an unknown operator, an option that it doesn't take, and missing channels.

    Example:
        >>> make_layer("lp", 2, p=3.0)(jax.numpy.ones((1, 4, 4, 3))).shape
        (1, 2, 2, 3)
    """
    find_pool(name)
    layer = layer_class(name)
    takes = layer.signature.parameters
    for option, value in options.items():
        if option not in takes or option in ("channels", "rngs"):
            raise PoolscopeError(f"{name} takes {', '.join(takes)}; got {option}={value!r}.")
    leading = []
    if "channels" in takes:
        if channels is None:
            raise PoolscopeError(f"{name} learns numbers for each channel and needs channels=.")
        leading.append(channels)
    return layer(*leading, window, stride, padding, **options, **({"rngs": rngs} if "rngs" in takes else {}))


def make_pool(
    config: PoolConfig,
    channels: int,
    *,
    rngs: nnx.Rngs | Array,
    stride: Sequence[int] | None = None,
    dilation: int | Sequence[int] | None = None,
) -> Pool:
    """The layer for a configuration of a run and a number of channels, its parameters drawn from rngs (or a key).

    stride and dilation replace the configured ones: stride (1, 1) with the product of the strides so far as dilation is
    the operator's a-trous form, whose output at every s-th position is the strided output. The layer has no random
    numbers of its own: each call gives them. Raises PoolscopeError for an unknown operator, window or option value, and
    for a dilation where there is no a-trous form.
    """
    if isinstance(config, str):
        raise PoolscopeError(f"make_pool takes a PoolConfig; write make_layer({config!r}, 2) for an operator by name.")
    from poolscope.spec.pool import all_options

    find_pool(config.name)
    layer = layer_class(config.name)
    takes = layer.signature.parameters
    window = make_window(
        config.window,
        config.stride if stride is None else stride,
        config.padding,
        (config.dilation or 1) if dilation is None else dilation,
        prefix="pool.",
    )
    if max(window.dilation) > 1 and "dilation" not in takes:
        raise PoolscopeError(
            f"pool {config.name!r} sees the whole map and has no a-trous form; it takes no dilation and no model.dense."
        )
    values = all_options(config) | {
        "channels": channels,
        "window": window.size,
        "stride": window.stride,
        "padding": window.padding,
        "dilation": window.dilation,
        "rngs": rngs,
    }
    pool = layer(**{name: value for name, value in values.items() if name in takes})
    if layer.operator.stochastic:
        pool.rngs = nnx.data(None)
    return pool


@functools.cache
def layer_class(name: str) -> type[Pool]:
    """The class of an operator's layers, such as MaxPool of "max"."""
    operator = OPERATORS[name]
    signature = _layer_signature(operator)
    contents = {
        "operator": operator,
        "__doc__": _describe_layer(operator, signature),
        "signature": signature,
        "__signature__": signature,
    }
    contents |= {"__module__": "poolscope.pooling"}
    return type(name_layer(name), (Pool,), contents)


def _layer_signature(operator: Operator) -> inspect.Signature:
    names: dict[str, Any] = {}
    if any("C" in map(str, rule.shape) for rule in operator.learned.values()):
        names["channels"] = inspect.Parameter.empty
    names |= {"window": inspect.Parameter.empty, "stride": None, "padding": "VALID"}
    positional = len(names)
    names |= operator.defaults | ({"dilation": 1} if "dilation" in operator.options else {})
    names["ceil_mode"] = False
    if operator.stochastic:
        names |= {"deterministic": False, "rng_collection": "dropout"}
    if operator.stochastic or operator.learned:
        names["rngs"] = None
    either, keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    return inspect.Signature(
        [
            inspect.Parameter(name, either if number < positional else keyword, default=default)
            for number, (name, default) in enumerate(names.items())
        ]
    )


def _describe_layer(operator: Operator, signature: inspect.Signature) -> str:
    parts = {
        "channels": "channels of the maps",
        "window": "cells that a window spans, as a number or (height, width)",
        "stride": "step from window to window; None: the window",
        "padding": '"VALID", "SAME", a number or ((top, bottom), (left, right))',
        **{name: option.help for name, option in operator.options.items()},
        "ceil_mode": "cells that the stride leaves over get a window of their own, as in PyTorch",
        "deterministic": "the evaluation form; `model.train()` and `model.eval()` set it",
        "rng_collection": "the stream of rngs that it draws from",
        "rngs": "an nnx.Rngs, for " + " and ".join(
            ["initial values"] * bool(operator.learned) + ["the draws of training"] * operator.stochastic
        ),
    }  # fmt: skip
    given = ["3" if name == "channels" else "2" for name in signature.parameters if name in ("channels", "window")]
    given += ["rngs=nnx.Rngs(0)"] * ("rngs" in signature.parameters)
    size = 3 * operator.count_channels(make_window(2), 1)
    lines = [
        f"{operator.summary[0].upper()}{operator.summary[1:]}: {operator.formula} ({operator.source}).",
        "",
        "Args:",
        *(f"    {name}: {parts[name]}." for name in signature.parameters),
        "",
        "Example:",
        f"    >>> layer = {name_layer(operator.name)}({', '.join(given)})",
        "    >>> layer(jnp.ones((8, 32, 32, 3))).shape",
        f"    (8, 16, 16, {size})",
    ]
    return "\n".join(lines)


def _check_options(operator: Operator, given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        option = operator.options.get(name)
        plain = isinstance(value, bool | int | float | str)
        if option is not None and plain and not option.fits(value):
            raise PoolscopeError(f"{operator.name} {name} must be {option.describe()}, not {value!r}.")


def _draw_key(rngs: Rngs | None, number: int) -> Array | None:
    if rngs is None:
        return None
    if isinstance(rngs, nnx.Rngs):
        return rngs.params()
    return rngs() if isinstance(rngs, nnx.RngStream) else jax.random.fold_in(rngs, number)


def _fork(rngs: Rngs | None, collection: str) -> Any:
    if isinstance(rngs, nnx.Rngs):
        return rngs[collection].fork()
    return rngs.fork() if isinstance(rngs, nnx.RngStream) else rngs
