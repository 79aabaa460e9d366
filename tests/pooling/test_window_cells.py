"""The cells of sliding windows against windows laid out one by one, and the sums over them."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hand_maps import assert_refused, maps, normal
from pool_geometries import Geometry, compile_quickly, random_geometries

from poolscope.pooling import avg_pool, max_pool
from poolscope.pooling.window_cells import (
    WindowCells,
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


def read_all(cases: list[tuple[Any, Window]]) -> list[WindowCells]:
    """The cells of each map's windows, read by one program."""
    found: list[WindowCells] = []

    def program(maps: list[Any]) -> list[Any]:
        found[:] = [read_cells(x, window) for x, (_, window) in zip(maps, cases, strict=True)]
        return [cells.values for cells in found]

    values = compile_quickly(program)([x for x, _ in cases])
    return [replace(cells, values=tuple(map(np.asarray, of))) for cells, of in zip(found, values, strict=True)]


def test_cells_and_counts_are_those_of_windows_laid_out_one_by_one() -> None:
    geometries = random_geometries(12, seed=2)
    cases = [fit(geometry) for geometry in geometries]
    for geometry, (x, window), cells in zip(geometries, cases, read_all(cases), strict=True):
        x = np.asarray(x)
        counts = cell_counts(window, geometry.height, geometry.width)
        assert counts.shape == geometry.output, geometry
        for row, column, real in geometry.windows():
            assert counts[row, column] == len(real), geometry
            assert np.broadcast_to(cells.counts, (*geometry.output, 1))[row, column, 0] == len(real), geometry
            for number, i, j in real:
                assert cells.values[number][0, row, column, 0] == x[0, i, j, 0], geometry
            padding = set(range(window.cells)) - {number for number, _, _ in real}
            assert all(cells.real is not None and not cells.real[number, row, column, 0] for number in padding)
            assert all(cells.values[number][0, row, column, 0] == 0 for number in padding), geometry


def test_every_strideth_cell_of_the_window_at_stride_1_is_the_strided_one_s() -> None:
    geometries = random_geometries(8, seed=4)
    cases = [fit(geometry) for geometry in geometries]
    dense = [(x, dense_window(window, *x.shape[1:3])) for x, window in cases]
    assert {window.stride for _, window in dense} == {(1, 1)}
    read = read_all([*cases, *dense])
    for geometry, coarse, fine in zip(geometries, read[:8], read[8:], strict=True):
        for strided, whole in zip(coarse.values, fine.values, strict=True):
            sampled = whole[:, :: geometry.stride[0], :: geometry.stride[1]][:, : strided.shape[1], : strided.shape[2]]
            np.testing.assert_array_equal(sampled, strided, err_msg=str(geometry))


def test_padding_is_in_no_sum_mean_maximum_or_weight() -> None:
    x = maps([[-1, -2], [-3, -4]])
    padded, whole = make_window(2, 2, 1), make_window(2)  # a padded window holds one real cell and three of padding

    def reduce(x: Any, window: Window) -> Any:
        cells = read_cells(x, window)
        return cells.sum(cells.values), cells.mean(cells.values), cells.top(cells.values), cells.softmax(cells.values)

    *reduced, weights = compile_quickly(partial(reduce, window=padded))(x)
    for one in reduced:
        np.testing.assert_array_equal(one, x)
    assert (np.stack(weights) == np.where(read_cells(x, padded).real, 1, 0)[:, None]).all()
    *reduced, _ = compile_quickly(partial(reduce, window=whole))(maps([[1, 2], [3, 6]]))
    assert [one.item() for one in reduced] == [12, 3, 6]


def test_a_window_that_is_the_whole_map_is_summed_without_taking_cells_apart() -> None:
    x = normal(2, 3, 4, 2)
    seen = []

    def reduce(cells: Any) -> Any:
        seen.append(len(cells.values))
        return cells.sum(cells.softmax(cells.values)) / cells.mean(cells.values)

    whole, apart = compile_quickly(
        lambda x: [reduce_cells(x, make_window((3, 4)), reduce, symmetric=symmetric) for symmetric in (True, False)]
    )(x)
    assert seen == [1, 12]
    np.testing.assert_allclose(whole, apart, rtol=1e-5)


def test_positions_are_taken_as_indexing_takes_them() -> None:
    x = normal(2, 10, 3)
    cases = [np.array(case) for case in ([3], [0, 1, 2], [0, 2, 4, 5, 6], [5, 1], [4, 4, 0], [0, 3, 6, 8, 9])]
    taken = compile_quickly(lambda x: [take_positions(x, 1, case) for case in cases])(x)
    for case, found in zip(cases, taken, strict=True):
        np.testing.assert_array_equal(found, np.asarray(x)[:, case], err_msg=str(case))


def test_narrow_numbers_are_summed_in_float32() -> None:
    half = jax.ShapeDtypeStruct((1, 2, 2, 1), jnp.bfloat16)

    def take(x: Any) -> Any:
        window = make_window(2)
        return (
            widen(x),
            read_cells(x, window).values[0],
            reduce_cells(x, window, lambda cells: cells.mean(cells.values)),
        )

    assert [found.dtype for found in jax.eval_shape(take, half)] == [jnp.float32, jnp.float32, jnp.bfloat16]


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
