"""Operators on the sorted window, worked by hand, and drawn as often as they say."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hand_maps import close, maps, normal, rows

from poolscope.pooling import (
    avg_pool,
    max_pool,
    median_pool,
    min_pool,
    ordinal_pool,
    rank_avg_pool,
    rank_stochastic_pool,
    rank_weighted_pool,
    t_max_avg_pool,
)
from poolscope.pooling.ranks import comparators
from poolscope.spec.errors import PoolscopeError

pytestmark = pytest.mark.usefixtures("compiled_calls")

X = jnp.array([[4.0, -1.0, 3.0], [2.0, 8.0, 0.0]])[..., None]  # windows 2x2 at stride 1: 8 4 2 -1 and 8 3 0 -1


@pytest.mark.parametrize(
    ("pool", "options", "by_hand"),
    [
        (rank_avg_pool, {"top": 1}, [8, 8]),
        (rank_avg_pool, {"top": 2}, [6, 5.5]),
        (rank_avg_pool, {"top": 3}, [14 / 3, 11 / 3]),
        (rank_avg_pool, {"top": 9}, [13 / 4, 10 / 4]),
        (t_max_avg_pool, {"top": 2, "threshold": 8.0}, [8, 8]),
        (t_max_avg_pool, {"top": 2, "threshold": 8.5}, [6, 5.5]),
        (t_max_avg_pool, {"top": 9, "threshold": 8.5}, [13 / 4, 10 / 4]),
        (rank_weighted_pool, {"alpha": 1.0}, [8, 8]),
        (rank_weighted_pool, {"alpha": 0.5}, [(8 * 8 + 4 * 4 + 2 * 2 - 1) / 15, (8 * 8 + 4 * 3 - 1) / 15]),
        (rank_stochastic_pool, {"alpha": 0.5, "deterministic": True}, [83 / 15, 75 / 15]),
    ],
)
def test_by_hand(pool: Any, options: dict[str, Any], by_hand: list[float]) -> None:
    np.testing.assert_allclose(pool(X, 2, 1, **options)[0, :, 0], by_hand, rtol=1e-6)


def test_median_and_weights_by_rank() -> None:
    x = maps([[1, 9], [3, 4]])
    assert rows(median_pool(x, 2)) == [[3.5]]
    assert rows(median_pool(x, 2, 2, 1)) == [[1, 9], [3, 4]]
    assert rows(ordinal_pool(x, 2, weights=jnp.asarray([0.5, 0.25, 0.125, 0.125]))) == [[6]]
    many = normal(2, 6, 6, 3)
    close(ordinal_pool(many, 3, 1, weights=jnp.eye(9)[0]), max_pool(many, 3, 1))
    close(ordinal_pool(many, 3, 1, weights=jnp.eye(9)[8]), min_pool(many, 3, 1))
    close(ordinal_pool(many, 3, 1, weights=jnp.eye(9)[4]), median_pool(many, 3, 1))
    close(ordinal_pool(many, 3, 1, "SAME", weights=jnp.full(9, 1 / 9)), avg_pool(many, 3, 1, "SAME"))


def test_the_ends_of_the_scale_are_max_and_mean_also_at_padding() -> None:
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 5, 4, 3)), "float32")
    np.testing.assert_allclose(rank_avg_pool(x, 3, 2, "SAME", top=1), max_pool(x, 3, 2, "SAME"), rtol=1e-6)
    np.testing.assert_allclose(rank_avg_pool(x, 3, 2, "SAME", top=9), avg_pool(x, 3, 2, "SAME"), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(rank_weighted_pool(x, 3, 2, "SAME", alpha=1.0), max_pool(x, 3, 2, "SAME"), rtol=1e-6)


def test_ranks_are_drawn_as_often_as_they_weigh() -> None:
    many = jnp.broadcast_to(X[:, :2], (4000, 2, 2, 1))
    drawn = np.asarray(rank_stochastic_pool(many, 2, alpha=0.5, key=jax.random.key(0))).ravel()
    for value, share in ((8, 8 / 15), (4, 4 / 15), (2, 2 / 15), (-1, 1 / 15)):
        assert abs((drawn == value).mean() - share) < 4 * np.sqrt(share * (1 - share) / 4000)
    corner = rank_stochastic_pool(many, 2, 2, ((1, 0), (1, 0)), alpha=0.5, key=jax.random.key(1))
    assert set(np.unique(corner[:, 0, 0])) == {4.0}  # the only real cell


def test_only_the_drawn_cell_gets_a_gradient() -> None:
    gradient = jax.grad(lambda x: rank_stochastic_pool(x, 2, key=jax.random.key(3)).sum())(X[:, :2])
    assert sorted(np.asarray(gradient).ravel()) == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("pool", "options", "sentence"),
    [
        (rank_avg_pool, {"top": 0}, "rank_avg top must be at least 1, not 0"),
        (t_max_avg_pool, {"top": 0}, "t_max_avg top must be at least 1, not 0"),
        (rank_weighted_pool, {"alpha": 0.0}, r"rank_weighted alpha must be above 0 and at most 1, not 0\.0"),
        (rank_stochastic_pool, {"alpha": 1.5, "key": jax.random.key(0)}, "rank_stochastic alpha must be above 0"),
        (ordinal_pool, {"weights": jnp.ones(3)}, r"ordinal weights must be \(4,\) or \(4, 1\), not \(3,\)"),
        (rank_stochastic_pool, {}, "rank_stochastic draws at random in training and needs key="),
    ],
)
def test_refusals(pool: Any, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PoolscopeError, match=sentence):
        pool(X, 2, **options)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 9, 16, 25])
def test_the_comparators_sort_anything(count: int) -> None:
    """A network sorts all inputs if it sorts all of zeros and ones (Knuth); large ones are sampled."""
    pairs = list(comparators(count))
    rng = np.random.default_rng(0)
    inputs = range(2**count) if count <= 9 else [int(value) for value in rng.integers(0, 2**count, 2000)]
    for bits in inputs:
        values = [bits >> i & 1 for i in range(count)]
        for low, high in pairs:
            values[low], values[high] = min(values[low], values[high]), max(values[low], values[high])
        assert values == sorted(values)
