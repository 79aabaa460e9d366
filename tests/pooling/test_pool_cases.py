"""Worked by hand: the tutorial's numbers, small cases per operator, and the equalities between operators."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poolscope.pooling import (
    anti_aliased,
    avg_pool,
    blur_pool,
    gated_pool,
    gem_pool,
    lp_pool,
    lse_pool,
    max_blur_pool,
    max_pool,
    min_pool,
    mixed_pool,
    soft_pool,
    stochastic_pool,
    strided_conv_pool,
    subsample,
)
from poolscope.spec.errors import PoolscopeError

TUTORIAL = [[1, 3, 2, 4], [5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16]]


def maps(rows: list[list[float]]) -> jax.Array:
    return jnp.asarray(rows, "float32")[None, :, :, None]


def rows(y: jax.Array) -> list[list[float]]:
    return np.asarray(y[0, :, :, 0], "float64").round(5).tolist()


def normal(*shape: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(5).normal(size=shape), "float32")


def test_the_tutorial_s_numbers() -> None:
    x = maps(TUTORIAL)
    assert rows(max_pool(x, 2)) == [[6, 8], [14, 16]]
    assert rows(max_pool(x, (2, 2), 2)) == [[6, 8], [14, 16]]
    assert rows(avg_pool(x, 2, 2)) == [[3.75, 5.25], [11.5, 13.5]]  # the tutorial's own average is wrong
    assert rows(min_pool(x, 2)) == [[1, 2], [9, 11]]


def test_average_leaves_padding_out_or_counts_it() -> None:
    x = maps([[2, 4], [6, 8]])
    assert rows(avg_pool(x, 2, 2, 1)) == [[2, 4], [6, 8]]
    assert rows(avg_pool(x, 2, 2, 1, count_include_pad=True)) == [[0.5, 1], [1.5, 2]]
    assert rows(avg_pool(x, 3, 1, "SAME")) == [[5, 5], [5, 5]]


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


def test_blurs() -> None:
    x = maps([[16, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    assert rows(blur_pool(x, 2)) == [[4, 0], [0, 0]]  # reflected: [1 2 1] / 4 at the corner is 2 / 4 a side
    x = maps([[0, 0, 0, 0], [0, 16, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    assert rows(blur_pool(x, 2)) == [[4, 2], [2, 1]]
    assert rows(max_blur_pool(maps([[0, 0, 0], [0, 8, 0], [0, 0, 0]]), 2)) == [[8]]
    assert rows(blur_pool(maps([[5]]), 1)) == [[5]]


def test_gate_and_convolution() -> None:
    x = maps([[0, 0], [0, 4]])
    kernel = jnp.zeros((2, 2)).at[1, 1].set(math.log(3) / 4)  # gate 3/4
    assert rows(gated_pool(x, 2, kernel=kernel)) == [[3.25]]
    weights = jnp.asarray([[1.0, 2], [3, 4]])[:, :, None, None]
    assert rows(strided_conv_pool(maps(TUTORIAL), 2, kernel=weights, bias=jnp.ones(1))) == [
        [1 + 6 + 15 + 24 + 1, 2 + 8 + 21 + 32 + 1],
        [9 + 20 + 39 + 56 + 1, 11 + 24 + 45 + 64 + 1],
    ]
    assert rows(strided_conv_pool(maps(TUTORIAL), 2, kernel=-weights)) == [[0, 0], [0, 0]]


def test_subsample_keeps_the_first_real_cell() -> None:
    assert rows(subsample(maps(TUTORIAL), 2)) == [[1, 2], [9, 11]]
    assert rows(subsample(maps(TUTORIAL), 2, 2, 1)) == [[1, 3, 4], [5, 6, 8], [13, 14, 16]]


def test_equalities_between_operators() -> None:
    x = normal(2, 6, 6, 3)
    average, largest = avg_pool(x, 2), max_pool(x, 2)

    def close(y: jax.Array, expected: jax.Array, atol: float = 1e-6) -> None:
        np.testing.assert_allclose(y, expected, atol=atol)

    close(blur_pool(x, 2, filter_size=2), average)
    close(gem_pool(jnp.abs(x), 2, p=1.0), avg_pool(jnp.abs(x), 2))
    close(lp_pool(jnp.abs(x) + 0.1, 2, p=3.0), 4 ** (1 / 3) * gem_pool(jnp.abs(x) + 0.1, 2, p=3.0))
    close(lp_pool(jnp.abs(x), 2, p=500.0), max_pool(jnp.abs(x), 2), 2e-2)
    close(lse_pool(x, 2, beta=1e-3), average, 2e-3)
    close(lse_pool(x, 2, beta=1e3), largest, 2e-3)
    close(lse_pool(x, 2, beta=-1e3), min_pool(x, 2), 2e-3)
    close(soft_pool(x, 2, beta=0.0), average)
    close(soft_pool(x, 2, beta=1e4), largest, 1e-3)
    close(mixed_pool(x, 2, alpha=1.0), largest)
    close(mixed_pool(x, 2, alpha=0.0), average)
    close(gated_pool(x, 2, kernel=jnp.zeros((2, 2))), 0.5 * largest + 0.5 * average)
    close(anti_aliased(max_pool)(x, 3, 2, "SAME", filter_size=1), max_pool(x, 3, 2, "SAME"))
    close(anti_aliased(subsample)(x, 1, 2, filter_size=3), blur_pool(x, 1, 2, filter_size=3))


def test_stochastic_draws_cells_in_proportion_and_its_mean_is_the_evaluated_form() -> None:
    x = maps([[1, 2], [-3, 5]])
    keys = jax.random.split(jax.random.key(0), 4000)
    drawn = np.asarray(jax.vmap(lambda key: stochastic_pool(x, 2, key=key))(keys)).ravel()
    assert set(drawn) == {1.0, 2.0, 5.0}
    for value, share in ((1, 1 / 8), (2, 2 / 8), (5, 5 / 8)):
        assert abs((drawn == value).mean() - share) < 4 * math.sqrt(share * (1 - share) / 4000)
    assert rows(stochastic_pool(x, 2, deterministic=True)) == [[30 / 8]]
    assert rows(stochastic_pool(-jnp.abs(x), 2, key=keys[0])) == [[0]]


def test_stochastic_windows_channels_and_examples_draw_for_themselves() -> None:
    x = jnp.broadcast_to(jnp.arange(1.0, 5).reshape(1, 2, 2, 1), (3, 2, 2, 5))
    y = stochastic_pool(jnp.tile(x, (1, 4, 4, 1)), 2, key=jax.random.key(1))
    for axis in range(4):
        assert (np.asarray(y).std(axis) > 0).any()
    gradient = jax.grad(lambda x: stochastic_pool(x, 2, key=jax.random.key(1)).sum())(x)
    assert np.asarray(gradient).sum((1, 2)).tolist() == np.ones((3, 5)).tolist()
    assert set(np.asarray(gradient).ravel()) == {0.0, 1.0}


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda x: max_pool(x, 5), "window 5 is larger than its 4x4 input"),
        (lambda x: max_pool(x[0, 0], 2), "shape (N, H, W, C)"),
        (lambda x: avg_pool(x.astype("int32"), 2), "not int32"),
        (lambda x: avg_pool(x, 2, 2, 2), "nothing but padding"),
        (lambda x: max_pool(x, 2, 0), "stride must be at least 1, not 0"),
        (lambda x: lp_pool(x, 2, p=0.5), "lp p must be a finite number of at least 1, not 0.5"),
        (lambda x: gem_pool(x, 2, eps=0.0), "gem eps must be a finite number above 0, not 0.0"),
        (lambda x: lse_pool(x, 2, beta=0), "lse beta must be finite and not 0, not 0"),
        (lambda x: soft_pool(x, 2, gradient="half"), "full or truncated, not 'half'"),
        (lambda x: blur_pool(x, 2, filter_size=0), "from 1 to 64, not 0"),
        (lambda x: stochastic_pool(x, 2), "needs key="),
        (lambda x: gated_pool(x, 2, kernel=jnp.zeros((3, 2))), "gated kernel must be (2, 2) or (2, 2, 1), not (3, 2)"),
        (lambda x: strided_conv_pool(x, 2, kernel=jnp.zeros((2, 2))), "strided_conv kernel must be (2, 2, 1"),
    ],
)
def test_what_can_t_work_is_refused_in_one_sentence(call: object, sentence: str) -> None:
    with pytest.raises(PoolscopeError) as caught:
        call(maps(TUTORIAL))  # type: ignore[operator]
    assert sentence in str(caught.value)
