"""Small feature maps for operators that are worked by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from poolscope.spec.errors import PoolscopeError

TUTORIAL = [[1, 3, 2, 4], [5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16]]


def maps(rows: list[list[float]]) -> np.ndarray:
    """One map of one channel, (1, H, W, 1)."""
    return np.asarray(rows, "float32")[None, :, :, None]


def rows(y: Any) -> list[list[float]]:
    """The first map's first channel."""
    return np.asarray(y, "float64")[0, :, :, 0].round(5).tolist()


def normal(*shape: int) -> np.ndarray:
    """Normal numbers, the same at every call."""
    return np.random.default_rng(5).normal(size=shape).astype("float32")


def close(y: Any, expected: Any, atol: float = 1e-5) -> None:
    np.testing.assert_allclose(y, expected, atol=atol)


def assert_refused(call: Callable[[np.ndarray], Any], sentence: str) -> None:
    """The call, given a 4x4 map, raises one sentence that holds this one."""
    with pytest.raises(PoolscopeError) as caught:
        call(maps(TUTORIAL))
    assert sentence in str(caught.value)
