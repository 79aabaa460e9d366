"""Where gradients go, who reads whom, and ties, worked out by hand and for every operator."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from poolscope import pooling
from poolscope.measures.routing import Routing, trace_operator
from poolscope.pooling import POOLS, make_layer
from poolscope.spec.operators import OPERATORS

TIED = np.array([[1, 6, 2, 0], [6, 6, 2, 2], [0, 0, 3, 4], [0, 0, 5, 5]], np.float32)


def trace(name: str, x: np.ndarray = TIED, cotangent: Any = None, window: Any = 2, **options: Any) -> Routing:
    layer = make_layer(name, window, channels=1, rngs=nnx.Rngs(0), **options)
    mode = {"rngs": jax.random.key(1), "deterministic": True} if OPERATORS[name].stochastic else {}
    return trace_operator(lambda x: layer(x, **mode), x, cotangent)


def test_max_by_hand() -> None:
    traced = trace("max", cotangent=np.array([[1, 2], [3, 4]], np.float32))
    np.testing.assert_array_equal(traced.output[:, :, 0], [[6, 2], [0, 5]])
    np.testing.assert_array_equal(traced.gradient, [[0, 1, 2, 0], [0, 0, 0, 0], [3, 0, 0, 0], [0, 0, 4, 0]])
    np.testing.assert_array_equal(traced.indices[:, :, 0], [[1, 2], [8, 14]])
    assert not traced.unread.any()
    assert [(tie.output, tie.cells, tie.shares) for tie in traced.ties()] == [
        ((0, 0), ((0, 1), (1, 0), (1, 1)), (1, 0, 0)),
        ((0, 1), ((0, 2), (1, 2), (1, 3)), (1, 0, 0)),
        ((1, 0), ((2, 0), (2, 1), (3, 0), (3, 1)), (1, 0, 0, 0)),
        ((1, 1), ((3, 2), (3, 3)), (1, 0)),
    ]


@pytest.mark.parametrize(
    ("name", "shares"), [("avg", []), ("median", [(1 / 3, 1 / 3, 1 / 3)]), ("mixed", [(0.625, 0.125, 0.125)])]
)
def test_ties_are_where_an_operator_has_a_corner(name: str, shares: list[tuple[float, ...]]) -> None:
    corner = np.array([[1, 6], [6, 6]], np.float32)
    found = [tie.shares for tie in trace(name, corner).ties()]
    assert len(found) == len(shares)
    if name == "median":
        assert sum(found[0]) == pytest.approx(1)
    elif shares:
        np.testing.assert_allclose(found[0], shares[0])


def test_cells_that_no_output_reads() -> None:
    x = np.arange(25, dtype=np.float32).reshape(5, 5)
    dropped = trace("max", x)
    assert {*map(tuple, np.argwhere(dropped.unread).tolist())} == {
        (i, j) for i in range(5) for j in range(5) if 4 in (i, j)
    }
    first = trace("subsample", x)
    np.testing.assert_array_equal(np.argwhere(~first.unread), [[0, 0], [0, 2], [2, 0], [2, 2]])
    assert first.indices is not None
    assert trace("avg", x).indices is None


def test_bins_of_adaptive_operators_overlap_where_sizes_do_not_divide() -> None:
    x = np.arange(25, dtype=np.float32).reshape(5, 5)
    traced = trace_operator(lambda x: pooling.adaptive_avg_pool(x, 3), x)
    assert [np.flatnonzero(row).tolist() for row in traced.reads.any((1, 3))] == [[0, 1], [1, 2, 3], [3, 4]]


FEW = ("max", "space_to_depth", "stochastic", "lip")


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in FEW else pytest.mark.long) for name in POOLS])
def test_every_operator_is_traced_and_its_gradient_is_jax_s(name: str) -> None:
    x = np.random.default_rng(0).permutation(16).reshape(4, 4).astype(np.float32)
    weights = np.array([[1, -2], [0, 3]], np.float32)
    layer = make_layer(name, 2, channels=1, rngs=nnx.Rngs(0))
    mode = {"rngs": jax.random.key(1), "deterministic": False} if OPERATORS[name].stochastic else {}
    traced = trace_operator(lambda x: layer(x, **mode), x, weights)
    y, pull = jax.vjp(lambda x: layer(x, **mode), jnp.asarray(x)[None, :, :, None])
    np.testing.assert_allclose(traced.output, y[0], rtol=1e-5, atol=1e-5)
    expected = pull(jnp.broadcast_to(jnp.asarray(weights)[None, :, :, None], y.shape))[0][0, :, :, 0]
    np.testing.assert_allclose(traced.gradient, expected, rtol=1e-4, atol=1e-5)
    assert traced.reads[np.abs(traced.shares).max(2) > 1e-4].all(), "a gradient goes to a cell that isn't read"
    assert not list(traced.ties()), "no two cells are equal"
