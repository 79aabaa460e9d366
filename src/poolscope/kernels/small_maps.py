"""The plainest operators on one small map in NumPy, so that a command which applies nothing else needn't import JAX."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from poolscope.spec.geometry import Window


def reduce_windows(x: np.ndarray, window: Window, reduction: Callable[[np.ndarray], np.float32]) -> np.ndarray | None:
    """Return the reduction over each window's cells, padding left out; None if a window sees nothing but padding.

    Args:
        x: one map, float32 (H, W).
        window: geometry that gives at least one output.
        reduction: of an array of any shape to a number.

    Returns: float32 (out_h, out_w).
    """
    axes = []
    for n, out, k, s, d, (before, _) in zip(
        x.shape,
        window.output(*x.shape),
        window.size,
        window.stride,
        window.dilation,
        window.pads(*x.shape),
        strict=True,
    ):
        firsts = (output * s - before for output in range(out))
        axes.append([[cell for cell in range(first, first + k * d, d) if 0 <= cell < n] for first in firsts])
    rows, columns = axes
    if not all(rows) or not all(columns):
        return None
    return np.array([[reduction(x[np.ix_(r, c)]) for c in columns] for r in rows], np.float32)
