"""Operators on maps without edges: outputs follow every shift of the map."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from poolscope.measures.torus import apply_on_torus
from poolscope.pooling import avg_pool, max_pool


@pytest.mark.parametrize("operator", [avg_pool, max_pool])
@pytest.mark.parametrize(("size", "margin"), [((6, 8), (4, 4)), ((7, 5), (3, 6))])
def test_at_stride_1_outputs_are_windows_that_wrap_around(
    operator: object, size: tuple[int, int], margin: tuple[int, int]
) -> None:
    maps = np.random.default_rng(0).normal(size=(2, *size, 3)).astype(np.float32)
    found = apply_on_torus(partial(operator, window=2, stride=1), maps, margin)  # type: ignore[arg-type]
    corners = np.stack([np.roll(maps, (-down, -right), (1, 2)) for down in (0, 1) for right in (0, 1)])
    expected = corners.mean(0) if operator is avg_pool else corners.max(0)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_at_a_stride_outputs_are_every_s_th_of_them() -> None:
    maps = np.random.default_rng(1).normal(size=(1, 6, 9, 2)).astype(np.float32)
    dense = apply_on_torus(partial(max_pool, window=3, stride=1), maps, (6, 6))
    strided = apply_on_torus(partial(max_pool, window=3, stride=(2, 3)), maps, (6, 6), (2, 3))
    np.testing.assert_array_equal(strided, dense[:, ::2, ::3])
