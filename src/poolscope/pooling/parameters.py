"""What layers learn: for each operator's learned options, the initial parameter and what it stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import Window

Initial = Callable[[Window, int, Mapping[str, Any], jax.Array], jax.Array | None]


@dataclass(frozen=True)
class Learned:
    """How a layer learns one option of its operator.

    initial: (window, channels, options, key) -> the parameter, or None where these options learn none.
    value: the option's value from the parameter, which may take any real number.
    """

    initial: Initial
    value: Callable[[jax.Array], jax.Array] = lambda parameter: parameter


def _above(name: str, floor: float) -> Learned:
    """A number that stays above a floor: floor + softplus(parameter)."""

    def initial(window: Window, channels: int, options: Mapping[str, Any], key: jax.Array) -> jax.Array:
        if options[name] <= floor:
            raise PoolscopeError(f"pool.{name} must be above {floor:g} to be learned, not {options[name]:g}.")
        return _softplus_inverse(jnp.float32(options[name] - floor))

    return Learned(initial, lambda parameter: floor + jax.nn.softplus(parameter))


def _softplus_inverse(value: jax.Array) -> jax.Array:
    return value + jnp.log(-jnp.expm1(-value))


def _scalar(name: str) -> Learned:
    return Learned(lambda window, channels, options, key: jnp.float32(options[name]))


def _zeros(*shape: str) -> Learned:
    return Learned(lambda window, channels, options, key: jnp.zeros(_shape(shape, window, channels, options)))


def _ones(*shape: str) -> Learned:
    return Learned(lambda window, channels, options, key: jnp.ones(_shape(shape, window, channels, options)))


def _he_normal(*shape: str) -> Learned:
    """He-normal filters (He et al. 2015); axes before the last four are separate filters."""

    def initial(window: Window, channels: int, options: Mapping[str, Any], key: jax.Array) -> jax.Array:
        return nnx.initializers.he_normal()(key, _shape(shape, window, channels, options), jnp.float32)

    return Learned(initial)


def _uniform(*shape: str, bound: Callable[[int], float], when: str | None = None) -> Learned:
    def initial(window: Window, channels: int, options: Mapping[str, Any], key: jax.Array) -> jax.Array | None:
        if when is not None and not options[when]:
            return None
        limit = bound(channels)
        return jax.random.uniform(key, _shape(shape, window, channels, options), minval=-limit, maxval=limit)

    return Learned(initial)


def _shape(shape: tuple[str, ...], window: Window, channels: int, options: Mapping[str, Any]) -> tuple[int, ...]:
    """Sizes by name: h, w and K of the window, C channels, an option, or digits."""
    sizes = {"h": window.size[0], "w": window.size[1], "K": window.cells, "C": channels}
    return tuple(int(size) if size.isdigit() else sizes.get(size) or options[size] for size in shape)


def _near_mean(window: Window, channels: int, options: Mapping[str, Any], key: jax.Array) -> jax.Array:
    """Filters close to the mean, apart enough to learn different things."""
    noise = jax.random.normal(key, (2 ** options["depth"], *window.size))
    return (1 + 0.1 * noise) / window.cells


def _gates(window: Window, channels: int, options: Mapping[str, Any], key: jax.Array) -> jax.Array:
    return jnp.zeros((2 ** options["depth"] - 1, *window.size))


def _random_simplex(window: Window, channels: int, options: Mapping[str, Any], key: jax.Array) -> jax.Array:
    """Uniform numbers, which the softmax of their logarithm normalises."""
    return jnp.log(jax.random.uniform(key, (window.cells, channels), minval=1e-3))


def _strides(window: Window, channels: int, options: Mapping[str, Any], key: jax.Array) -> jax.Array:
    """A little above the geometry's: at it the whole crop passes the mask, and nothing tells the stride to move."""
    return _softplus_inverse(1 + 1.25 * (jnp.asarray(window.stride, jnp.float32) - 1))


LEARNED: dict[str, dict[str, Learned]] = {
    "gem": {"p": _above("p", 1.0)},
    "lse": {"beta": _above("beta", 0.0)},
    "mixed": {"alpha": _scalar("alpha")},
    "gated": {"kernel": _zeros("h", "w")},
    "strided_conv": {"kernel": _he_normal("h", "w", "C", "C"), "bias": _zeros("C")},
    "ordinal": {"weights": Learned(_random_simplex, lambda parameter: jax.nn.softmax(parameter, axis=0))},
    "tree": {"leaves": Learned(_near_mean), "gates": Learned(_gates)},
    "dpp": {
        "sharpness": _uniform("C", bound=lambda channels: channels**-0.5),
        "offset": _uniform("C", bound=lambda channels: channels**-0.5),
        "kernel": _uniform("3", "3", "C", bound=lambda channels: 1 / 3, when="full"),
        "bias": _uniform("C", bound=lambda channels: 1 / 3, when="full"),
    },
    "ada": {"alpha": _scalar("alpha")},
    "lip": {"kernel": _zeros("3", "3", "C", "C"), "scale": _ones("C"), "bias": _zeros("C")},
    "diffstride": {"strides": Learned(_strides, jax.nn.softplus)},
    "lps": {
        "kernel1": _he_normal("3", "3", "C", "hidden"),
        "bias1": _zeros("hidden"),
        "kernel2": _he_normal("3", "3", "hidden", "hidden"),
        "bias2": _zeros("hidden"),
    },
    "lift": {
        "depthwise": _uniform("2", "2", "3", "C", bound=lambda channels: 3**-0.5),
        "depthwise_bias": _zeros("2", "2", "C"),
        "pointwise": _uniform("2", "2", "C", "C", bound=lambda channels: channels**-0.5),
        "pointwise_bias": _zeros("2", "2", "C"),
    },
}
