"""Every operator once more, in NumPy loops over windows and cells in float64, written from the formulas alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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


def random_geometries(count: int, seed: int = 0) -> list[Geometry]:
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
    return found[:count]


def by_window(reduce: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """The oracle of a local operator from its formula on one window: reduce(cells, taps, geometry, **options).

    cells: (real cells, N, C), row-major; taps: their numbers in the window.
    """

    def oracle(x: np.ndarray, geometry: Geometry, **options: Any) -> np.ndarray:
        y = np.zeros((len(x), *geometry.output, x.shape[3]))
        for r, c, cells in geometry.windows():
            values = np.stack([x[:, i, j] for _, i, j in cells])
            y[:, r, c] = reduce(values, [tap for tap, _, _ in cells], geometry, **options)
        return y

    return oracle


def _avg(v: np.ndarray, taps: list[int], g: Geometry, count_include_pad: bool = False) -> np.ndarray:
    return v.sum(0) / (math.prod(g.window) if count_include_pad else len(v))


def _soft(v: np.ndarray, taps: list[int], g: Geometry, beta: float) -> np.ndarray:
    return (np.exp(beta * v) * v).sum(0) / np.exp(beta * v).sum(0)


def _stochastic(v: np.ndarray, taps: list[int], g: Geometry) -> np.ndarray:
    a = np.maximum(v, 0)
    return (a**2).sum(0) / np.where(a.sum(0) > 0, a.sum(0), 1)


def _gated(v: np.ndarray, taps: list[int], g: Geometry, kernel: np.ndarray) -> np.ndarray:
    gate = 1 / (1 + np.exp(-np.tensordot(kernel.ravel()[taps], v, 1)))
    return gate * v.max(0) + (1 - gate) * v.mean(0)


def strided_conv(x: np.ndarray, geometry: Geometry, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    y = np.zeros((len(x), *geometry.output, kernel.shape[3])) + bias
    for r, c, cells in geometry.windows():
        for tap, i, j in cells:
            y[:, r, c] += x[:, i, j] @ kernel.reshape(-1, *kernel.shape[2:])[tap]
    return np.maximum(y, 0)


def mirror(cell: int, n: int, gap: int) -> int:
    """Walk back and forth between the ends of the cell's phase until inside."""
    phase = [p for p in range(n) if p % gap == cell % gap]
    if not phase:
        return 0
    if len(phase) == 1:
        return phase[0]
    while not phase[0] <= cell <= phase[-1]:
        cell = 2 * phase[0] - cell if cell < phase[0] else 2 * phase[-1] - cell
    return cell


def blur(x: np.ndarray, size: int, gap: tuple[int, int]) -> np.ndarray:
    row = [1.0]
    for _ in range(size - 1):
        row = [a + b for a, b in zip([*row, 0.0], [0.0, *row], strict=True)]
    y = np.zeros_like(x)
    for i in range(x.shape[1]):
        for j in range(x.shape[2]):
            for p, a in enumerate(row):
                for q, b in enumerate(row):
                    r = mirror(i + (p - (size - 1) // 2) * gap[0], x.shape[1], gap[0])
                    c = mirror(j + (q - (size - 1) // 2) * gap[1], x.shape[2], gap[1])
                    y[:, i, j] += a * b * x[:, r, c] / sum(row) ** 2
    return y


def blur_pool(x: np.ndarray, geometry: Geometry, filter_size: int) -> np.ndarray:
    return subsample(blur(x, filter_size, geometry.dilation), geometry)


def dense(geometry: Geometry) -> Geometry:
    """The geometry at stride 1 with the padding that it has at its own stride."""
    pads = []
    for axis, n in enumerate((geometry.height, geometry.width)):
        first = geometry.axis(axis)[0]
        before = geometry.dilation[axis] * next(i for i, cell in enumerate(first) if cell is not None)
        before -= next(cell for cell in first if cell is not None)
        if geometry.padding == "SAME":
            span = geometry.dilation[axis] * (geometry.window[axis] - 1) + 1
            after = max((len(geometry.axis(axis)) - 1) * geometry.stride[axis] + span - n, 0) - before
        else:
            after = 0 if geometry.padding == "VALID" else geometry.padding[axis][1]
        pads.append((before, after))
    return Geometry(geometry.height, geometry.width, geometry.window, (1, 1), tuple(pads), geometry.dilation)


def anti_aliased(oracle: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    def blurred(x: np.ndarray, geometry: Geometry, filter_size: int, **options: Any) -> np.ndarray:
        y = blur(oracle(x, dense(geometry), **options), filter_size, geometry.dilation)
        return y[:, :: geometry.stride[0], :: geometry.stride[1]]

    return blurred


maximum = by_window(lambda v, taps, g: v.max(0))
subsample = by_window(lambda v, taps, g: v[0])

ORACLES: dict[str, Callable[..., np.ndarray]] = {
    "max": maximum,
    "avg": by_window(_avg),
    "min": by_window(lambda v, taps, g: v.min(0)),
    "lp": by_window(lambda v, taps, g, p: (np.abs(v) ** p).sum(0) ** (1 / p)),
    "gem": by_window(lambda v, taps, g, p, eps: (np.maximum(v, eps) ** p).mean(0) ** (1 / p)),
    "lse": by_window(lambda v, taps, g, beta: np.log(np.exp(beta * v).mean(0)) / beta),
    "soft": by_window(_soft),
    "stochastic": by_window(_stochastic),
    "mixed": by_window(lambda v, taps, g, alpha: alpha * v.max(0) + (1 - alpha) * v.mean(0)),
    "gated": by_window(_gated),
    "subsample": subsample,
    "strided_conv": strided_conv,
    "blur": blur_pool,
    "max_blur": anti_aliased(maximum),
}


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
