"""Every operator once more, in NumPy loops over windows and cells in float64, written from the formulas alone."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import map_oracles
import numpy as np
from pool_geometries import Geometry


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


def _ordinal(v: np.ndarray, taps: list[int], g: Geometry, weights: np.ndarray) -> np.ndarray:
    w = weights[: len(v), None, :]
    return (np.sort(v, axis=0)[::-1] * w).sum(0) / w.sum(0)


def _tree(v: np.ndarray, taps: list[int], g: Geometry, leaves: np.ndarray, gates: np.ndarray) -> np.ndarray:
    def filtered(kernel: np.ndarray) -> np.ndarray:
        return np.tensordot(kernel.ravel()[taps], v, 1)

    def node(number: int) -> np.ndarray:
        if number >= len(gates):
            return filtered(leaves[number - len(gates)])
        gate = 1 / (1 + np.exp(-filtered(gates[number])))
        return gate * node(2 * number + 1) + (1 - gate) * node(2 * number + 2)

    return node(0)


def _edscw(v: np.ndarray, taps: list[int], g: Geometry) -> np.ndarray:
    m = v.mean(0)
    w = np.exp(2 * np.abs(v * m) / (v**2 + m**2))
    return (w * v).sum(0) / w.sum(0)


def dpp(
    x: np.ndarray, geometry: Geometry, sharpness: np.ndarray, offset: np.ndarray, kernel: np.ndarray, bias: np.ndarray
) -> np.ndarray:
    y = np.zeros((len(x), *geometry.output, x.shape[3]))
    rows, columns = geometry.axis(0), geometry.axis(1)
    for r, c, cells in geometry.windows():
        v = np.stack([x[:, i, j] for _, i, j in cells])
        middle = []
        for axis, places in ((0, rows[r]), (1, columns[c])):
            known = next(t for t, place in enumerate(places) if place is not None)
            middle.append(places[known] + geometry.dilation[axis] * ((len(places) - 1) // 2 - known))
        smooth = np.zeros_like(v[0]) + bias
        for a in range(3):
            for b in range(3):
                i = middle[0] + geometry.dilation[0] * (a - 1)
                j = middle[1] + geometry.dilation[1] * (b - 1)
                if 0 <= i < geometry.height and 0 <= j < geometry.width:
                    smooth = smooth + kernel[a, b] * x[:, i, j]
        q = (v - smooth) ** 2 + 1e-3
        w = (q / q.mean(0)) ** (np.exp(sharpness) / 2) + np.exp(offset)
        y[:, r, c] = (w * v).sum(0) / w.sum(0)
    return y


def convolve(x: np.ndarray, kernel: np.ndarray, wrap: bool) -> np.ndarray:
    y = np.zeros((*x.shape[:3], kernel.shape[3]))
    for i in range(x.shape[1]):
        for j in range(x.shape[2]):
            for a in range(3):
                for b in range(3):
                    r, c = i + a - 1, j + b - 1
                    if wrap or (0 <= r < x.shape[1] and 0 <= c < x.shape[2]):
                        y[:, i, j] += x[:, r % x.shape[1], c % x.shape[2]] @ kernel[a, b]
    return y


def lip(x: np.ndarray, geometry: Geometry, kernel: np.ndarray, scale: np.ndarray, bias: np.ndarray) -> np.ndarray:
    seen = convolve(x, kernel, wrap=False)
    normed = (seen - seen.mean((1, 2), keepdims=True)) / np.sqrt(seen.var((1, 2), keepdims=True) + 1e-5)
    e = np.exp(12 / (1 + np.exp(-(scale * normed + bias))))
    total = by_window(lambda v, taps, g: v.sum(0))
    return total(x * e, geometry) / total(e, geometry)


def _crop(x: np.ndarray, axis: int, out: int, mask: Callable[[int], float]) -> np.ndarray:
    """The axis through NumPy's FFT: frequency by frequency from one spectrum into the other."""
    n = x.shape[axis]
    spectrum = np.moveaxis(np.fft.fft(x, axis=axis), axis, -1)
    kept = np.zeros((*spectrum.shape[:-1], out), complex)
    for f in range(-(min(n, out) // 2), min(n, out) // 2 + 1):
        share = 0.5 if 2 * abs(f) == min(n, out) else 1.0  # both signs of this frequency are met
        kept[..., f % out] += share * mask(abs(f)) * spectrum[..., f % n]
    return np.moveaxis(np.fft.ifft(kept, axis=-1).real * out / n, -1, axis)


def spectral(
    x: np.ndarray, geometry: Geometry, strides: np.ndarray | None = None, smoothness: float = 4.0
) -> np.ndarray:
    for axis, out in enumerate(geometry.output):
        n = x.shape[axis + 1]

        def mask(f: int, n: int = n, axis: int = axis) -> float:
            return 1.0 if strides is None else min(max(1 + (n / 2 / strides[axis] - f) / smoothness, 0), 1)

        x = _crop(x, axis + 1, out, mask)
    return x


def adaptive(x: np.ndarray, geometry: Geometry, reduce: Callable[..., np.ndarray]) -> np.ndarray:
    oh, ow = geometry.output
    y = np.zeros((len(x), oh, ow, x.shape[3]))
    for i in range(oh):
        for j in range(ow):
            rows = slice(math.floor(i * x.shape[1] / oh), math.ceil((i + 1) * x.shape[1] / oh))
            columns = slice(math.floor(j * x.shape[2] / ow), math.ceil((j + 1) * x.shape[2] / ow))
            y[:, i, j] = reduce(x[:, rows, columns], axis=(1, 2))
    return y


def fractional_max(x: np.ndarray, geometry: Geometry, overlapping: bool) -> np.ndarray:
    regions = []
    for n, out in zip(x.shape[1:3], geometry.output, strict=True):
        total = n - 1 if overlapping else n
        cuts = [(i * total + total // 2) // out - (total // 2) // out for i in range(out + 1)]
        ends = [b + 1 if overlapping else max(b, a + 1) for a, b in itertools.pairwise(cuts)]
        if out == n:
            cuts, ends = list(range(n + 1)), list(range(1, n + 1))
        regions.append([(min(a, n - 1), min(b, n)) for a, b in zip(cuts[:-1], ends, strict=True)])
    y = np.zeros((len(x), *geometry.output, x.shape[3]))
    for i, (top, bottom) in enumerate(regions[0]):
        for j, (left, right) in enumerate(regions[1]):
            y[:, i, j] = x[:, top : max(bottom, top + 1), left : max(right, left + 1)].max((1, 2))
    return y


def s3(x: np.ndarray, geometry: Geometry) -> np.ndarray:
    full = maximum(x, dense(geometry))
    y = np.zeros((len(x), *geometry.output, x.shape[3]))
    for i in range(y.shape[1]):
        for j in range(y.shape[2]):
            rows = slice(i * geometry.stride[0], (i + 1) * geometry.stride[0])
            columns = slice(j * geometry.stride[1], (j + 1) * geometry.stride[1])
            y[:, i, j] = full[:, rows, columns].mean((1, 2))
    return y


def phases(x: np.ndarray, geometry: Geometry) -> list[np.ndarray]:
    found = []
    for a in range(geometry.stride[0]):
        for b in range(geometry.stride[1]):
            phase = np.zeros((len(x), *geometry.output, x.shape[3]))
            for i in range(phase.shape[1]):
                for j in range(phase.shape[2]):
                    row, column = a + geometry.stride[0] * i, b + geometry.stride[1] * j
                    phase[:, i, j] = x[:, row % x.shape[1], column % x.shape[2]]
            found.append(phase)
    return found


def aps(x: np.ndarray, geometry: Geometry, norm: str) -> np.ndarray:
    measure = {"l1": lambda p: np.abs(p).sum(), "l2": lambda p: (p**2).sum(), "linf": lambda p: np.abs(p).max()}[norm]
    return _best(x, geometry, lambda phase: np.array([measure(example) for example in phase]))


def _best(x: np.ndarray, geometry: Geometry, score: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    parts = phases(x, geometry)
    best = np.argmax([score(part) for part in parts], axis=0)
    return np.stack([parts[k][n] for n, k in enumerate(best)])


def lps(
    x: np.ndarray, geometry: Geometry, kernel1: np.ndarray, bias1: np.ndarray, kernel2: np.ndarray, bias2: np.ndarray
) -> np.ndarray:
    def score(phase: np.ndarray) -> np.ndarray:
        hidden = np.maximum(convolve(phase, kernel1, wrap=True) + bias1, 0)
        return (convolve(hidden, kernel2, wrap=True) + bias2).mean((1, 2, 3))

    return _best(x, geometry, score)


def lift(
    x: np.ndarray,
    geometry: Geometry,
    depthwise: np.ndarray,
    depthwise_bias: np.ndarray,
    pointwise: np.ndarray,
    pointwise_bias: np.ndarray,
    bands: str,
) -> np.ndarray:
    def network(line: list[np.ndarray], which: tuple[int, int]) -> list[np.ndarray]:
        values = []
        for t in range(len(line)):
            around = [line[min(max(t + o, 0), len(line) - 1)] for o in (-1, 0, 1)]
            hidden = sum(w * cell for w, cell in zip(depthwise[which], around, strict=True)) + depthwise_bias[which]
            values.append(np.tanh(np.maximum(hidden, 0) @ pointwise[which] + pointwise_bias[which]))
        return values

    def split(maps: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
        n, out, number = maps.shape[axis], geometry.output[axis - 1], 2 - axis
        lines = [np.take(maps, i, axis) for i in range(n)]
        pairs = []
        for parity in (0, 1):
            own = [i for i in range(n) if i % 2 == parity] or [0]
            pairs.append([lines[own[min(t, len(own) - 1)]] for t in range(out)])
        detail = [o - p for o, p in zip(pairs[1], network(pairs[0], (number, 0)), strict=True)]
        coarse = [e + u for e, u in zip(pairs[0], network(detail, (number, 1)), strict=True)]
        return np.stack(coarse, axis), np.stack(detail, axis)

    coarse, detail = split(x, 2)
    low, high = split(coarse, 1)
    return low + high + sum(split(detail, 1)) if bands == "sum" else low


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


def _rank_avg(v: np.ndarray, taps: list[int], g: Geometry, top: int) -> np.ndarray:
    return np.sort(v, axis=0)[::-1][:top].mean(0)


def _rank_weighted(v: np.ndarray, taps: list[int], g: Geometry, alpha: float) -> np.ndarray:
    w = [alpha * (1 - alpha) ** rank for rank in range(len(v))]
    return sum(share * cell for share, cell in zip(w, np.sort(v, axis=0)[::-1], strict=True)) / sum(w)


def _t_max_avg(v: np.ndarray, taps: list[int], g: Geometry, top: int, threshold: float) -> np.ndarray:
    return np.where(v.max(0) >= threshold, v.max(0), _rank_avg(v, taps, g, top))


def edge_blur(x: np.ndarray, geometry: Geometry, **options: Any) -> np.ndarray:
    return map_oracles.edge_blur(x, geometry, blur_pool, subsample, mirror, **options)


ORACLES: dict[str, Callable[..., np.ndarray]] = {
    "rank_avg": by_window(_rank_avg),
    "rank_weighted": by_window(_rank_weighted),
    "rank_stochastic": by_window(_rank_weighted),
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
    "median": by_window(lambda v, taps, g: np.median(v, axis=0)),
    "ordinal": by_window(_ordinal),
    "tree": by_window(_tree),
    "random_mixed": by_window(lambda v, taps, g: (v.max(0) + v.mean(0)) / 2),
    "dpp": dpp,
    "edscw": by_window(_edscw),
    "em": by_window(lambda v, taps, g: _soft(v, taps, g, 1.0)),
    "ada": by_window(lambda v, taps, g, alpha: alpha * _edscw(v, taps, g) + (1 - alpha) * _soft(v, taps, g, 1.0)),
    "haar": by_window(lambda v, taps, g: math.prod(g.window) ** 0.5 * v.mean(0)),
    "lip": lip,
    "spectral": spectral,
    "diffstride": spectral,
    "fractional_max": fractional_max,
    "s3": s3,
    "aps": aps,
    "lps": lps,
    "lift": lift,
    "space_to_depth": lambda x, geometry: np.concatenate(phases(x, geometry), axis=3),
    "adaptive_avg": lambda x, geometry: adaptive(x, geometry, np.mean),
    "adaptive_max": lambda x, geometry: adaptive(x, geometry, np.max),
    "t_max_avg": by_window(_t_max_avg),
    "edge_blur": edge_blur,
    "conv_max": map_oracles.conv_max,
    "strip": map_oracles.strip,
    "frequency": map_oracles.frequency,
    "flc": map_oracles.flc,
    "asap": map_oracles.asap,
    "wavelet": map_oracles.wavelet,
    "wavelet_bands": map_oracles.wavelet_bands,
    "tips": lambda x, geometry, **learned: map_oracles.tips(x, geometry, phases, adaptive, **learned),
}
