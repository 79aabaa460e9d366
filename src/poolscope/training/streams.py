"""The streams of randomness of a seed: one key each, and the order of the examples of an epoch."""

from __future__ import annotations

from functools import partial

import jax
from jax import Array

STREAMS = ("init", "order", "augment", "forward")  # their places are part of what a seed means


def stream_key(seed: int, stream: str) -> Array:
    """The key of one of the seed's streams."""
    return jax.random.fold_in(jax.random.key(seed), STREAMS.index(stream))


@partial(jax.jit, static_argnames="size")
def epoch_order(key: Array, epoch: int, size: int) -> Array:
    """A permutation of `size` examples for an epoch, (size,) int32, drawn from the key of the stream "order"."""
    return jax.random.permutation(jax.random.fold_in(key, epoch), size)
