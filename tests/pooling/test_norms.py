"""Power means, log-mean-exp and the soft mean, worked by hand and at the ends of their scales."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hand_maps import assert_refused, close, maps, normal, rows

from poolscope.pooling import avg_pool, gem_pool, lp_pool, lse_pool, max_pool, min_pool, soft_pool

pytestmark = pytest.mark.usefixtures("compiled_calls")


def test_norms_and_soft_means() -> None:
    x = maps([[3, 0], [0, -4]])
    assert rows(lp_pool(x, 2)) == [[5]]
    assert rows(lp_pool(x, 2, p=1.0)) == [[7]]
    assert rows(gem_pool(maps([[1, 1], [2, 2]]), 2, p=2.0)) == [[round(math.sqrt(2.5), 5)]]
    log2, log4 = math.log(2), math.log(4)
    assert rows(lse_pool(maps([[log2, log2], [log4, log4]]), 2, beta=1.0)) == [[round(math.log(3), 5)]]
    assert rows(soft_pool(maps([[0, 0], [log2, log4]]), 2)) == [[round((2 * log2 + 4 * log4) / 8, 5)]]


def test_soft_gradient_full_and_truncated() -> None:
    """w_i (1 + x_i - y), or w_i alone as in the authors' kernel."""
    x = maps([[0, 0], [math.log(2), math.log(4)]])
    weights = np.array([1, 1, 2, 4]) / 8
    y = float(soft_pool(x, 2)[0, 0, 0, 0])
    full = jax.grad(lambda x: soft_pool(x, 2).sum())(x).ravel()
    np.testing.assert_allclose(full, weights * (1 + np.asarray(x).ravel() - y), rtol=1e-6)
    truncated = jax.grad(lambda x: soft_pool(x, 2, gradient="truncated").sum())(x).ravel()
    np.testing.assert_allclose(truncated, weights, rtol=1e-6)


def test_the_ends_of_each_scale_are_mean_and_extremes() -> None:
    x = normal(2, 6, 6, 3)
    close(gem_pool(jnp.abs(x), 2, p=1.0), avg_pool(jnp.abs(x), 2), 1e-6)
    close(lp_pool(jnp.abs(x) + 0.1, 2, p=3.0), 4 ** (1 / 3) * gem_pool(jnp.abs(x) + 0.1, 2, p=3.0), 1e-6)
    close(lp_pool(jnp.abs(x), 2, p=500.0), max_pool(jnp.abs(x), 2), 2e-2)
    close(lse_pool(x, 2, beta=1e-3), avg_pool(x, 2), 2e-3)
    close(lse_pool(x, 2, beta=1e3), max_pool(x, 2), 2e-3)
    close(lse_pool(x, 2, beta=-1e3), min_pool(x, 2), 2e-3)
    close(soft_pool(x, 2, beta=0.0), avg_pool(x, 2), 1e-6)
    close(soft_pool(x, 2, beta=1e4), max_pool(x, 2), 1e-3)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda x: lp_pool(x, 2, p=0.5), "lp p must be a finite number of at least 1, not 0.5"),
        (lambda x: gem_pool(x, 2, eps=0.0), "gem eps must be a finite number above 0, not 0.0"),
        (lambda x: lse_pool(x, 2, beta=0), "lse beta must be finite and not 0, not 0"),
        (lambda x: soft_pool(x, 2, gradient="half"), "full or truncated, not 'half'"),
    ],
)
def test_what_can_t_work_is_refused_in_one_sentence(call: Any, sentence: str) -> None:
    assert_refused(call, sentence)
