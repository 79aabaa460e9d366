"""Pooling in the frequency domain. Cropping a spectrum is linear and separable, so it is a matrix on each axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from poolscope.pooling.declare import operator
from poolscope.pooling.window_cells import widen
from poolscope.spec.declaration import Learned, Real
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import Window


@operator(
    "spectral",
    order=26,
    family="spectral",
    summary="low frequencies of the Fourier spectrum, scaled to keep the mean",
    formula="crop of the DFT",
    source="Rippel, Snoek & Adams 2015",
    recommended="for outputs of any size: keeps more information for each number than other pools",
    also="flc without the magnitude; frequency but for the highest frequency",
    kind="map",
    sized=True,
)
def spectral_pool(x: Array, output_size: int | Sequence[int]) -> Array:
    """Crop of the discrete Fourier spectrum to its low frequencies, scaled to keep the mean (gain 1).

    x: (N, H, W, C); output_size: height and width; a larger one than the input's pads the spectrum with zeros. Of an
    even size the highest frequency stands for both its signs and takes their mean, so the result is real. An unscaled
    FFT crop has gain HW/(H'W'), a unitary one its root. Borders wrap around. Raises PoolscopeError if output_size isn't
    at least 1. (Rippel, Snoek & Adams 2015.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> round(spectral_pool(x, output_size=1).item(), 4)
        3.0
    """
    rows, columns = (
        crop_basis(n, out).sum(1) for n, out in zip(x.shape[1:3], check_output("spectral", output_size), strict=True)
    )
    return apply_axes(x, jnp.asarray(rows, widen(x).dtype), jnp.asarray(columns, widen(x).dtype))


@operator(
    "frequency",
    order=43,
    family="spectral",
    summary="frequencies below the new Nyquist frequency, exactly equivariant to shifts",
    formula="crop of the DFT without the highest frequency",
    source="Zhang 2021",
    recommended="where maps must follow shifts: more accurate, and more robust to shifts",
    also="F-pooling",
    kind="map",
    sized=True,
)
def frequency_pool(x: Array, output_size: int | Sequence[int]) -> Array:
    """F-pooling: `spectral_pool` without the highest frequency of an even output.

    A circular shift of x by t cells shifts the output by t / s of its cells exactly, as its interpolation by waves
    defines it; `spectral_pool` keeps half of that frequency's cosine, whose sine a shift would need. How the paper
    treats that frequency was not found. x: (..., H, W, C); gain 1. Raises PoolscopeError if output_size is below 1.
    (Zhang 2021. The paper claims equivariance to shifts without aliasing, and better accuracy and consistency; the
    equivariance holds by test, but ReLU aliases again: untrained networks with it see shifts, by `poolscope measure
    --invariance`. Trained ones were not measured here.)

    Example:
        >>> wave = jnp.array([[1.0, -1.0, 1.0, -1.0]])[..., None]
        >>> jnp.round(frequency_pool(2 + wave, output_size=(1, 2)), 4).ravel().tolist()
        [2.0, 2.0]
    """
    matrices = []
    for n, out in zip(x.shape[1:3], check_output("frequency", output_size), strict=True):
        basis = crop_basis(n, out)
        matrices.append(jnp.asarray(basis[:, : (out + 1) // 2 if out < n else None].sum(1), widen(x).dtype))
    return apply_axes(x, *matrices)


@operator(
    "flc",
    order=44,
    family="spectral",
    summary="magnitude of the low frequencies of the Fourier spectrum (FrequencyLowCut)",
    formula="|crop of the DFT|",
    source="Grabinski et al. 2022",
    recommended="with fast adversarial training: more robust, and no catastrophic overfitting",
    also="FrequencyLowCut pooling; spectral's magnitude",
    kind="map",
    sized=True,
)
def flc_pool(x: Array, output_size: int | Sequence[int]) -> Array:
    """FrequencyLowCut pooling: the magnitude of the inverse transform of the spectrum's low frequencies.

    Of an even size o the frequencies -o/2 to o/2 - 1 are kept, so the highest has one sign only and the inverse is
    complex; `spectral_pool` is the same without the magnitude, up to that frequency. x: (..., H, W, C); the output
    isn't negative. Scaled to gain 1; the authors' first code has gain HW/(H'W'), their later code 1. Raises
    PoolscopeError if output_size isn't at least 1. (Grabinski et al. 2022. The paper claims downsampling free of
    aliasing and robustness to attacks after fast adversarial training. Measured here: untrained networks with it see
    shifts, by `poolscope measure --invariance`; robustness wasn't.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> round(flc_pool(-x, output_size=1).item(), 4)
        3.0
    """
    sizes = check_output("flc", output_size)
    matrices = []
    for n, out in zip(x.shape[1:3], sizes, strict=True):
        crop = cut_basis(n, out)
        matrices.append(jnp.asarray(np.concatenate([crop.real, crop.imag]), widen(x).dtype))
    parts = apply_axes(widen(x), *matrices)
    top, bottom, width = parts[:, : sizes[0]], parts[:, sizes[0] :], sizes[1]
    real = top[:, :, :width] - bottom[:, :, width:]
    imaginary = top[:, :, width:] + bottom[:, :, :width]
    square = real**2 + imaginary**2
    positive = square > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, square, 1)), 0).astype(x.dtype)


@operator(
    "asap",
    order=45,
    family="spectral",
    summary="low frequencies of the Fourier spectrum under a Hamming window",
    formula="crop of the DFT times sqrt(Hamming window)",
    source="Grabinski, Keuper & Keuper 2023",
    recommended="for robustness to corruptions and attacks without adversarial training, at a similar clean accuracy",
    kind="map",
    sized=True,
)
def asap_pool(x: Array, output_size: int | Sequence[int]) -> Array:
    """Aliasing and spectral artifact free pooling: `spectral_pool` of a spectrum under the root of a Hamming window.

    Frequency f of an axis of n is scaled by sqrt(0.54 + 0.46 cos(2 pi f / n)), which falls to 0.73 at the new Nyquist
    frequency of a halved axis; this damps the ringing of a sharp cut. x: (..., H, W, C); gain 1; an axis that keeps its
    size is left alone. The authors' code (the paper's formula was not read) takes NumPy's window, whose centre lies
    half a frequency beside 0, so its gain is not 1. Raises PoolscopeError if output_size isn't at least 1. (Grabinski,
    Keuper & Keuper 2023. The paper claims robustness without adversarial training; not measured here.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> round(asap_pool(x, output_size=1).item(), 4)
        3.0
    """
    matrices = []
    for n, out in zip(x.shape[1:3], check_output("asap", output_size), strict=True):
        basis = crop_basis(n, out)
        mask = np.sqrt(0.54 + 0.46 * np.cos(2 * np.pi * np.arange(basis.shape[1]) / n)) if out < n else 1.0
        matrices.append(jnp.asarray((basis * np.reshape(mask, (-1, 1))).sum(1), widen(x).dtype))
    return apply_axes(x, *matrices)


@operator(
    "diffstride",
    order=27,
    family="spectral",
    summary="spectral crop with learned strides, cut to the window's output size",
    formula="crop of mask(strides) DFT",
    source="Riad et al. 2022",
    recommended="where good strides aren't known: from poor ones, as accurate on CIFAR-10, CIFAR-100 and ImageNet",
    options={
        "smoothness": Real(help="width of the mask's ramp, in frequencies", least=0, open=True, most=10_000),
    },
    learned={"strides": Learned((2,), "start_above_stride", value="keep_positive")},
    kind="map",
)
def diffstride_pool(x: Array, window: Window, *, strides: Array, smoothness: float = 4.0) -> Array:
    """Spectral pooling with learned strides: frequency f of an axis of n is scaled by clip(1 + (n/2s - |f|)/R, 0, 1).

    x: (N, H, W, C); strides s: (2,), above 0; smoothness R. The output has the window geometry's size, a static crop,
    so it compiles; the authors crop to n/s + 2R instead, which changes while training and is far larger (24 of 32 at
    stride 2). Strides below the geometry's act as the geometry's. Raises PoolscopeError if smoothness isn't above 0 or
    the window doesn't fit. (Riad et al. 2022.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> round(diffstride_pool(x, 2, strides=jnp.array([2.0, 2.0])).item(), 4)
        3.0
    """
    if not smoothness > 0:
        raise PoolscopeError(f"diffstride smoothness must be above 0, not {smoothness}.")
    matrices = []
    for axis, (n, out) in enumerate(zip(x.shape[1:3], window.output(*x.shape[1:3]), strict=True)):
        basis = jnp.asarray(crop_basis(n, out), widen(x).dtype)
        frequencies = jnp.arange(basis.shape[1], dtype=basis.dtype)
        mask = jnp.clip(1 + (n / (2 * strides[axis].astype(basis.dtype)) - frequencies) / smoothness, 0, 1)
        matrices.append(jnp.einsum("pfh,f->ph", basis, mask))
    return apply_axes(x, *matrices)


def crop_basis(size: int, output: int) -> np.ndarray:
    """(output, frequencies, size): each kept frequency's part of the map from an axis to its cropped form."""
    least = min(size, output)
    kept = np.arange(least // 2 + 1)
    weights = np.where((kept == 0) | (2 * kept == least), 1.0, 2.0) / size
    waves = np.cos(2 * np.pi * kept[:, None] * (np.arange(output)[:, None, None] / output - np.arange(size) / size))
    if output < size and output % 2 == 0:  # both signs of the highest frequency, averaged
        top = output // 2
        waves[:, top] = np.outer((-1.0) ** np.arange(output), np.cos(2 * np.pi * top * np.arange(size) / size))
    return weights[:, None] * waves


def cut_basis(size: int, output: int) -> np.ndarray:
    """(output, size), complex: an axis cut to the frequencies -o/2 to o/2 - 1 (o even) or to all below o/2 (o odd)."""
    least = min(size, output)
    kept, weights = np.arange(-(least // 2), (least + 1) // 2), np.ones(least)
    if output > size and size % 2 == 0:  # nothing is cut: both signs of the highest frequency
        kept, weights = np.append(kept, size // 2), np.append(weights, 0.5)
        weights[0] = 0.5
    turns = np.arange(output)[:, None] / output - np.arange(size) / size
    return (weights * np.exp(2j * np.pi * turns[..., None] * kept)).sum(-1) / size


def apply_axes(x: Array, rows: Array, columns: Array) -> Array:
    """rows x columns^T on every channel; rows: (out_h, H), columns: (out_w, W); x's dtype is kept."""
    return jnp.einsum("ph,nhwc,qw->npqc", rows, widen(x), columns, precision="highest").astype(x.dtype)


def check_output(operator: str, output_size: int | Sequence[int]) -> tuple[int, int]:
    """The output's height and width; raises PoolscopeError unless both are at least 1."""
    height, width = (output_size, output_size) if isinstance(output_size, int) else output_size
    if min(height, width) < 1:
        raise PoolscopeError(f"{operator} output_size must be at least 1, not {output_size!r}.")
    return height, width


def start_above_stride(window: Window, channels: int, options: Mapping[str, Any], key: Array) -> Array:
    """Initial strides, a little above the geometry's: at it the whole crop passes the mask and there is no gradient."""
    strides = 1 + 1.25 * (jnp.asarray(window.stride, jnp.float32) - 1)
    return strides + jnp.log(-jnp.expm1(-strides))


def keep_positive(parameter: Array) -> Array:
    """Strides above 0, softplus of any number."""
    return jax.nn.softplus(parameter)
