"""What layers learn: the initial parameter of each learned keyword, and the value that a parameter stands for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from poolscope.spec.declaration import Learned, Operator, evaluate, name_sizes
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import Window
from poolscope.spec.plugins import import_plugin

_FIXED = ("option", "zeros", "ones")


def draws(rule: Learned) -> bool:
    """Whether the initial parameter is drawn at random."""
    return rule.initial not in _FIXED


def initial_parameter(
    operator: Operator, name: str, window: Window, channels: int, options: Mapping[str, Any], key: Array | None
) -> Array:
    """The parameter of a learned keyword at the start; key is needed where it is drawn.

    Raises PoolscopeError where an option leaves no room for it.
    """
    rule = operator.learned[name]
    shape = rule.sizes(window, channels, options)
    if rule.initial == "option":
        if rule.above is None:
            return jnp.float32(options[name])
        if options[name] <= rule.above:
            raise PoolscopeError(f"pool.{name} must be above {rule.above:g} to be learned, not {options[name]:g}.")
        return _softplus_inverse(jnp.float32(options[name] - rule.above))
    if rule.initial == "zeros":
        return jnp.zeros(shape)
    if rule.initial == "ones":
        return jnp.ones(shape)
    assert key is not None
    if rule.initial == "he_normal":
        return nnx.initializers.he_normal()(key, shape, jnp.float32)
    if rule.initial == "uniform":
        bound = evaluate(rule.bound, name_sizes(window, channels, options))
        return jax.random.uniform(key, shape, minval=-bound, maxval=bound)
    return getattr(import_plugin(operator.module), rule.initial)(window, channels, options, key)


def learned_value(operator: Operator, name: str, parameter: Array) -> Array:
    """The keyword's value that a parameter stands for."""
    rule = operator.learned[name]
    if rule.above is not None:
        return rule.above + jax.nn.softplus(parameter)
    return parameter if rule.value is None else getattr(import_plugin(operator.module), rule.value)(parameter)


def _softplus_inverse(value: Array) -> Array:
    return value + jnp.log(-jnp.expm1(-value))
