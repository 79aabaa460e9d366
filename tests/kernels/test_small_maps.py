"""The NumPy forms of the plainest operators are the operators."""

from __future__ import annotations

import numpy as np
import pytest
from pool_geometries import Geometry, random_geometries

from poolscope import pooling
from poolscope.kernels.small_maps import reduce_windows
from poolscope.spec.geometry import make_window
from poolscope.spec.operators import OPERATORS


@pytest.mark.parametrize("geometry", random_geometries(10, seed=5), ids=str)
def test_they_equal_the_operators(geometry: Geometry) -> None:
    x = np.random.default_rng(0).normal(size=(geometry.height, geometry.width)).astype(np.float32)
    window = make_window(geometry.window, geometry.stride, geometry.padding, geometry.dilation)
    for name, operator in OPERATORS.items():
        if not operator.numpy:
            continue
        reduction = getattr(np, operator.numpy)
        expected = pooling.POOLS[name](x[None, :, :, None], window)[0, :, :, 0]
        found = reduce_windows(x, window, reduction)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7, err_msg=name)


def test_nan_is_largest() -> None:
    x = np.array([[1, np.nan], [2, 3]], np.float32)
    found = reduce_windows(x, make_window(2), np.max)
    np.testing.assert_array_equal(found, [[np.nan]])


def test_a_window_of_padding_alone_is_left_to_the_operator() -> None:
    assert reduce_windows(np.ones((2, 2), np.float32), make_window(2, 2, 2), np.max) is None
