"""Max and min: exact values, the first-maximum rule, and the form each back end gets."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hand_maps import TUTORIAL, maps, rows
from jax import lax
from pool_geometries import compile_quickly

from poolscope.pooling import avg_pool, max_pool, min_pool
from poolscope.pooling.max_min import _compare_slices
from poolscope.spec.geometry import make_window


def test_the_tutorial_s_numbers() -> None:
    x = maps(TUTORIAL)
    assert rows(max_pool(x, 2)) == [[6, 8], [14, 16]]
    assert rows(max_pool(x, (2, 2), 2)) == [[6, 8], [14, 16]]
    assert rows(min_pool(x, 2)) == [[1, 2], [9, 11]]


@pytest.mark.parametrize(
    ("size", "stride", "padding"),
    [
        (2, 2, "VALID"),  # blocks
        (3, 2, "SAME"),  # all taps at once
        (3, 1, "SAME"),  # rows after columns
        (5, 3, ((2, 1), (4, 0))),
        ((1, 4), (3, 2), "VALID"),
        (12, 1, "SAME"),  # more taps than one byte counts
        (2, 5, "VALID"),
    ],
)
def test_values_and_gradients_equal_xla_s_own_even_at_ties(size: object, stride: object, padding: object) -> None:
    window = make_window(size, stride, padding)  # type: ignore[arg-type]
    pads = ((0, 0), *window.pads(13, 14), (0, 0))

    def reference(x: jax.Array) -> jax.Array:
        return lax.reduce_window(x, -jnp.inf, lax.max, (1, *window.size, 1), (1, *window.stride, 1), pads)

    x = jnp.asarray(np.random.default_rng(0).integers(0, 4, (2, 13, 14, 3)), "float32")  # full of ties

    @compile_quickly
    def both(x: jax.Array, weights: jax.Array) -> list[tuple[jax.Array, jax.Array]]:
        pairs = []
        for pool in (reference, lambda x: max_pool(x, window)):
            y, pull = jax.vjp(pool, x)
            pairs.append((y, pull(weights)[0]))
        return pairs

    weights = jnp.asarray(np.random.default_rng(1).integers(1, 9, (2, *window.output(13, 14), 3)), "float32")
    (y, dx), (own_y, own_dx) = both(x, weights)
    np.testing.assert_array_equal(own_y, y)
    np.testing.assert_array_equal(own_dx, dx)


def test_ties_give_the_gradient_to_the_first_cell_in_row_major_order() -> None:
    gradient = jax.grad(lambda x: max_pool(x, 2).sum())(jnp.ones((1, 4, 4, 1)))
    np.testing.assert_array_equal(gradient[0, :, :, 0], np.kron(np.ones((2, 2)), [[1, 0], [0, 0]]))
    gradient = jax.grad(lambda x: min_pool(x, 3, 1).sum())(jnp.zeros((1, 4, 4, 1)))
    np.testing.assert_array_equal(gradient[0, :, :, 0], np.pad(np.ones((2, 2)), (0, 2)))


def test_padding_never_wins_and_nan_always_does() -> None:
    x = jnp.full((1, 3, 3, 1), -3e38)
    np.testing.assert_array_equal(max_pool(x, 2, 2, 1), np.full((1, 2, 2, 1), np.float32(-3e38)))
    for position in range(4):
        cells = jnp.arange(4.0).at[position].set(jnp.nan).reshape(1, 2, 2, 1)
        assert bool(jnp.isnan(max_pool(cells, 2)).all())
        assert bool(jnp.isnan(min_pool(cells, 2)).all())


@pytest.mark.parametrize("pool", [max_pool, avg_pool])
def test_other_back_ends_get_the_native_window_operation(pool: object) -> None:
    program = jax.jit(jax.grad(lambda x: (pool(x, 3, 2) ** 2).sum())).trace(jnp.ones((1, 9, 9, 2)))  # type: ignore[operator]
    assert "reduce_window" in program.lower(lowering_platforms=("cuda",)).as_text()
    assert "reduce_window" in program.lower(lowering_platforms=("tpu",)).as_text()
    cpu = program.lower(lowering_platforms=("cpu",)).as_text()
    assert "reduce_window" not in cpu
    assert "scatter" not in cpu
    assert "gather" not in cpu


def test_large_windows_go_along_rows_and_columns_separately() -> None:
    """Two passes look at 5 taps each, not one at 25."""
    text = str(jax.make_jaxpr(lambda x: _compare_slices(x, make_window(5, 3)))(jnp.ones((1, 11, 11, 1))))
    assert text.count(" abs ") == 10
