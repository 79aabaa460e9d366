"""I1: how much of a map a linear probe can rebuild from what pooling left of it."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from poolscope.measures.information.estimate import Estimate, Parts, divide_rows, find_fault, find_few, flatten_rows
from poolscope.measures.information.ridge import ALPHAS, Fit, Ridge, fit_ridge
from poolscope.spec.geometry import Pair

_MANY, _FEW = 100_000, 20_000  # samples of a local probe: of one channel, and at least of several
_RELATIVE_ZERO = 1e-12


@dataclass(frozen=True, kw_only=True)
class Reconstruction(Estimate):
    """R^2 of a linear reconstruction; 1 for all, 0 for nothing beyond the mean.

    alpha: the ridge penalty chosen. mse: mean squared error on the reported rows. bias: how much n samples are expected
    to cost the value, -(1 - R^2) d / n. Of a global reconstruction also kept: outputs per input; ceiling: what the best
    linear code of as many numbers keeps; efficiency: value / ceiling.
    """

    alpha: float = math.nan
    mse: float = math.nan
    kept: float = math.nan
    ceiling: float = math.nan
    efficiency: float = math.nan

    @property
    def bias(self) -> float:
        """Expected difference of the value to that of unlimited samples (white noise; shrinkage left out)."""
        return -(1 - self.value) * self.d / self.n if self.n else math.nan


@dataclass(frozen=True, kw_only=True)
class Rebuilt(Reconstruction):
    """A global reconstruction together with its probe."""

    ridge: Ridge

    def rebuild(self, after: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Maps (n, *shape) as the probe rebuilds them from outputs (n, h, w, K); for pictures and bands."""
        return self.ridge.predict(after.reshape(len(after), -1)).reshape(len(after), *shape)


@dataclass(frozen=True)
class Ceiling:
    """Share of the reported rows' variance that the first m principal components of the fitted rows keep.

    shares: index m gives m components, from 0 (nothing) up.
    """

    shares: np.ndarray

    def at(self, m: int) -> float:
        """The best R^2 that any m linear numbers allow."""
        return float(self.shares[min(m, len(self.shares) - 1)])


def reconstruction_r2(
    before: np.ndarray,
    after: np.ndarray,
    *,
    context: str = "global",
    stride: Pair | None = None,
    offset: Pair = (0, 0),
    per_channel: bool | None = None,
    parts: Parts | None = None,
    ceiling: Ceiling | None = None,
    alphas: tuple[float, ...] = ALPHAS,
) -> Reconstruction:
    """R^2 = 1 - sum |x - x^|^2 / sum |x - mean|^2 on held-out maps, pooled over all coordinates; x^ by ridge.

    before (N, H, W, C), after (N, h, w, K). context "global": the whole map from the whole output. "local": the
    stride's cell of `before` that an output stands for, from the 3 x 3 outputs around it; samples are locations and
    images, so the value compares across map sizes. offset: row and column of `before` where the first output's cell
    begins. per_channel: a probe for each channel (default: where C = K). parts: of the images. ceiling: reuse
    `principal_ceiling(before)`. NaN with a reason where the maps or the outputs are constant, all zero or not finite,
    or samples fewer than features.
    """
    before, after = (maps if maps.ndim == 4 else flatten_rows(maps)[:, None, None] for maps in (before, after))
    inputs, outputs = flatten_rows(before), flatten_rows(after)
    d, kept = outputs.shape[1], outputs.shape[1] / inputs.shape[1]
    fault = ("" if parts else find_few(len(before))) or ("" if np.isfinite(before).all() else "an input is not finite")
    if fault:
        return Reconstruction(value=math.nan, unit="R2", n=len(before), d=d, reason=fault, kept=kept)
    parts = parts or divide_rows(len(before))
    if context == "local":
        return _reconstruct_local(before, after, stride, offset, per_channel, parts, alphas)
    n = len(parts.fit)
    fault = find_fault(outputs, outputs[parts.fit], n, d)
    deviation = _constant(inputs[parts.fit], inputs[parts.test])
    if deviation is not None:
        return Reconstruction(
            value=math.nan, unit="R2", n=n, d=d, reason="the input is constant", mse=deviation, kept=kept
        )
    if fault:
        return Reconstruction(value=math.nan, unit="R2", n=n, d=d, reason=fault, kept=kept)
    fit = fit_ridge(outputs, inputs, parts, alphas)
    best = (ceiling or principal_ceiling(before, parts)).at(d)
    return Rebuilt(
        value=fit.r2,
        unit="R2",
        n=n,
        d=d,
        alpha=fit.ridge.alpha,
        mse=fit.error / (len(parts.test) * inputs.shape[1]),
        kept=kept,
        ceiling=best,
        efficiency=fit.r2 / best if best > 0 else math.nan,
        ridge=fit.ridge,
    )


def principal_ceiling(maps: np.ndarray, parts: Parts | None = None) -> Ceiling:
    """R^2 that the first m principal components of the fitted rows reach on the reported rows, for every m.

    Components of all rows would promise more than any code reaches on new ones. Where the fitted rows are fewer than
    the numbers in a row, the later components are not known, and shares stay at what was reached. NaN where the
    reported rows don't vary, a value is not finite, or rows are fewer than 3.
    """
    rows = flatten_rows(maps)
    if not np.isfinite(rows).all() or (parts is None and find_few(len(rows))):
        return Ceiling(np.full(1, math.nan))
    parts = parts or divide_rows(len(rows))
    fitted = rows[parts.fit].astype(np.float64)
    mean = fitted.mean(0)
    fitted -= mean
    _, basis = np.linalg.eigh(fitted.T @ fitted)
    basis = basis[:, ::-1][:, : min(len(fitted), rows.shape[1])]
    tested = rows[parts.test].astype(np.float64) - mean
    total = float((tested**2).sum())
    if total <= 0:
        return Ceiling(np.full(1, math.nan))
    return Ceiling(np.concatenate([[0.0], np.cumsum(((tested @ basis) ** 2).sum(0)) / total]))


def peak_signal_to_noise(truth: np.ndarray, estimate: np.ndarray, largest: float = 1.0) -> float:
    """PSNR = 10 log10(largest^2 / MSE) in decibel; infinite where the two are equal, NaN without finite pixels."""
    if not truth.size or not (np.isfinite(truth).all() and np.isfinite(estimate).all()):
        return math.nan
    error = float(np.mean((truth.astype(np.float64) - estimate) ** 2))
    return math.inf if error == 0 else 10 * math.log10(largest**2 / error)


def _reconstruct_local(
    before: np.ndarray,
    after: np.ndarray,
    stride: Pair | None,
    offset: Pair,
    per_channel: bool | None,
    parts: Parts,
    alphas: tuple[float, ...],
) -> Reconstruction:
    step = stride or (before.shape[1] // after.shape[1], before.shape[2] // after.shape[2])
    separate = before.shape[3] == after.shape[3] if per_channel is None else per_channel
    channels = [slice(channel, channel + 1) for channel in range(before.shape[3])] if separate else [slice(None)]
    rows, columns = (
        _inner_locations(before.shape[axis], after.shape[axis], step[axis - 1], offset[axis - 1]) for axis in (1, 2)
    )
    d = 9 * (1 if separate else after.shape[3])
    if not (len(rows) and len(columns)):
        size = f"{after.shape[1]}x{after.shape[2]}"
        reason = f"no 3x3 neighbourhood with a whole cell fits into the {size} output"
        return Reconstruction(value=math.nan, unit="R2", n=0, d=d, reason=reason)
    places = len(rows) * len(columns)
    most = max(1, (_MANY if d < 10 else max(_FEW, 200 * d)) // places)
    parts = Parts(*(part[:most] for part in (parts.fit, parts.select, parts.test)))
    n = len(parts.fit) * places
    used = np.concatenate([parts.fit, parts.select, parts.test])
    before, after = before[used], after[used]
    sizes = np.cumsum([0, *(places * len(part) for part in (parts.fit, parts.select, parts.test))])
    samples = Parts(*(np.arange(start, stop) for start, stop in itertools.pairwise(sizes)))
    fault = find_fault(after, after[: len(parts.fit)].reshape(-1, after.shape[3]), n, d)
    fits: list[Fit] = []
    for channel in channels:
        targets = _cells(before[..., channel], rows, columns, step, offset)
        constant = _constant(targets[samples.fit], targets[samples.test])
        if constant is not None:
            fits.append(Fit(None, constant * targets[samples.test].size, 0.0))  # type: ignore[arg-type]
        elif not fault:
            fits.append(fit_ridge(_neighbourhoods(after[..., channel], rows, columns), targets, samples, alphas))
    if len(fits) < len(channels):
        return Reconstruction(value=math.nan, unit="R2", n=n, d=d, reason=fault)
    error, deviation = sum(fit.error for fit in fits), sum(fit.deviation for fit in fits)
    mse = error / (len(samples.test) * len(channels) * step[0] * step[1] * (1 if separate else before.shape[3]))
    if deviation == 0:
        return Reconstruction(value=math.nan, unit="R2", n=n, d=d, reason="the input is constant", mse=mse)
    alpha = float(np.median([fit.ridge.alpha for fit in fits if fit.deviation]))
    return Reconstruction(value=1 - error / deviation, unit="R2", n=n, d=d, alpha=alpha, mse=mse)


def _inner_locations(size: int, outputs: int, step: int, offset: int) -> np.ndarray:
    """Outputs with a neighbour on both sides whose cell lies inside the map."""
    places = np.arange(1, outputs - 1)
    start = places * step + offset
    return places[(start >= 0) & (start + step <= size)]


def _neighbourhoods(after: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(after, (3, 3), (1, 2))
    chosen = windows[:, rows[0] - 1 : rows[-1], columns[0] - 1 : columns[-1]]
    return chosen.reshape(-1, after.shape[3] * 9)


def _cells(before: np.ndarray, rows: np.ndarray, columns: np.ndarray, step: Pair, offset: Pair) -> np.ndarray:
    top, left = rows[0] * step[0] + offset[0], columns[0] * step[1] + offset[1]
    area = before[:, top : top + len(rows) * step[0], left : left + len(columns) * step[1]]
    cells = area.reshape(len(before), len(rows), step[0], len(columns), step[1], -1).transpose(0, 1, 3, 2, 4, 5)
    return cells.reshape(-1, step[0] * step[1] * before.shape[3])


def _constant(fitted: np.ndarray, tested: np.ndarray) -> float | None:
    """Mean squared deviation of tested rows from the fitted mean where either varies by rounding only, else None."""
    largest = max(float(np.abs(fitted).max()), float(np.abs(tested).max())) ** 2
    mean = fitted.mean(0, dtype=np.float64)
    deviations = [float(((rows - mean) ** 2).mean()) for rows in (fitted, tested)]
    return deviations[1] if min(deviations) <= _RELATIVE_ZERO * largest else None
