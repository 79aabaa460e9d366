"""Random window geometries for the tests, worked out cell by cell, and what comparing on them needs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np


@dataclass(frozen=True)
class Geometry:
    height: int
    width: int
    window: tuple[int, int]
    stride: tuple[int, int]
    padding: Any
    dilation: tuple[int, int] = (1, 1)

    def axis(self, axis: int) -> list[list[int | None]]:
        """For each window along an axis, the cells it reads; None where it reads padding."""
        n, k = (self.height, self.width)[axis], self.window[axis]
        s, d = self.stride[axis], self.dilation[axis]
        span = d * (k - 1) + 1
        if self.padding == "VALID":
            before, after = 0, 0
        elif self.padding == "SAME":
            missing = max((math.ceil(n / s) - 1) * s + span - n, 0)
            before, after = missing // 2, missing - missing // 2
        else:
            before, after = self.padding[axis]
        windows = []
        start = -before
        while start + span <= n + after:
            cells = [start + d * tap for tap in range(k)]
            windows.append([cell if 0 <= cell < n else None for cell in cells])
            start += s
        return windows

    @property
    def works(self) -> bool:
        return all(self.axis(a) and all(any(cell is not None for cell in w) for w in self.axis(a)) for a in (0, 1))

    @property
    def output(self) -> tuple[int, int]:
        return len(self.axis(0)), len(self.axis(1))

    def windows(self) -> Iterator[tuple[int, int, list[tuple[int, int, int]]]]:
        """Output row and column, and (tap number, row, column) of each real cell."""
        for r, rows in enumerate(self.axis(0)):
            for c, columns in enumerate(self.axis(1)):
                cells = [
                    (i * self.window[1] + j, row, column)
                    for i, row in enumerate(rows)
                    for j, column in enumerate(columns)
                    if row is not None and column is not None
                ]
                yield r, c, cells


def random_geometries(count: int, seed: int = 0, stride: int | None = None) -> list[Geometry]:
    """Geometries of all sorts: non-square, overlapping, strides past the window, paddings, dilations, 1x1 maps."""
    rng = np.random.default_rng(seed)
    found = [
        Geometry(1, 1, (1, 1), (1, 1), "VALID"),
        Geometry(1, 1, (2, 2), (2, 2), "SAME"),
        Geometry(6, 6, (2, 2), (2, 2), "VALID"),
        Geometry(7, 5, (3, 3), (2, 2), "SAME"),
        Geometry(7, 6, (2, 2), (3, 4), "VALID"),
        Geometry(5, 6, (3, 2), (1, 2), ((1, 2), (0, 1))),
    ]
    while len(found) < count:

        def pair(low: int, high: int) -> tuple[int, int]:
            return tuple(int(value) for value in rng.integers(low, high, 2))

        window = pair(1, 4)
        explicit = tuple(tuple(int(v) for v in rng.integers(0, k, 2)) for k in window)
        padding = ("VALID", "SAME", explicit)[rng.integers(3)]
        dilation = pair(1, 3) if rng.random() < 0.3 else (1, 1)
        geometry = Geometry(*pair(1, 9), window, pair(1, 5), padding, dilation)
        if geometry.works and math.prod(window) <= 6:
            found.append(geometry)
    if stride is not None:
        found = [replace(geometry, stride=(stride, stride)) for geometry in found]
    return found[:count]


def numerical_gradient(
    function: Callable[[np.ndarray], np.ndarray], x: np.ndarray, weights: np.ndarray, step: float = 1e-6
) -> np.ndarray:
    """Central differences of sum(weights * function(x)) in every cell of x, (1, H, W, C); all moves as one batch."""
    moves = step * np.eye(x.size).reshape(-1, *x.shape[1:])
    up, down = function(x + moves), function(x - moves)
    return ((up - down) * weights).reshape(x.size, -1).sum(1).reshape(x.shape) / (2 * step)


def compile_quickly(function: Callable[..., Any]) -> Callable[..., Any]:
    """Jitted for a quick compilation rather than a quick run."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})
