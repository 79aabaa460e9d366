"""Initial values of layers, each kind drawn by a program of its own that all networks share.

A network could be drawn by one program, but then every arm of a sweep would compile its own. These run once a layer, so
that compiling costs more than running; unoptimised, XLA on CPU compiles them twice as fast.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import numpy as np
from flax import nnx
from jax import Array


def _options() -> dict[str, Any] | None:
    """Compiler options for a program that runs once; None where they are not XLA:CPU's."""
    return {"xla_backend_optimization_level": 0} if jax.default_backend() == "cpu" else None


def he_normal(key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
    """Draw the kernel of a convolution: normal, truncated at two standard deviations, of variance 2 / fan-in.

    He et al., 2015, https://arxiv.org/abs/1502.01852.
    """
    return _draw(2.0, key, shape, dtype)


def lecun_normal(key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
    """Draw the kernel of a linear layer, as `he_normal` but of variance 1 / fan-in."""
    return _draw(1.0, key, shape, dtype)


def zeros(key: Array, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Make the biases of a layer, in NumPy, which compiles nothing."""
    return np.zeros(shape, dtype)


class Drawing:
    """Draws a module of one kind for any key; its values, if there are some, by one program that all keys share."""

    def __init__(self, build: Callable[[Array], nnx.Module]) -> None:
        self._build = build
        self._prepared: tuple[nnx.GraphDef[nnx.Module], Callable[[Array], nnx.State] | None] | None = None

    def __call__(self, key: Array) -> nnx.Module:
        """Build the module from a key."""
        if isinstance(key, jax.core.Tracer):
            return self._build(key)
        if self._prepared is None:
            graph, values = nnx.split(nnx.eval_shape(self._build, key))
            draw = jax.jit(lambda key: nnx.split(self._build(key))[1], compiler_options=_options())
            self._prepared = graph, draw if jax.tree.leaves(values) else None
        graph, program = self._prepared
        return self._build(key) if program is None else nnx.merge(graph, program(key))


def _draw(scale: float, key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
    program = _truncated_normal(scale)
    if not isinstance(key, jax.core.Tracer):  # a program within another one can't have options
        program = _compiled(scale)
    return program(key, tuple(shape), np.dtype(dtype))


def _truncated_normal(scale: float) -> Callable[..., Array]:
    return nnx.initializers.variance_scaling(scale, "fan_in", "truncated_normal")


@cache
def _compiled(scale: float) -> Callable[..., Array]:
    return jax.jit(_truncated_normal(scale), static_argnums=(1, 2), compiler_options=_options())
