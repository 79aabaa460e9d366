"""Keep XLA on CPU from fusing a part of a program with what reads its result.

XLA on CPU fuses an elementwise computation into every reader, so that each reads its inputs again and computes it anew,
once for every slice that it takes; `jax.lax.optimization_barrier` does not keep it from that. A branch whose condition
is known only when the program runs does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
from jax import Array, lax

T = TypeVar("T")


def compute_apart(function: Callable[[Array], T], x: Array) -> T:
    """Return function(x), computed once and kept in memory rather than fused into each of its readers.

    Args:
        x: floating, any shape.
    """
    if not x.size:
        return function(x)

    def zeros(x: Array) -> T:
        return jax.tree.map(lambda part: jnp.zeros(part.shape, part.dtype), jax.eval_shape(function, x))

    never = x.reshape(-1)[0] > jnp.asarray(jnp.inf, x.dtype)
    return lax.cond(never, zeros, function, x)
