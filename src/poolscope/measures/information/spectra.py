"""I2: aliasing, the energy that subsampling folds onto wrong frequencies; and spectra by spatial frequency."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from poolscope.measures.information.estimate import Estimate
from poolscope.spec.geometry import Pair

_RELATIVE_ZERO = 1e-12


@dataclass(frozen=True, kw_only=True)
class Aliasing(Estimate):
    """Share of the varying energy that lies outside the band which the stride can carry: 0 harmless, 1 all misplaced.

    energy: mean AC energy of a map, per cell.
    """

    energy: float = math.nan


@dataclass(frozen=True)
class Spectrum:
    """Mean power by spatial frequency: frequencies in cycles per cell, the middle of each ring, and its mean power."""

    frequencies: np.ndarray
    power: np.ndarray


def aliasing_ratio(dense: np.ndarray, stride: int | Pair) -> Aliasing:
    """A = sum_{f not in P} |Z(f)|^2 / sum_{f != 0} |Z(f)|^2 of an operator's output at stride 1 with wrapped edges.

    dense (N, H, W, C). P is the band -1/(2s) <= f < 1/(2s) on both axes, half-open, so that it holds exactly 1/s of the
    frequencies of an axis that s divides. Channels count by their energy. NaN with a reason where nothing varies, a
    value is not finite, or there are no maps.
    """
    step = (stride, stride) if isinstance(stride, int) else stride
    power = mean_power(dense)
    total, average = float(power.sum() - power[0, 0]), float(power[0, 0])
    n, d = len(dense), power.size
    if not np.isfinite(total):
        reason = "a value is not finite" if n else "there are no maps"
        return Aliasing(value=math.nan, unit="share of AC energy", n=n, d=d, reason=reason)
    if total <= _RELATIVE_ZERO * average or total == 0:
        reason = "all outputs are zero" if average == 0 else "the output is constant"
        return Aliasing(value=math.nan, unit="share of AC energy", n=n, d=d, reason=reason, energy=0.0)
    outside = float(power[~carried_band(power.shape, step)].sum())
    return Aliasing(value=outside / total, unit="share of AC energy", n=n, d=d, energy=total / power.size**2)


def carried_band(shape: tuple[int, ...], stride: Pair) -> np.ndarray:
    """Frequencies of an (H, W) transform that a stride doesn't fold: -1/(2s) <= f < 1/(2s) on each axis."""
    inside = [
        (np.fft.fftfreq(size) >= -0.5 / step) & (np.fft.fftfreq(size) < 0.5 / step)
        for size, step in zip(shape, stride, strict=True)
    ]
    return np.outer(*inside)


def mean_power(maps: np.ndarray) -> np.ndarray:
    """|Fourier transform|^2 of maps (N, H, W, C), summed over channels and averaged over maps; (H, W), zero first.

    NaN everywhere where there are no maps or a value is not finite.
    """
    if not len(maps) or not np.isfinite(maps).all():
        return np.full(maps.shape[1:3], math.nan)
    blocks = np.array_split(maps, max(1, len(maps) // 256))
    total = sum((np.abs(np.fft.fft2(block.astype(np.float64), axes=(1, 2))) ** 2).sum((0, 3)) for block in blocks)
    return np.asarray(total) / len(maps)


def radial_spectrum(maps: np.ndarray, rings: int | None = None) -> Spectrum:
    """Power averaged over rings of equal frequency up to 1/2 cycle per cell; the mean (frequency 0) is left out.

    Scaled so that white noise of variance 1 has power 1 in every ring, whatever the size of the map.
    """
    return average_rings(mean_power(maps) / math.prod(maps.shape[1:]), rings)


def band_fidelity(truth: np.ndarray, estimate: np.ndarray, rings: int | None = None) -> Spectrum:
    """gamma^2(f) = 1 - |X - X^|^2(f) / |X|^2(f) by rings: 1 where a frequency is rebuilt, 0 where it is lost."""
    with np.errstate(divide="ignore", invalid="ignore"):
        error, power = (average_rings(mean_power(maps), rings) for maps in (truth - estimate, truth))
        return Spectrum(power.frequencies, 1 - error.power / power.power)


def average_rings(power: np.ndarray, rings: int | None = None) -> Spectrum:
    """The mean of a spectrum (H, W) over rings of equal width in radial frequency; empty rings are left out."""
    radius = np.hypot(*np.meshgrid(*(np.fft.fftfreq(size) for size in power.shape), indexing="ij"))
    count = rings or min(power.shape) // 2
    ring = np.ceil(radius * 2 * count).astype(int)  # ring r: (r - 1) / (2 count) < f <= r / (2 count)
    inside = (ring >= 1) & (ring <= count)
    sizes = np.bincount(ring[inside], minlength=count + 1)[1:]
    sums = np.bincount(ring[inside], power[inside], minlength=count + 1)[1:]
    middles = np.bincount(ring[inside], radius[inside], minlength=count + 1)[1:]
    some = sizes > 0
    return Spectrum(middles[some] / sizes[some], sums[some] / sizes[some])
