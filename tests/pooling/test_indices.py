"""Places of maxima and the way back, and ceil_mode: by hand, and cell by cell in random geometries."""

from __future__ import annotations

import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pool_geometries import compile_quickly, random_geometries

from poolscope import pooling
from poolscope.pooling import max_pool_with_indices, max_unpool
from poolscope.spec.errors import PoolscopeError

NAN = float("nan")


pytestmark = pytest.mark.usefixtures("compiled_calls")


def maps(rows: Any) -> jax.Array:
    return jnp.asarray(np.asarray(rows, np.float32)[..., None])


def places(*shape: int) -> jax.Array:
    return jnp.asarray(np.zeros(shape, np.int32))


@pytest.mark.parametrize(
    ("rows", "options", "indices"),
    [
        ([[1, 1], [1, 0]], {"window": 2}, [[0]]),
        ([[-np.inf, -np.inf]], {"window": 2, "padding": 1, "stride": 2}, [[0, 1]]),
        ([[1, 2, 3]], {"window": (1, 2), "ceil_mode": True}, [[1, 2]]),
        ([[1, 2, 3]], {"window": (1, 2)}, [[1]]),
        ([[5, NAN], [NAN, 7]], {"window": 2}, [[1]]),
        ([[1, 9, 2, 3, 4]], {"window": (1, 2), "dilation": (1, 2), "stride": 1}, [[2, 1, 4]]),
    ],
)
def test_indices_by_hand(rows: Any, options: dict[str, Any], indices: Any) -> None:
    y, found = max_pool_with_indices(maps(rows), **options)
    assert np.asarray(found)[..., 0].tolist() == indices
    np.testing.assert_array_equal(y, pooling.max_pool(maps(rows), **options))


def test_indices_are_the_first_maxima_in_any_geometry() -> None:
    for geometry in random_geometries(10, seed=1):
        x = jnp.asarray(np.random.default_rng(0).integers(0, 3, (2, geometry.height, geometry.width, 2)), "float32")
        options = {"stride": geometry.stride, "padding": geometry.padding, "dilation": geometry.dilation}
        y, found = map(np.asarray, max_pool_with_indices(x, geometry.window, **options))
        flat = np.asarray(x).reshape(2, -1, 2)
        for row, column, cells in geometry.windows():
            numbers = np.array([i * geometry.width + j for _, i, j in cells])
            expected = numbers[flat[:, numbers].argmax(1)]
            np.testing.assert_array_equal(found[:, row, column], expected)
            np.testing.assert_array_equal(y[:, row, column], flat[:, numbers].max(1))


@pytest.mark.parametrize("leading", [(), (2,), (2, 1, 3)])
def test_there_and_back(leading: tuple[int, ...]) -> None:
    x = jnp.asarray(np.random.default_rng(1).normal(size=(*leading, 4, 6, 2)), "float32")

    def there_and_back(x: jax.Array) -> tuple[jax.Array, ...]:
        y, indices = max_pool_with_indices(x, 2)
        back, pull = jax.vjp(lambda y: max_unpool(y, indices, (4, 6)), y)
        return y, back, pooling.max_pool(jnp.abs(back), 2), pull(x)[0]

    y, back, again, pulled = map(np.asarray, compile_quickly(there_and_back)(x))
    assert back.shape == x.shape
    np.testing.assert_array_equal(again, np.abs(y))
    assert (back != 0).sum() == y.size
    np.testing.assert_array_equal(pulled, y)  # the gradient of each value is that of its cell


def test_values_for_one_place_are_put_once() -> None:
    x = maps([[1, 7, 2]])
    y, indices = max_pool_with_indices(x, (1, 2), 1)
    np.testing.assert_array_equal(max_unpool(y, indices, (1, 3)), maps([[0, 7, 0]]))
    gradient = compile_quickly(jax.grad(lambda y: max_unpool(y, indices, (1, 3)).sum()))(y)
    np.testing.assert_array_equal(gradient, maps([[0, 1]]))


@pytest.mark.parametrize(
    ("size", "window", "stride", "padding", "output"),
    [
        (5, 2, 2, 0, 3),
        (6, 3, 2, 0, 3),
        (4, 2, 2, 1, 3),
        (5, 2, 2, 1, 3),
        (5, 3, 3, 1, 2),
        (2, 3, 2, 0, 1),
        (7, 2, 3, 0, 3),
    ],
)
def test_ceil_mode_adds_a_window_that_starts_on_the_map(
    size: int, window: int, stride: int, padding: int, output: int
) -> None:
    x = jax.ShapeDtypeStruct((1, size, 1), "float32")
    options: dict[str, Any] = {"stride": (1, stride), "padding": ((0, 0), (padding, padding)), "ceil_mode": True}
    layer = pooling.MaxPool((1, window), **options)
    for pool in (lambda x: pooling.max_pool(x, (1, window), **options), layer, lambda x: layer(x[None, None])[0, 0]):
        assert jax.eval_shape(pool, x).shape == (1, output, 1)


def test_the_divisor_of_averages_counts_padding_that_was_asked_for_only() -> None:
    x = maps([[4, 4, 4]])
    options: dict[str, Any] = {"padding": ((0, 0), (1, 0)), "ceil_mode": True}
    np.testing.assert_array_equal(pooling.avg_pool(x, (1, 3), (1, 2), **options), maps([[4, 4]]))
    counted = pooling.avg_pool(x, (1, 3), (1, 2), **options, count_include_pad=True)
    np.testing.assert_allclose(counted, maps([[8 / 3, 4]]), rtol=1e-6)
    with_more = pooling.avg_pool(
        maps([[4, 4]]), (1, 2), (1, 2), padding=((0, 0), (1, 0)), ceil_mode=True, count_include_pad=True
    )
    np.testing.assert_array_equal(with_more, maps([[2, 4]]))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: max_unpool(maps([[1]]), maps([[0]]), (2, 2)), "not float32 (1, 1, 1)"),
        (
            lambda: max_unpool(maps([[1]]), places(1, 2, 1), (2, 2)),
            "of the shape (1, 1, 1) that y has",
        ),
        (
            lambda: max_unpool(maps([[1]]), places(1, 1, 1), (0, 2)),
            "output_size must be at least 1, not (0, 2)",
        ),
        (lambda: max_pool_with_indices(maps([[1]]), 2), "window 2 is larger than its 1x1 input"),
    ],
)
def test_refusals(call: Any, sentence: str) -> None:
    with pytest.raises(PoolscopeError, match=re.escape(sentence)):
        call()
