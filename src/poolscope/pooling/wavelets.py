"""Pooling by an orthonormal wavelet transform: its low band, or all four bands of one level.

The bands of Daubechies wavelets on maps that wrap around; each band is a matrix on each axis.
"""

from __future__ import annotations

import functools
import math

import jax.numpy as jnp
import numpy as np
from jax import Array

from poolscope.pooling.declare import operator
from poolscope.pooling.spectral import apply_axes
from poolscope.pooling.window_cells import check_number, widen
from poolscope.spec.declaration import Learned, Whole
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import Window


@operator(
    "wavelet",
    order=46,
    family="spectral",
    summary="low band of an orthonormal Daubechies wavelet: two levels down, one up again",
    formula="low band of the wavelet transform",
    source="Williams & Li 2018",
    recommended="against the overfitting of max: better than or close to max, mean, mixed and stochastic on four sets",
    also="moments=1: haar",
    options={"moments": Whole(help="vanishing moments of the Daubechies wavelet (1: Haar)", most=10)},
    gain="2",
    kind="map",
    stride=2,
)
def wavelet_pool(x: Array, window: Window, *, moments: int = 2) -> Array:
    """Wavelet pooling: all four bands of the second level put together again, the details of the first left out.

    By perfect reconstruction that is the low band of the first level, which is what is computed. x: (..., H, W, C) and
    wraps around; moments: of the Daubechies wavelet, 2 moments taps. The paper takes Haar's, moments=1, for which this
    is `haar`, twice the 2x2 average; its backward pass is another than the derivative and isn't built. Gain 2. Raises
    PoolscopeError if the stride isn't 2, moments isn't from 1 to 10 or the window doesn't fit. (Williams & Li 2018. The
    paper claims better accuracy than max, average, mixed and stochastic pooling on MNIST; not measured here.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> round(wavelet_pool(x, 2, moments=1).item(), 4)
        6.0
    """
    low = [bands[0] for bands in _both_axes(x, window, moments, "wavelet")]
    return apply_axes(x, *(jnp.asarray(band, widen(x).dtype) for band in low))


@operator(
    "wavelet_bands",
    order=47,
    family="spectral",
    summary="all four bands of a Daubechies wavelet as channels, each scaled by a learned weight",
    formula="w_b band_b, b = low, columns' details, rows' details, both",
    source="Wolter & Garcke 2021",
    recommended="in LeNet, AlexNet and DenseNet: competitive on MNIST, CIFAR-10 and SVHN",
    options={"moments": Whole(help="vanishing moments of the Daubechies wavelet (1: Haar)", most=10)},
    learned={"weights": Learned((4, "C"), "ones")},
    gain="learned",
    channels="S",
    kind="map",
    stride=2,
)
def wavelet_bands_pool(x: Array, window: Window, *, moments: int = 2, weights: Array | None = None) -> Array:
    """All four bands of one level of the wavelet transform as channels, band by band: (..., H, W, C) to (..., 4 C).

    On even sizes an orthonormal map, so nothing is lost: `space_to_depth` with bands in the place of offsets. x wraps
    around; moments: of the Daubechies wavelet; weights: (4, C) or None for 1, on the bands low, details along columns,
    details along rows, and both. Raises PoolscopeError if the stride isn't 2, moments isn't from 1 to 10 or the window
    doesn't fit. (After Wolter & Garcke 2021, whose wavelets are learned too and whose bands are weighted, then
    rebuilt one level up. They claim better accuracy than max pooling; not measured here.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> jnp.round(wavelet_bands_pool(x, 2, moments=1), 4).ravel().tolist()
        [6.0, -2.0, -3.0, 1.0]
    """
    rows, columns = _both_axes(x, window, moments, "wavelet_bands")
    wide = widen(x)
    bands = apply_axes(wide, *(jnp.asarray(np.concatenate(pair), wide.dtype) for pair in (rows, columns)))
    height, width = window.output(*x.shape[1:3])
    parts = [bands[:, i : i + height, j : j + width] for i in (0, height) for j in (0, width)]
    if weights is not None:
        parts = [weight * part for weight, part in zip(weights.astype(wide.dtype), parts, strict=True)]
    return jnp.concatenate(parts, axis=3).astype(x.dtype)


def band_matrices(size: int, output: int, moments: int) -> tuple[np.ndarray, np.ndarray]:
    """Low and high band of an axis that wraps around, each (output, size).

    Tap k of output p reads cell 2 p + k - (moments - 1); the high band's filter is (-1)^k h_(2 moments - 1 - k).
    """
    low = daubechies(moments)
    high = (-1.0) ** np.arange(len(low)) * low[::-1]
    bands = np.zeros((2, output, size))
    for tap in range(len(low)):
        cells = (2 * np.arange(output) + tap - (moments - 1)) % size
        bands[0, np.arange(output), cells] += low[tap]
        bands[1, np.arange(output), cells] += high[tap]
    return bands[0], bands[1]


@functools.cache
def daubechies(moments: int) -> np.ndarray:
    """The low-pass filter with that many vanishing moments, (2 moments,), of norm 1 and sum sqrt(2).

    (1 + z)^moments times the roots inside the unit circle of sum_k C(moments - 1 + k, k) y^k, y = (2 - z - 1/z) / 4
    (Daubechies 1988).
    """
    inner = []
    for y in np.roots([math.comb(moments - 1 + k, k) for k in reversed(range(moments))]):
        both = np.roots([1, 4 * y - 2, 1])
        inner.append(both[np.argmin(np.abs(both))])
    taps = np.real(np.poly([-1.0] * moments + inner))
    return taps * math.sqrt(2) / taps.sum()


def _both_axes(x: Array, window: Window, moments: int, name: str) -> list[tuple[np.ndarray, np.ndarray]]:
    if window.stride != (2, 2):
        raise PoolscopeError(f"{name} halves a map; its stride must be 2, not {list(window.stride)}.")
    check_number(name, "moments", moments, lambda value: 1 <= value <= 10, "a whole number from 1 to 10")
    height, width = x.shape[1:3]
    return [
        band_matrices(n, out, moments) for n, out in zip((height, width), window.output(height, width), strict=True)
    ]
