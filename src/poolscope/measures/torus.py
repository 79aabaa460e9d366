"""Operators on maps without edges: a map that wraps around, as shifts and frequencies need it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from poolscope.spec.geometry import Pair


def apply_on_torus(
    apply: Callable[[np.ndarray], Any], maps: np.ndarray, margin: Pair, stride: Pair = (1, 1)
) -> np.ndarray:
    """Apply an operator of a stride to maps (N, H, W, C) without edges; outputs float32 (N, H // s, W // s, K).

    The maps are continued over their edges by `margin` cells, multiples of the stride and at least as many as a window
    spans, and the outputs of the margin are cut off again. At stride 1 this is the operator before its subsampling.
    """
    (top, left), (rows, columns) = (
        tuple(size // step for size, step in zip(sizes, stride, strict=True)) for sizes in (margin, maps.shape[1:3])
    )
    wrapped = np.pad(maps, ((0, 0), (margin[0],) * 2, (margin[1],) * 2, (0, 0)), mode="wrap")
    return np.asarray(apply(wrapped), np.float32)[:, top : top + rows, left : left + columns]
