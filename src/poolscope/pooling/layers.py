"""Pooling layers: a configured operator with the numbers it learns, as a Flax NNX module."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
from flax import nnx
from jax import lax

from poolscope.pooling.blur import anti_aliased
from poolscope.pooling.parameters import LEARNED
from poolscope.pooling.table import find_pool
from poolscope.spec.config import PoolConfig, pool_options
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import Window, make_window
from poolscope.spec.operators import OPERATORS


class Pool(nnx.Module):
    """One pooling layer: an operator, its window, its fixed options and an nnx.Param for each option that it learns."""

    def __init__(
        self, name: str, window: Window, channels: int, options: Mapping[str, Any], rngs: nnx.Rngs | jax.Array
    ) -> None:
        self.name = name
        self.window = window
        learned = []
        for number, (option, rule) in enumerate(LEARNED.get(name, {}).items() if options.get("learn", True) else ()):
            key = rngs.params() if isinstance(rngs, nnx.Rngs) else jax.random.fold_in(rngs, number)
            initial = rule.initial(window, channels, options, key)
            if initial is not None:
                setattr(self, option, nnx.Param(initial))
                learned.append(option)
        self.learned = tuple(learned)
        takes = {*inspect.signature(find_pool(name)).parameters, "filter_size"} - {*learned, "dilation"}
        self.options = tuple((k, v) for k, v in options.items() if k in takes and v is not None)

    def values(self) -> dict[str, Any]:
        """The operator's options as they are now, the learned ones included."""
        learned = {option: LEARNED[self.name][option].value(getattr(self, option)[...]) for option in self.learned}
        return {**dict(self.options), **learned}

    def __call__(self, x: jax.Array, *, key: jax.Array | None = None, deterministic: bool = True) -> jax.Array:
        """The pooled maps of x, (N, H, W, C); key and deterministic concern the stochastic operators."""
        operator, options = find_pool(self.name), self.values()
        if "filter_size" in options and "filter_size" not in inspect.signature(operator).parameters:
            operator = anti_aliased(operator)
        if OPERATORS[self.name].stochastic:
            options |= {"key": key, "deterministic": deterministic}
        return operator(x, self.window, **options)


def make_pool(
    config: PoolConfig,
    channels: int,
    *,
    rngs: nnx.Rngs | jax.Array,
    stride: Sequence[int] | None = None,
    dilation: int | Sequence[int] | None = None,
    conv_general_dilated: Callable[..., jax.Array] = lax.conv_general_dilated,
) -> Pool:
    """The layer for a configuration and a number of channels, its parameters drawn from rngs (or a key).

    stride and dilation replace the configured ones: stride (1, 1) with the dilation reached so far is the operator's
    a-trous form, whose output at every s-th position is the strided output. conv_general_dilated is what operators with
    convolutions convolve with. Raises PoolscopeError for an unknown operator, window or option value, and for a
    dilation where the operator has no a-trous form.
    """
    find_pool(config.name)
    window = make_window(
        config.window,
        config.stride if stride is None else stride,
        config.padding,
        (config.dilation or 1) if dilation is None else dilation,
        prefix="pool.",
    )
    if max(window.dilation) > 1 and OPERATORS[config.name].kind == "map":
        raise PoolscopeError(
            f"pool {config.name!r} sees the whole map and has no a-trous form; it takes no dilation and no model.dense."
        )
    options = {**OPERATORS[config.name].options, **pool_options(config), "conv_general_dilated": conv_general_dilated}
    return Pool(config.name, window, channels, options, rngs)
