"""What each pooling operator does to raw images: no network, no training, only the operator and linear probes.

Images are levels 0..255 scaled to [0, 1], so that operators defined for non-negative maps are in their element.
Operators that learn are measured at their initial values, stochastic ones in their evaluated form.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import jax
import numpy as np
from flax import nnx

from poolscope.data.datasets import describe_dataset, load_dataset
from poolscope.data.digits import open_digits
from poolscope.measures.information import (
    Ceiling,
    Estimate,
    Parts,
    Rebuilt,
    Stimuli,
    aliasing_ratio,
    band_fidelity,
    divide_groups,
    effective_rank,
    location_error,
    location_phase,
    participation_ratio,
    paste_glyphs,
    peak_signal_to_noise,
    pixel_entropy,
    plug_in_information,
    principal_ceiling,
    radial_spectrum,
    reconstruction_r2,
)
from poolscope.measures.torus import apply_on_torus
from poolscope.pooling import make_pool
from poolscope.spec.config import DataConfig, PoolConfig, RunConfig, pool_options
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import Window, make_window
from poolscope.spec.operators import OPERATORS

GLYPH_SIDE = 14  # pixels
FITTED, CHOSEN, REPORTED, PLACED = 10_000, 1_000, 2_000, 4_000  # images for fitting, choosing, reporting; glyphs placed
_SPECTRUM_IMAGES = 1_000
_SHOWN = 2  # images in the gallery
_ALL_SHOWN = 8  # up to so many operators, all are in the gallery, else these:
RECONSTRUCTIONS = ("max", "avg", "subsample", "max_blur", "spectral")
_BATCH = 500

# Where the output's place follows the image, there is no map at stride 1 that it would be a subsampling of.


@dataclass(frozen=True)
class OperatorMeasures:
    """One operator on one data set.

    row: identity and measures, a value a column. spectra: rows of radially averaged power before and after at stride 1,
    and of the share that a linear probe rebuilds. gallery: rows of pictures: image, pooled, rebuilt, residual.
    """

    row: dict[str, Any]
    spectra: list[dict[str, Any]] = field(default_factory=list)
    gallery: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class ProbeImages:
    """Images of one data set, divided, with what all operators share: the ceiling of linear codes and placed glyphs."""

    name: str
    images: np.ndarray
    parts: Parts
    ceiling: Ceiling
    stimuli: Stimuli

    @property
    def ceiling_rows(self) -> list[dict[str, Any]]:
        """The ceiling as a table: share of the numbers kept, and the best R^2 that allows."""
        d = math.prod(self.images.shape[1:])
        counts = np.unique(np.round(np.geomspace(1, d, 120)).astype(int))
        return [{"data": self.name, "kept": int(m) / d, "r2": self.ceiling.at(int(m))} for m in counts]


def measure_caution(inputs: ProbeImages) -> list[dict[str, Any]]:
    """Why counting codes is no measure: average pooling with ever larger windows, down to one number a channel.

    plug_in: mutual information in bits of the fitted images and their pooled codes; entropy: of the histogram of pooled
    values; beside them R^2 and the location error, which do fall.
    """
    side = min(inputs.images.shape[1:3])
    rows = []
    for window in (size for size in range(1, side + 1) if side % size == 0):
        pool = PoolConfig(name="avg", window=window)
        pooled = apply_pool(pool, inputs.images)
        placed = apply_pool(pool, inputs.stimuli.images.astype(np.float32) / np.float32(255))
        location = location_error(placed, inputs.stimuli.places, side, parts=divide_groups(inputs.stimuli.glyphs))
        row = {
            "plug_in": plug_in_information(pooled[inputs.parts.fit]),
            "entropy": pixel_entropy(pooled[inputs.parts.fit]),
            "r2_global": reconstruction_r2(inputs.images, pooled, parts=inputs.parts, ceiling=inputs.ceiling).value,
            "location_r2": location.r2,
        }
        rows.append({"data": inputs.name, "window": str(window), "n": len(inputs.parts.fit), **row})
    return rows


def measurable_pools() -> list[str]:
    """The operators that can be applied to raw images: all but those that act through a network's convolutions."""
    return [name for name, operator in OPERATORS.items() if operator.kind != "layer"]


def check_operator(config: RunConfig) -> None:
    """Refuse an operator that acts through a network, and a window that images of the data set can't hold."""
    pool = config.pool
    if pool.name not in measurable_pools():
        raise PoolscopeError(f"pool={pool.name} acts through a network, so it can't be measured on raw images.")
    (height, width, _), _ = describe_dataset(config.data)
    if min(_window(pool).output(height, width)) < 3:
        raise PoolscopeError(
            f"pool.window={pool.window} leaves fewer than 3x3 outputs of {height}x{width} images; use a smaller window "
            "or stride."
        )


def load_probe_images(config: DataConfig, fitted: int = FITTED) -> ProbeImages:
    """The first training images fit and choose, the first test images are reported on; the same for every operator."""
    dataset = load_dataset(config, seed=0)
    counts = (min(fitted, len(dataset.train) * 9 // 10), CHOSEN, REPORTED)
    train = dataset.train.images[: counts[0] + counts[1]]
    test = dataset.test.images[: counts[2]]
    images = np.concatenate([train, test]).astype(np.float32) / np.float32(255)
    edges = (0, min(counts[0], len(train) - 1), len(train), len(images))
    parts = Parts(*(np.arange(start, stop) for start, stop in itertools.pairwise(edges)))
    side = min(images.shape[1:3])
    return ProbeImages(
        config.name,
        images,
        parts,
        principal_ceiling(images, parts),
        paste_glyphs(read_glyphs(min(GLYPH_SIDE, side)), side, PLACED),
    )


@functools.cache
def read_glyphs(side: int = GLYPH_SIDE) -> np.ndarray:
    """scikit-learn's embedded 8x8 digits enlarged, uint8 (n, side, side): the same for every data set."""
    from scipy.ndimage import zoom

    digits = open_digits(DataConfig(name="digits", source="digits")).read("train").images[..., 0]
    enlarged = zoom(digits.astype(np.float32), (1, side / 8, side / 8), order=1, grid_mode=True, mode="nearest")
    return np.round(enlarged).clip(0, 255).astype(np.uint8)


def measure_operators(
    configs: Sequence[RunConfig], notify: Callable[[str], None] = lambda sentence: None
) -> Iterator[tuple[ProbeImages, OperatorMeasures]]:
    """Measure each configuration's operator on its data set, one after the other; a data set is opened once."""
    inputs: ProbeImages | None = None
    opened: DataConfig | None = None
    for config in configs:
        if inputs is None or config.data != opened:
            notify(f"{config.data.name}: reading images and finding the best linear codes")
            inputs, opened = load_probe_images(config.data), config.data
        notify(f"{config.data.name} {config.pool.name}")
        pictured = len(configs) <= _ALL_SHOWN or config.pool.name in RECONSTRUCTIONS
        found = measure_operator(config.pool, inputs)
        yield inputs, found if pictured else replace(found, gallery=[])


def measure_operator(pool: PoolConfig, inputs: ProbeImages) -> OperatorMeasures:
    """I1 local and global with efficiency, I2, I4 and I5 of one operator on raw images, and how often maxima tie."""
    images, parts = inputs.images, inputs.parts
    window = _window(pool)
    stride = window.stride
    pooled = apply_pool(pool, images)
    placed = apply_pool(pool, inputs.stimuli.images.astype(np.float32) / np.float32(255), wrap=True)
    groups = divide_groups(inputs.stimuli.glyphs)
    side, jump = inputs.stimuli.images.shape[1], stride[0]
    found: dict[str, Estimate] = {
        "r2_local": reconstruction_r2(
            images, pooled, context="local", stride=stride, offset=_offset(window, images), parts=parts
        ),
        "r2_global": reconstruction_r2(images, pooled, parts=parts, ceiling=inputs.ceiling),
        "location_rmse": location_error(placed, inputs.stimuli.places, side, parts=groups),
        "phase_accuracy": location_phase(placed, inputs.stimuli.places, jump, map_jump=jump, parts=groups),
        "participation_ratio": participation_ratio(pooled[parts.fit]),
        "effective_rank": effective_rank(pooled[parts.fit]),
    }
    some = images[parts.test][:_SPECTRUM_IMAGES]
    dense = stride1_output(pool, some)
    reasons = {}
    if isinstance(dense, str):
        reasons["aliasing"] = dense
    else:
        found["aliasing"] = aliasing_ratio(dense, stride)
    reasons |= {name: estimate.reason for name, estimate in found.items() if estimate.reason}
    content: Any = found["r2_global"]
    location: Any = found["location_rmse"]
    rebuilt = None
    if isinstance(content, Rebuilt):
        rebuilt = content.rebuild(pooled[parts.test][:_SPECTRUM_IMAGES], images.shape[1:])
    row: dict[str, Any] = {
        "data": inputs.name,
        "pool": pool.name,
        "window": _size(window.size),
        "stride": _size(window.stride),
        "options": " ".join(f"{key}={value}" for key, value in _unusual_options(pool).items()),
        "kept": pooled[0].size / images[0].size,
        "r2_local": found["r2_local"].value,
        "r2_global": content.value,
        "ceiling": content.ceiling,
        "efficiency": content.efficiency,
        "psnr": math.nan if rebuilt is None else peak_signal_to_noise(some, rebuilt),
        "aliasing": found["aliasing"].value if "aliasing" in found else math.nan,
        "location_rmse": location.value,
        "location_r2": location.r2,
        "phase_accuracy": found["phase_accuracy"].value,
        "participation_ratio": found["participation_ratio"].value,
        "effective_rank": found["effective_rank"].value,
        "tied_windows": tied_share(some, window),
        "n": content.n,
        "d": content.d,
        "alpha": content.alpha,
        "bias": content.bias if content.known else math.nan,
        "n_local": found["r2_local"].n,
        "n_location": location.n,
        "reasons": "; ".join(f"{name}: {reason}" for name, reason in reasons.items()),
    }
    key = {name: row[name] for name in ("data", "pool", "window", "stride", "options")}
    gallery = [] if rebuilt is None else _picture_rows(key, some, pooled[parts.test], rebuilt)
    return OperatorMeasures(row, _spectrum_rows(key, some, dense, rebuilt), gallery)


def apply_pool(pool: PoolConfig, images: np.ndarray, wrap: bool = False) -> np.ndarray:
    """The operator on images (N, H, W, C); wrap: continue the images over their edges instead of reading padding.

    Wrapped, an operator with a window over its stride reads on at the other side, and outputs are H/s x W/s.
    """
    if OPERATORS[pool.name].kind == "none":
        return images
    window = _window(pool)
    step = window.stride
    layer = make_pool(pool, images.shape[3], rngs=nnx.Rngs(jax.random.key(0)))
    apply: Callable[[np.ndarray], Any] = jax.jit(lambda given: layer(given, deterministic=True))
    if wrap and OPERATORS[pool.name].kind == "local":
        extent = max(window.size[0] * window.dilation[0], window.size[1] * window.dilation[1]) + 8
        margin = (math.ceil(extent / step[0]) * step[0], math.ceil(extent / step[1]) * step[1])
        apply = partial(apply_on_torus, apply, margin=margin, stride=step)
    results = []
    for start in range(0, len(images), _BATCH):
        batch = images[start : start + _BATCH]
        short = _BATCH - len(batch) if len(images) > _BATCH else 0
        batch = np.pad(batch, ((0, short), (0, 0), (0, 0), (0, 0)), mode="edge") if short else batch
        results.append(np.asarray(apply(batch), np.float32)[: _BATCH - short if short else None])
    return np.concatenate(results)


def stride1_output(pool: PoolConfig, images: np.ndarray) -> np.ndarray | str:
    """The operator at stride 1 with wrapped edges, or why there is no such thing.

    Outputs for the image moved by each phase of the stride, interleaved: for a reduction over windows, exactly its form
    at stride 1; it also exists for operators on the whole map whose output moves with the image. Rows and columns that
    the stride doesn't divide are cut off first.
    """
    if OPERATORS[pool.name].no_stride1_form:
        return OPERATORS[pool.name].no_stride1_form
    step = _window(pool).stride if OPERATORS[pool.name].kind != "none" else (1, 1)
    height, width = (size // s * s for size, s in zip(images.shape[1:3], step, strict=True))
    images = images[:, :height, :width]
    dense: np.ndarray | None = None
    for down in range(step[0]):
        for right in range(step[1]):
            phase = apply_pool(pool, np.roll(images, (-down, -right), (1, 2)), wrap=True)
            if dense is None:
                dense = np.empty((len(images), height, width, phase.shape[3]), np.float32)
            if phase.shape[1:3] != (height // step[0], width // step[1]):
                return "its output isn't the image's size divided by the stride"
            dense[:, down :: step[0], right :: step[1]] = phase
    assert dense is not None
    return dense


def tied_share(images: np.ndarray, window: Window) -> float:
    """Share of windows whose largest value occurs more than once: there max has no gradient of its own."""
    (rows, columns), (down, right) = window.size, window.stride
    windows = np.lib.stride_tricks.sliding_window_view(images, (rows, columns), (1, 2))[:, ::down, ::right]
    return float(((windows == windows.max((-2, -1), keepdims=True)).sum((-2, -1)) > 1).mean())


def _window(pool: PoolConfig) -> Window:
    if OPERATORS[pool.name].kind == "none":
        return make_window(1)
    dilation = getattr(pool, "dilation", None) or 1
    return make_window(pool.window, pool.stride, pool.padding, dilation, prefix="pool.")


def _unusual_options(pool: PoolConfig) -> dict[str, Any]:
    usual = OPERATORS[pool.name].defaults
    return {key: value for key, value in pool_options(pool).items() if value != usual.get(key)}


def _offset(window: Window, images: np.ndarray) -> tuple[int, int]:
    top, left = (pads[0] for pads in window.pads(*images.shape[1:3]))
    return -top, -left


def _spectrum_rows(
    key: dict[str, Any], images: np.ndarray, dense: np.ndarray | str, rebuilt: np.ndarray | None
) -> list[dict[str, Any]]:
    curves = {"before": radial_spectrum(images)}
    if not isinstance(dense, str):
        curves["after"] = radial_spectrum(dense)
    if rebuilt is not None:
        curves["rebuilt"] = band_fidelity(images, rebuilt)
    return [
        {**key, "curve": curve, "frequency": float(frequency), "value": float(value)}
        for curve, spectrum in curves.items()
        for frequency, value in zip(spectrum.frequencies, spectrum.power, strict=True)
    ]


def _picture_rows(
    key: dict[str, Any], images: np.ndarray, pooled: np.ndarray, rebuilt: np.ndarray
) -> list[dict[str, Any]]:
    """Grey pictures (the mean of the channels), a table row for each row of pixels."""
    rows = []
    for index in range(_SHOWN):
        moments = {
            "input": images[index],
            "pooled": pooled[index],
            "rebuilt": rebuilt[index],
            "residual": images[index] - rebuilt[index],
        }
        for moment, picture in moments.items():
            for place, values in enumerate(picture.mean(-1)):
                text = " ".join(f"{value:.3g}" for value in values)
                rows.append({**key, "image": index, "moment": moment, "row": place, "values": text})
    return rows


def _size(pair: tuple[int, int]) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}x{pair[1]}"
