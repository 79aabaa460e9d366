"""Heads as Flax NNX modules: a head's function and an nnx.Param for each of its parameters."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from poolscope.spec.declaration import evaluate
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.heads import HEADS, Shape
from poolscope.spec.plugins import import_plugin


class HeadPool(nnx.Module):
    """A head by name for maps of one shape: (N, H, W, C) -> (N, features).

    Example:
        >>> pool = HeadPool("simpool", (8, 8, 32), rngs=nnx.Rngs(0))
        >>> pool(jnp.ones((2, 8, 8, 32))).shape
        (2, 32)
    """

    def __init__(self, name: str, shape: Shape, *, rngs: nnx.Rngs) -> None:
        """Draw the head's parameters.

        Args:
            name: as in `poolscope list heads`.
            shape: height, width and channels of the maps.
            rngs: initial values are drawn from its stream params.

        Raises:
            PoolscopeError: for a name that has no function of its own, such as flatten and grid.
        """
        functions = [known for known, head in HEADS.items() if head.function]
        if name not in functions:
            raise PoolscopeError(f"The head must be one of {', '.join(functions)}, not {name!r}.")
        self.name = name
        for parameter, rule in HEADS[name].learned.items():
            size = HEADS[name].sizes(parameter, shape)
            if rule.initial == "uniform":
                bound = evaluate(rule.bound, HEADS[name].names(shape))
                value = jax.random.uniform(rngs.params(), size, minval=-bound, maxval=bound)
            else:
                value = jnp.ones(size) if rule.initial == "ones" else jnp.zeros(size)
            setattr(self, parameter, nnx.Param(value))

    def __call__(self, x: Array) -> Array:
        """The vectors of the maps x."""
        head = HEADS[self.name]
        parameters = {parameter: getattr(self, parameter)[...] for parameter in head.learned}
        return getattr(import_plugin(head.module), head.function)(x, **parameters)
