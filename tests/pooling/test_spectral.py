"""Frequencies kept and dropped."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hand_maps import assert_refused, close, maps, normal

from poolscope.pooling import diffstride_pool, spectral_pool


def test_spectral_keeps_low_frequencies_and_drops_high_ones() -> None:
    place = np.arange(16)
    low, high = np.cos(2 * np.pi * 2 * place / 16), np.cos(2 * np.pi * 6 * place / 16)
    x = maps((np.outer(np.ones(16), 3 + low + high)).tolist())
    expected = np.outer(np.ones(8), 3 + np.cos(2 * np.pi * 2 * np.arange(8) / 8))
    close(spectral_pool(x, 8)[0, :, :, 0], jnp.asarray(expected))
    y = normal(2, 7, 6, 3)
    close(spectral_pool(y, (7, 6)), y)
    odd = y[:, :, :5]
    close(spectral_pool(spectral_pool(odd, (14, 9)), (7, 5)), odd)  # padding the spectrum loses nothing
    close(spectral_pool(y, 1), y.mean((1, 2), keepdims=True))


def test_diffstride_between_spectral_pooling_and_the_mean() -> None:
    x = normal(2, 8, 8, 3)
    close(diffstride_pool(x, 2, strides=jnp.ones(2)), spectral_pool(x, 4))
    coarse = diffstride_pool(x, 2, strides=jnp.full(2, 1e6), smoothness=1.0)
    close(coarse, jnp.broadcast_to(x.mean((1, 2), keepdims=True), coarse.shape))
    move = jax.grad(lambda strides: jnp.sum(diffstride_pool(x, 2, strides=strides) ** 2))(jnp.full(2, 2.25))
    assert (np.asarray(move) != 0).all()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda x: spectral_pool(x, 0), "spectral output_size must be at least 1, not 0"),
        (lambda x: diffstride_pool(x, 2, strides=jnp.ones(2), smoothness=0.0), "smoothness must be above 0, not 0.0"),
    ],
)
def test_what_can_t_work_is_refused_in_one_sentence(call: Any, sentence: str) -> None:
    assert_refused(call, sentence)
