"""Operators that see the whole map, and convolutions before a pool, in NumPy loops from their formulas alone."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
from pool_geometries import Geometry


def shares(n: int, out: int, f: int) -> float:
    """1, or 1/2 where both signs of the frequency are the highest one of the smaller axis."""
    return 0.5 if 2 * abs(f) == min(n, out) else 1.0


def crop(x: np.ndarray, axis: int, out: int, mask: Callable[[int, int, int], float]) -> np.ndarray:
    """The axis through NumPy's FFT, frequency by frequency from one spectrum into the other; complex."""
    n = x.shape[axis]
    spectrum = np.moveaxis(np.fft.fft(x, axis=axis), axis, -1)
    kept = np.zeros((*spectrum.shape[:-1], out), complex)
    for f in range(-(min(n, out) // 2), min(n, out) // 2 + 1):
        kept[..., f % out] += mask(f, n, out) * spectrum[..., f % n]
    return np.moveaxis(np.fft.ifft(kept, axis=-1) * out / n, -1, axis)


def frequency(x: np.ndarray, geometry: Geometry) -> np.ndarray:
    def mask(f: int, n: int, out: int) -> float:
        return 0.0 if out < n and 2 * abs(f) == out else shares(n, out, f)

    for axis, out in enumerate(geometry.output, start=1):
        x = crop(x, axis, out, mask)
    return x.real


def flc(x: np.ndarray, geometry: Geometry) -> np.ndarray:
    def mask(f: int, n: int, out: int) -> float:
        highest = 2 * abs(f) == min(n, out)
        return shares(n, out, f) if out > n else 0.0 if highest and f > 0 else 1.0

    for axis, out in enumerate(geometry.output, start=1):
        x = crop(x, axis, out, mask)
    return np.abs(x)


def asap(x: np.ndarray, geometry: Geometry) -> np.ndarray:
    def mask(f: int, n: int, out: int) -> float:
        return shares(n, out, f) * (math.sqrt(0.54 + 0.46 * math.cos(2 * math.pi * f / n)) if out < n else 1)

    for axis, out in enumerate(geometry.output, start=1):
        x = crop(x, axis, out, mask)
    return x.real


DAUBECHIES = {  # low-pass filters in closed form
    1: np.array([1, 1]) / math.sqrt(2),
    2: np.array([1 + math.sqrt(3), 3 + math.sqrt(3), 3 - math.sqrt(3), 1 - math.sqrt(3)]) / (4 * math.sqrt(2)),
}


def band(x: np.ndarray, axis: int, out: int, moments: int, high: bool) -> np.ndarray:
    low = DAUBECHIES[moments]
    taps = [(-1) ** k * low[len(low) - 1 - k] for k in range(len(low))] if high else low
    lines = [
        sum(h * np.take(x, (2 * p + k - (moments - 1)) % x.shape[axis], axis) for k, h in enumerate(taps))
        for p in range(out)
    ]
    return np.stack(lines, axis)


def wavelet(x: np.ndarray, geometry: Geometry, moments: int) -> np.ndarray:
    oh, ow = geometry.output
    return band(band(x, 1, oh, moments, False), 2, ow, moments, False)


def wavelet_bands(x: np.ndarray, geometry: Geometry, moments: int, weights: np.ndarray) -> np.ndarray:
    oh, ow = geometry.output
    parts = [
        weights[number] * band(band(x, 1, oh, moments, down), 2, ow, moments, across)
        for number, (down, across) in enumerate(itertools.product((False, True), repeat=2))
    ]
    return np.concatenate(parts, axis=3)


def edge_blur(
    x: np.ndarray,
    geometry: Geometry,
    blurred: Callable[..., np.ndarray],
    own: Callable[..., np.ndarray],
    mirror: Callable[[int, int, int], int],
    filter_size: int,
    threshold: float,
) -> np.ndarray:
    """blurred and own: the oracles of blur_pool and subsample; mirror: where a position past the edge reads."""
    (height, width), gaps = x.shape[1:3], geometry.dilation
    levels = np.log2(np.maximum(x, 0) + 1e-6)
    edges = np.zeros(x.shape[:3], bool)
    for i, j in np.ndindex(height, width):
        for di, dj in ((2, 0), (0, 2)):
            pair = [
                levels[:, mirror(i + s * di * gaps[0], height, gaps[0]), mirror(j + s * dj * gaps[1], width, gaps[1])]
                for s in (1, -1)
            ]
            edges[:, i, j] |= np.abs((pair[0] - pair[1]).mean(1)) > math.log2(threshold)
    near = np.zeros_like(x)
    for i, j in np.ndindex(height, width):
        for di, dj in itertools.product((-1, 0, 1), repeat=2):
            row, column = mirror(i + di * gaps[0], height, gaps[0]), mirror(j + dj * gaps[1], width, gaps[1])
            near[:, i, j] = np.maximum(near[:, i, j], edges[:, row, column, None])
    sharp = own(near, geometry)
    return sharp * own(x, geometry) + (1 - sharp) * blurred(x, geometry, filter_size)


def conv_max(x: np.ndarray, geometry: Geometry, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    seen = np.zeros((*x.shape[:3], kernel.shape[3])) + bias
    for i, j in np.ndindex(*x.shape[1:3]):
        for a, b in np.ndindex(*geometry.window):
            row = i + (a - (geometry.window[0] - 1) // 2) * geometry.dilation[0]
            column = j + (b - (geometry.window[1] - 1) // 2) * geometry.dilation[1]
            if 0 <= row < x.shape[1] and 0 <= column < x.shape[2]:
                seen[:, i, j] += x[:, row, column] @ kernel[a, b]
    y = np.zeros((len(x), *geometry.output, kernel.shape[3]))
    for r, c, cells in geometry.windows():
        y[:, r, c] = np.max([np.maximum(seen[:, i, j], 0) for _, i, j in cells], axis=0)
    return y


def strip(
    x: np.ndarray, geometry: Geometry, rows: np.ndarray, columns: np.ndarray, mix: np.ndarray, bias: np.ndarray
) -> np.ndarray:
    def along(line: np.ndarray, kernel: np.ndarray, at: int) -> np.ndarray:
        places = [p for p in (at - 1, at, at + 1) if 0 <= p < line.shape[1]]
        return sum(line[:, p] @ kernel[p - at + 1] for p in places)

    gated = np.zeros_like(x)
    for i, j in np.ndindex(*x.shape[1:3]):
        seen = np.maximum(along(x.mean(2), rows, i) + along(x.mean(1), columns, j), 0)
        gated[:, i, j] = x[:, i, j] / (1 + np.exp(-(seen @ mix + bias)))
    y = np.zeros((len(x), *geometry.output, x.shape[3]))
    for r, c, cells in geometry.windows():
        y[:, r, c] = np.mean([gated[:, i, j] for _, i, j in cells], axis=0)
    return y


def tips(
    x: np.ndarray,
    geometry: Geometry,
    phases: Callable[..., list[np.ndarray]],
    adaptive: Callable[..., np.ndarray],
    kernel: np.ndarray,
    scale: np.ndarray,
) -> np.ndarray:
    """phases, adaptive: the oracles of the polyphase components and of adaptive pooling."""
    (height, width), seen = x.shape[1:3], np.zeros_like(x)
    for i, j in np.ndindex(height, width):
        for a, b in np.ndindex(3, 3):
            if 0 <= i + a - 1 < height and 0 <= j + b - 1 < width:
                seen[:, i, j] += x[:, i + a - 1, j + b - 1] * kernel[a, b]
    places = Geometry(*geometry.stride, (1, 1), (1, 1), "VALID")
    e = np.exp(scale * adaptive(np.maximum(seen, 0), places, np.mean))
    weights = e / e.sum((1, 2), keepdims=True)
    parts = phases(x, geometry)
    return sum(
        weights[:, a, b, None, None] * parts[a * geometry.stride[1] + b] for a, b in np.ndindex(*geometry.stride)
    )
