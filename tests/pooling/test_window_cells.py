"""The cells of sliding windows against windows laid out one by one, and the sums over them."""

from __future__ import annotations

import re
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hand_maps import assert_refused, maps, normal
from pool_geometries import Geometry, random_geometries

from poolscope.pooling import avg_pool, max_pool
from poolscope.pooling.window_cells import (
    cell_counts,
    check_number,
    dense_window,
    fit_window,
    read_cells,
    reduce_cells,
    take_positions,
    widen,
)
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import Window, make_window


def fit(geometry: Geometry) -> tuple[Any, Window]:
    x = normal(1, geometry.height, geometry.width, 1)
    return x, fit_window(x, geometry.window, geometry.stride, geometry.padding, geometry.dilation)


@pytest.mark.parametrize("geometry", random_geometries(12, seed=2), ids=str)
def test_cells_and_counts_are_those_of_windows_laid_out_one_by_one(geometry: Geometry) -> None:
    x, window = fit(geometry)
    cells = read_cells(x, window)
    counts = cell_counts(window, geometry.height, geometry.width)
    assert counts.shape == geometry.output
    for row, column, real in geometry.windows():
        assert counts[row, column] == len(real)
        assert np.broadcast_to(cells.counts, (*geometry.output, 1))[row, column, 0] == len(real)
        for number, i, j in real:
            assert cells.values[number][0, row, column, 0] == x[0, i, j, 0]
        padding = set(range(window.cells)) - {number for number, _, _ in real}
        assert all(cells.real is not None and not cells.real[number, row, column, 0] for number in padding)
        assert all(cells.values[number][0, row, column, 0] == 0 for number in padding)


@pytest.mark.parametrize("geometry", random_geometries(8, seed=4), ids=str)
def test_every_strideth_cell_of_the_window_at_stride_1_is_the_strided_one_s(geometry: Geometry) -> None:
    x, window = fit(geometry)
    dense = dense_window(window, geometry.height, geometry.width)
    assert dense.stride == (1, 1)
    for strided, fine in zip(read_cells(x, window).values, read_cells(x, dense).values, strict=True):
        np.testing.assert_array_equal(
            fine[:, :: window.stride[0], :: window.stride[1]][:, : strided.shape[1], : strided.shape[2]], strided
        )


def test_padding_is_in_no_sum_mean_maximum_or_weight() -> None:
    x = maps([[-1, -2], [-3, -4]])
    cells = read_cells(x, make_window(2, 2, 1))  # each window holds one real cell and three of padding
    for reduced in (cells.sum(cells.values), cells.mean(cells.values), cells.top(cells.values)):
        np.testing.assert_array_equal(reduced, x)
    weights = np.stack(cells.softmax(cells.values))
    assert (weights == np.where(cells.real, 1, 0)[:, None]).all()
    x = maps([[1, 2], [3, 6]])
    cells = read_cells(x, make_window(2))
    assert (cells.sum(cells.values).item(), cells.mean(cells.values).item(), cells.top(cells.values).item()) == (
        12,
        3,
        6,
    )


def test_a_window_that_is_the_whole_map_is_summed_without_taking_cells_apart() -> None:
    x = normal(2, 3, 4, 2)
    seen = []

    def reduce(cells: Any) -> Any:
        seen.append(len(cells.values))
        return cells.sum(cells.softmax(cells.values)) / cells.mean(cells.values)

    whole, apart = (reduce_cells(x, make_window((3, 4)), reduce, symmetric=symmetric) for symmetric in (True, False))
    assert seen == [1, 12]
    np.testing.assert_allclose(whole, apart, rtol=1e-5)


@pytest.mark.parametrize("positions", [[3], [0, 1, 2], [0, 2, 4, 5, 6], [5, 1], [4, 4, 0], [0, 3, 6, 8, 9]])
def test_positions_are_taken_as_indexing_takes_them(positions: list[int]) -> None:
    x = normal(2, 10, 3)
    np.testing.assert_array_equal(take_positions(x, 1, np.array(positions)), x[:, np.array(positions)])


def test_narrow_numbers_are_summed_in_float32() -> None:
    half = jnp.ones((1, 2, 2, 1), jnp.bfloat16)
    assert widen(half).dtype == jnp.float32
    assert read_cells(half, make_window(2)).values[0].dtype == jnp.float32
    assert reduce_cells(half, make_window(2), lambda cells: cells.mean(cells.values)).dtype == jnp.bfloat16


def test_a_plain_number_is_checked_and_an_array_passes() -> None:
    check_number("lp", "p", 2, lambda p: p >= 1, "at least 1")
    check_number("lp", "p", jnp.float32(0.5), lambda p: p >= 1, "at least 1")
    for wrong in (0.5, True):
        with pytest.raises(PoolscopeError, match=re.escape(f"lp p must be at least 1, not {wrong!r}.")):
            check_number("lp", "p", wrong, lambda p: p >= 1, "at least 1")


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda x: max_pool(x, 5), "window 5 is larger than its 4x4 input"),
        (lambda x: max_pool(x[0, 0], 2), "shape (N, H, W, C)"),
        (lambda x: avg_pool(x.astype("int32"), 2), "not int32"),
        (lambda x: avg_pool(x, 2, 2, 2), "nothing but padding"),
        (lambda x: max_pool(x, 2, 0), "stride must be at least 1, not 0"),
    ],
)
def test_what_can_t_work_is_refused_in_one_sentence(call: Any, sentence: str) -> None:
    assert_refused(call, sentence)
