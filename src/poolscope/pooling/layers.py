"""Pooling layers: a configured operator with the numbers it learns, as a Flax NNX module."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax

from poolscope.catalogue import OPERATORS
from poolscope.config import PoolConfig, pool_options
from poolscope.errors import PoolscopeError
from poolscope.geometry import Window, make_window
from poolscope.pooling.table import find_pool


@dataclass(frozen=True)
class Learned:
    """How a layer learns one option of its operator.

    initial: (window, channels, start, key) -> the parameter, where start is the configured option or None.
    value: the option's value from the parameter, which may take any real number.
    """

    initial: Callable[[Window, int, Any, jax.Array], jax.Array]
    value: Callable[[jax.Array], jax.Array] = lambda parameter: parameter


def _above(name: str, floor: float) -> Learned:
    """A number that stays above a floor: floor + softplus(parameter)."""

    def initial(window: Window, channels: int, start: float, key: jax.Array) -> jax.Array:
        if start <= floor:
            raise PoolscopeError(f"pool.{name} must be above {floor:g} to be learned, not {start:g}.")
        return jnp.log(jnp.expm1(jnp.float32(start - floor)))

    return Learned(initial, lambda parameter: floor + jax.nn.softplus(parameter))


def _scalar(window: Window, channels: int, start: float, key: jax.Array) -> jax.Array:
    return jnp.float32(start)


def _zero_kernel(window: Window, channels: int, start: None, key: jax.Array) -> jax.Array:
    return jnp.zeros(window.size, jnp.float32)


def _he_kernel(window: Window, channels: int, start: None, key: jax.Array) -> jax.Array:
    return nnx.initializers.he_normal()(key, (*window.size, channels, channels), jnp.float32)


def _zero_bias(window: Window, channels: int, start: None, key: jax.Array) -> jax.Array:
    return jnp.zeros(channels, jnp.float32)


LEARNED: dict[str, dict[str, Learned]] = {
    "gem": {"p": _above("p", 1.0)},
    "lse": {"beta": _above("beta", 0.0)},
    "mixed": {"alpha": Learned(_scalar)},
    "gated": {"kernel": Learned(_zero_kernel)},
    "strided_conv": {"kernel": Learned(_he_kernel), "bias": Learned(_zero_bias)},
}


class Pool(nnx.Module):
    """One pooling layer: an operator, its window, its fixed options and an nnx.Param for each option that it learns."""

    def __init__(
        self, name: str, window: Window, channels: int, options: dict[str, Any], rngs: nnx.Rngs | jax.Array
    ) -> None:
        self.name = name
        self.window = window
        learns = options.pop("learn", True)
        self.learned = tuple(LEARNED.get(name, {})) if learns else ()
        for option in self.learned:
            key = rngs.params() if isinstance(rngs, nnx.Rngs) else jax.random.fold_in(rngs, self.learned.index(option))
            start = options.pop(option, None)
            setattr(self, option, nnx.Param(LEARNED[name][option].initial(window, channels, start, key)))
        self.options = tuple(options.items())

    def values(self) -> dict[str, Any]:
        """The operator's options as they are now, the learned ones included."""
        learned = {option: LEARNED[self.name][option].value(getattr(self, option)[...]) for option in self.learned}
        return {**dict(self.options), **learned}

    def __call__(self, x: jax.Array, *, key: jax.Array | None = None, deterministic: bool = True) -> jax.Array:
        """The pooled maps of x, (N, H, W, C); key and deterministic concern the stochastic operators."""
        drawing = {"key": key, "deterministic": deterministic} if OPERATORS[self.name].stochastic else {}
        return find_pool(self.name)(x, self.window, **self.values(), **drawing)


def make_pool(
    config: PoolConfig,
    channels: int,
    *,
    rngs: nnx.Rngs | jax.Array,
    stride: Sequence[int] | None = None,
    dilation: int | Sequence[int] = 1,
    conv_general_dilated: Callable[..., jax.Array] = lax.conv_general_dilated,
) -> Pool:
    """The layer for a configuration and a number of channels, its parameters drawn from rngs (or a key).

    stride and dilation replace the configured ones: stride (1, 1) with the dilation reached so far is the operator's
    a-trous form, whose output at every s-th position is the strided output. conv_general_dilated is what strided_conv
    convolves with. Raises PoolscopeError for an unknown operator, window or option value.
    """
    operator = find_pool(config.name)
    window = make_window(
        config.window, config.stride if stride is None else stride, config.padding, dilation, prefix="pool."
    )
    options = {**OPERATORS[config.name].options, **pool_options(config)}
    if "conv_general_dilated" in inspect.signature(operator).parameters:
        options["conv_general_dilated"] = conv_general_dilated
    return Pool(config.name, window, channels, options, rngs)
