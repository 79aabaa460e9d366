"""Axes divided into parts: random grids cover the map, adaptive bins overlap."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hand_maps import assert_refused, close, maps, normal, rows
from pool_geometries import compile_quickly

from poolscope.pooling import adaptive_avg_pool, adaptive_max_pool, avg_pool, fractional_max_pool, max_pool, s3_pool

pytestmark = pytest.mark.usefixtures("compiled_calls")


def test_s3_draws_increasing_rows_and_columns_and_its_mean_is_the_evaluated_form() -> None:
    x = jnp.broadcast_to(jnp.arange(8.0)[:, None] * 10 + jnp.arange(8.0), (1, 8, 8))[..., None]
    draw = compile_quickly(jax.vmap(lambda key: s3_pool(x, 1, 2, key=key)))
    drawn = np.asarray(draw(jax.random.split(jax.random.key(0), 3000)))[:, 0, :, :, 0]
    drawn_rows, drawn_columns = drawn[:, :, 0] // 10, drawn[:, 0, :] % 10
    for positions in (drawn_rows, drawn_columns):
        assert (positions // 2 == np.arange(4)).all()  # one of each pair
        assert abs(positions.mean() - 3.5) < 0.05
    expected = np.asarray(s3_pool(x, 1, 2, deterministic=True))[0, :, :, 0]
    np.testing.assert_allclose(drawn.mean(0), expected, atol=4 * 5.1 / math.sqrt(3000))
    wide = np.asarray(jax.vmap(lambda key: s3_pool(x, 1, 2, grid=4, key=key))(jax.random.split(jax.random.key(1), 50)))
    wide_rows = wide[:, 0, :, 0, 0] // 10
    assert (np.diff(wide_rows, axis=1) > 0).all()
    assert (wide_rows // 4 == [0, 0, 1, 1]).all()
    assert len(np.unique(wide_rows, axis=0)) > 10


@pytest.mark.parametrize("overlapping", [True, False])
@pytest.mark.parametrize("pseudorandom", [True, False])
def test_fractional_regions_cover_the_map_in_steps_of_one_or_two(overlapping: bool, pseudorandom: bool) -> None:
    """On a ramp the maxima are the regions' last cells, and the minima (of the negated ramp) their first."""
    ramp = jnp.arange(10.0)[None, :, None, None] * jnp.ones((1, 1, 10, 1))

    def ends(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        options = {"overlapping": overlapping, "pseudorandom": pseudorandom, "output_size": 7}
        return (
            fractional_max_pool(ramp, key=key, **options)[0, :, 0, 0],
            -fractional_max_pool(-ramp, key=key, **options)[0, :, 0, 0],
        )

    last, first = map(np.asarray, compile_quickly(jax.vmap(ends))(jax.random.split(jax.random.key(2), 200)))
    assert (last[:, -1] == 9).all()
    assert (first[:, 0] == 0).all()
    assert set(np.diff(last, axis=1).ravel()) <= {1, 2}
    gap = first[:, 1:] - last[:, :-1]
    assert (gap == (0 if overlapping else 1)).all()
    assert len(np.unique(last, axis=0)) > (2 if pseudorandom else 10)
    assert fractional_max_pool(ramp, 1.5, jax.random.key(0)).shape == (1, 6, 6, 1)


def test_adaptive_bins_overlap_where_they_must() -> None:
    x = maps([[1, 2, 3, 4, 5, 6, 7]])
    assert rows(adaptive_avg_pool(x, (1, 4))) == [[1.5, 3, 5, 6.5]]
    assert rows(adaptive_max_pool(x, (1, 4))) == [[2, 4, 6, 7]]
    many = normal(2, 6, 6, 3)
    close(adaptive_avg_pool(many, 3), avg_pool(many, 2))
    close(adaptive_max_pool(many, 3), max_pool(many, 2))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda x: s3_pool(x, 2, grid=3, deterministic=True), "s3 grid must be a multiple of the stride, not 3"),
        (lambda x: fractional_max_pool(x, 0.5), "fractional_max ratio must be at least 1, not 0.5"),
        (lambda x: fractional_max_pool(x), "needs a ratio or an output_size"),
    ],
)
def test_what_can_t_work_is_refused_in_one_sentence(call: Any, sentence: str) -> None:
    assert_refused(call, sentence)
