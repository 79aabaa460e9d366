"""Streams of randomness: keys of their own, and orders of epochs that are permutations."""

from __future__ import annotations

import jax
import numpy as np

from poolscope.training.streams import STREAMS, epoch_order, stream_key


def test_streams_are_different_keys() -> None:
    keys = {tuple(jax.random.key_data(stream_key(seed, name)).tolist()) for seed in range(3) for name in STREAMS}
    assert len(keys) == 3 * len(STREAMS)
    assert STREAMS == ("init", "order", "augment", "forward")  # their numbers are part of every record's meaning


def test_an_order_is_the_permutation_of_the_seed_s_key_and_the_epoch() -> None:
    orders = [np.asarray(epoch_order(stream_key(seed, "order"), epoch, 50)) for seed in (0, 1) for epoch in (0, 1)]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len({tuple(order) for order in orders}) == 4
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(1), 1), 1)
    np.testing.assert_array_equal(orders[3], jax.random.permutation(key, 50))
