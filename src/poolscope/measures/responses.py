"""What each operator does to the same two images, to waves and to single pixels: the tables behind the gallery.

Every operator acts at its defaults, window 2 and stride 2; what it learns is at its initial value. The images ship with
scikit-learn, so that anyone can measure them again: a photograph, averaged down to 64x64 pixels, and an 8x8 digit.

Without edges: a shift and a wave need a map that wraps around. An operator that moves with a shift by its stride
already treats the map as a torus; any other whose outputs depend on few cells sees a wrapped margin, cut off again.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx
from sklearn.datasets import load_digits, load_sample_image  # type: ignore[import-untyped]

from poolscope.measures.information import Rebuilt, Reconstruction, aliasing_ratio, divide_rows, reconstruction_r2
from poolscope.measures.information.ridge import fit_ridge
from poolscope.measures.torus import apply_on_torus
from poolscope.pooling import make_pool
from poolscope.spec.config import PoolConfig
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.operators import OPERATORS
from poolscope.store.files import read_csv, write_csv

Apply = Callable[[np.ndarray], np.ndarray]

SIDE = 64  # of the photograph, and of the torus that waves live on
DIGIT = 1793  # which of scikit-learn's 1,797 digits is shown; it is not among those that probes are fitted on
DRAWS = 64  # of an operator that draws at random
PHASES = 16  # of a wave, evenly spaced
EXTENT = 4  # outputs on either side of an impulse
EQUIVARIANT = 0.05  # largest shift error of an operator that counts as shift-equivariant
_MARGIN = 8  # cells of wrapped margin
_SHRINK = 4  # each pixel of a photograph is the mean of 4x4


@dataclass(frozen=True)
class Images:
    """photo (1, 64, 64, 3), patches (N, 16, 16, 3) of both photographs and digits (1797, 8, 8, 1); all in [0, 1]."""

    photo: np.ndarray
    patches: np.ndarray
    digits: np.ndarray


@functools.cache
def load_images() -> Images:
    """The images that ship with scikit-learn, as float32."""
    photos = [_shrink(load_sample_image(name)) for name in ("china.jpg", "flower.jpg")]
    rows, columns = (size // 16 * 16 for size in photos[0].shape[:2])
    patches = np.stack([photo[:rows, :columns] for photo in photos], axis=-1)  # one of each in turn
    patches = patches.reshape(rows // 16, 16, columns // 16, 16, 3, 2).transpose(0, 2, 5, 1, 3, 4)
    return Images(
        photo=photos[0][15 : 15 + SIDE, 25 : 25 + SIDE][None],
        patches=patches.reshape(-1, 16, 16, 3),
        digits=(load_digits().images[..., None] / 16).astype(np.float32),
    )


class Exhibit:
    """An operator at its defaults as a function of maps (N, H, W, C), evaluated or drawn; `none` gives them back."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.config = PoolConfig(name=name)
        self.step = int(self.config.window) if OPERATORS[name].has_layer else 1
        self._evaluators: dict[tuple[int, int | None], Any] = {}

    def layer(self, channels: int, stride: int | None = None) -> Callable[..., jax.Array]:
        """The layer for that many channels; stride 1 is the operator before its subsampling."""
        if not OPERATORS[self.name].has_layer:
            return lambda x, **_: x
        strides = None if stride is None else (stride, stride)
        return make_pool(self.config, channels, rngs=jax.random.key(0), stride=strides)

    def evaluator(self, channels: int, stride: int | None = None) -> Any:
        """The evaluated form, compiled once for each shape."""
        if (channels, stride) not in self._evaluators:
            layer = self.layer(channels, stride)
            self._evaluators[channels, stride] = jax.jit(lambda x: layer(x, deterministic=True))
        return self._evaluators[channels, stride]

    def __call__(self, maps: np.ndarray, stride: int | None = None) -> np.ndarray:
        """The evaluated form."""
        return _to_maps(self.evaluator(maps.shape[3], stride)(maps))

    def draw(self, maps: np.ndarray) -> np.ndarray:
        """DRAWS outputs of the training form, (DRAWS, N, H, W, C)."""
        layer = self.layer(maps.shape[3])
        draw = jax.jit(lambda x, keys: jax.lax.map(lambda key: layer(x, rngs=key, deterministic=False), keys))
        return np.stack([_to_maps(drawn) for drawn in draw(maps, jax.random.split(jax.random.key(1), DRAWS))])

    def on_torus(self, maps: np.ndarray) -> np.ndarray:
        """The evaluated form of maps without edges."""
        return self._inside_margin(maps) if self.needs_margin else self(maps)

    def at_every_shift(self, maps: np.ndarray) -> np.ndarray | None:
        """The output at stride 1 without edges, or None if its every s-th cell isn't the operator's own output."""
        try:
            dense = self._inside_margin(maps, stride=1)
        except PoolscopeError:
            return None
        kept, wanted = dense[:, :: self.step, :: self.step], self.on_torus(maps)
        return dense if kept.shape == wanted.shape and np.allclose(kept, wanted, atol=1e-5) else None

    @functools.cached_property
    def needs_margin(self) -> bool:
        """Whether edges matter to the operator, and a margin keeps them away."""
        photo, inner = load_images().photo, slice(EXTENT, -EXTENT)
        there = self(photo)
        if there.shape[1] * self.step != SIDE:
            return False
        if np.allclose(self(_roll(photo, self.step)), _roll(there, 1), atol=1e-5):
            return False
        wrapped = self._inside_margin(photo)
        return bool(np.allclose(wrapped[:, inner, inner], there[:, inner, inner], atol=1e-5))

    def _inside_margin(self, maps: np.ndarray, stride: int | None = None) -> np.ndarray:
        step = stride or self.step
        return apply_on_torus(lambda wrapped: self(wrapped, stride), maps, (_MARGIN, _MARGIN), (step, step))


def measure_shift(apply: Apply, maps: np.ndarray, step: int) -> float:
    """min over t in {0, 1/s, 1} of ||op(T x) - T_t op(x)|| / ||op(x) - mean||, T a shift by a pixel to the right.

    maps on a torus; T_t moves an output by t of its cells through its Fourier transform. 0: a shift by one pixel gives
    a shifted output; NaN where the output is constant.
    """
    there, moved = apply(maps).astype(np.float64), apply(_roll(maps, 1)).astype(np.float64)
    spread = np.linalg.norm(there - there.mean((1, 2), keepdims=True))
    if spread <= 1e-6 * np.linalg.norm(there):
        return math.nan
    return float(min(np.linalg.norm(moved - _move(there, t)) for t in (0.0, 1 / step, 1.0)) / spread)


def measure_response(apply: Apply, frequencies: np.ndarray) -> list[dict[str, float]]:
    """For waves 0.5 + 0.5 cos(2 pi f x + phase) on a torus of 64 pixels: gain and fundamental at each frequency.

    frequencies: in cycles per pixel, multiples of 1/64. gain = sqrt(AC energy per output / AC energy per pixel), AC
    energy being the variance over positions and phases; fundamental: the part that follows the wave's phase, so that
    gain^2 - fundamental^2 is distortion. Of a linear operator both are its transfer function |H(f)|.
    """
    phases = 2 * np.pi * (np.arange(PHASES) + 0.5) / PHASES
    angle = 2 * np.pi * frequencies[:, None, None] * np.arange(SIDE) + phases[:, None]
    rows = (0.5 + 0.5 * np.cos(angle)).reshape(-1, 1, SIDE, 1)
    after = apply(np.tile(rows, (1, 8, 1, 1)).astype(np.float32)).astype(np.float64)
    after = after.reshape(len(frequencies), PHASES, -1)
    energy = after.var((1, 2))
    first = np.abs(np.einsum("fpx,p->fx", after, np.exp(-1j * phases)) / PHASES) ** 2
    return [
        {"frequency": float(f), "gain": math.sqrt(8 * e), "fundamental": math.sqrt(16 * b)}
        for f, e, b in zip(frequencies, energy, first.mean(1), strict=True)
    ]


def measure_impulse(apply: Apply, step: int) -> np.ndarray:
    """h[i, j]: an output's answer to a single 1 that lies (i - 4 s, j - 4 s) pixels from the output's first cell.

    Less the answer to nothing, summed over channels; (9 s, 9 s), or empty where the output isn't 1/s of the map. The
    mean over each s x s cell is the answer to an impulse that may lie anywhere within a window.
    """
    side, home = 8 * EXTENT * step, 4 * EXTENT
    places = list(np.ndindex(step, step))
    maps = np.zeros((len(places) + 1, side, side, 1), np.float32)
    for place, (row, column) in enumerate(places):
        maps[place, home * step + row, home * step + column] = 1
    after = apply(maps).sum(-1, dtype=np.float64)
    if after.shape[1] * step != side:
        return np.zeros((0, 0))
    near = slice(home - EXTENT, home + EXTENT + 1)
    response = np.zeros(((2 * EXTENT + 1) * step,) * 2)
    for place, (row, column) in enumerate(places):
        response[row::step, column::step] = (after[place] - after[-1])[near, near][::-1, ::-1]
    return response


def measure_operator(name: str, images: Images) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
    """The operator's row of the table of operators, and its rows of the tables response, impulse and maps."""
    row = _describe_operator(name)
    if OPERATORS[name].strides_convolution:
        return row | {"note": "acts through the convolution before it: there is no layer to measure"}, {}
    op = Exhibit(name)
    pooled, patches, digits = op(images.photo), op(images.patches), op(images.digits)
    shift = measure_shift(op.on_torus, images.photo, op.step)
    dense, shifted = (op.at_every_shift(maps) for maps in (images.photo, _roll(images.photo, 1)))
    aliasing = math.nan if dense is None or shifted is None else aliasing_ratio(dense, op.step).value
    digit_probe = reconstruction_r2(images.digits, digits)
    row |= {
        "parameters": _count_parameters(op),
        "output": "x".join(str(size) for size in pooled.shape[1:]),
        "gain": float(op(np.full_like(images.photo, 0.5)).mean() / 0.5),
        "flops": _count_flops(op, images.photo),
        "gradient_cells": _measure_gradient(
            op, images.photo, np.cos(np.arange(pooled.size, dtype=np.float32)).reshape(pooled.shape)
        ),
        "photo_r2": reconstruction_r2(images.patches, patches, context="local", per_channel=False).value,
        "digit_r2": digit_probe.value,
        "aliasing": aliasing,
        "shift_error": shift,
        "shift_equivariant": "" if math.isnan(shift) else shift <= EQUIVARIANT,
        "draw_difference": 0.0,
        "mean_difference": 0.0,
        "note": "not a stride-1 operator and a fixed subsampling" if math.isnan(aliasing) else "",
    }
    row["differentiable"] = row["gradient_cells"] > 0
    maps = {
        "photo": _tile(pooled[0]),
        "photo_residual": (images.photo[0] - _rebuild_photo(images, patches, pooled)).mean(-1, keepdims=True),
        "digit": _tile(digits[DIGIT]),
        "digit_residual": images.digits[DIGIT] - _rebuild_digit(images, digits, digit_probe),
    }
    impulses = {"evaluated": measure_impulse(op, op.step)}
    if OPERATORS[name].stochastic:
        drawn = op.draw(images.photo)
        row["draw_difference"] = _relative_rms(drawn[0], pooled)
        row["mean_difference"] = _relative_rms(drawn.mean(0), pooled)
        maps["photo_drawn"] = _tile(drawn[0, 0])
        impulses["mean of draws"] = measure_impulse(lambda x: op.draw(x).mean(0), op.step)
    waves = measure_response(op.on_torus, np.arange(1, SIDE // 2 + 1) / SIDE)
    return row, {
        "response": [{"name": name} | point for point in waves],
        "impulse": [
            {"name": name, "form": form, "row": i - EXTENT * op.step, "column": j - EXTENT * op.step, "response": value}
            for form, response in impulses.items()
            for (i, j), value in np.ndenumerate(response)
            if abs(value) > 5e-6
        ],
        "maps": [{"name": name, "map": label} | _encode(values) for label, values in maps.items()],
    }


def write_gallery(
    results: str | Path, notify: Callable[[str], None] = lambda sentence: None, names: Collection[str] = ()
) -> Path:
    """Measure operators and write <results>/gallery/tables/{operators,response,impulse,maps}.csv.

    notify: called with the name of each operator before it is measured. names: of the operators to measure, others
    keep the rows that the tables have; by default all, and no row stays. Returns the folder of the tables. Raises
    PoolscopeError for a name that no operator has, and where the folder can't be written.
    """
    if unknown := sorted(set(names) - set(OPERATORS)):
        raise PoolscopeError(f"The operator must be one of {', '.join(OPERATORS)}, not {unknown[0]!r}.")
    folder = Path(results) / "gallery" / "tables"
    images = load_images()
    tables: dict[str, list[dict[str, Any]]] = {"operators": [], "response": [], "impulse": [], "maps": []}
    for label, values in (("photo", images.photo[0]), ("digit", images.digits[DIGIT])):
        tables["maps"].append({"name": "", "map": label} | _encode(values))
    kept = {table: read_csv(folder / f"{table}.csv") if names else [] for table in tables}
    for name in OPERATORS:
        if names and name not in names:
            for table, rows in kept.items():
                tables[table] += [row for row in rows if row["name"] == name]
            continue
        notify(name)
        row, parts = measure_operator(name, images)
        tables["operators"].append(row)
        for table, fresh in parts.items():
            tables[table] += fresh
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows in tables.items():
            columns = list(dict.fromkeys(column for row in rows for column in row))
            write_csv(columns, rows, folder / f"{name}.csv", "{:.5g}".format)
    except OSError as error:
        raise PoolscopeError(
            f"Can't write the gallery to {folder} ({error.strerror or error}); make the folder writable or choose "
            f"another with --results."
        ) from error
    return folder


def _describe_operator(name: str) -> dict[str, Any]:
    """What the operator's declaration says."""
    operator = OPERATORS[name]
    return {
        "name": name,
        "family": operator.family,
        "summary": operator.summary,
        "formula": operator.formula,
        "options": ", ".join(f"{option}={default}" for option, default in operator.defaults.items()),
        "learnable": operator.learnable,
        "stochastic": operator.stochastic,
        "stated_gain": operator.gain,
        "source": operator.source,
    }


def _count_parameters(op: Exhibit) -> int:
    """Learnable numbers of a layer for three channels."""
    layer = op.layer(3)
    if not isinstance(layer, nnx.Module):
        return 0
    return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(layer, nnx.Param)))


def _count_flops(op: Exhibit, photo: np.ndarray) -> float:
    """What XLA counts for one evaluation of the photograph: 0 where it only copies, NaN where it doesn't say."""
    costs = op.evaluator(3).lower(photo).compile().cost_analysis()
    return float(costs.get("flops", 0.0)) if costs else math.nan


def _measure_gradient(op: Exhibit, photo: np.ndarray, weights: np.ndarray) -> float:
    """Share of the photograph's numbers that get a gradient in training; NaN where one isn't finite."""
    layer = op.layer(3)
    drawing = {"rngs": jax.random.key(2), "deterministic": False} if OPERATORS[op.name].stochastic else {}
    gradient = np.asarray(jax.jit(jax.grad(lambda x: (layer(x, **drawing) * weights).sum()))(photo))
    return float((gradient != 0).mean()) if np.isfinite(gradient).all() else math.nan


def _rebuild_photo(images: Images, patches: np.ndarray, pooled: np.ndarray) -> np.ndarray:
    """The photograph as a linear probe rebuilds it, cell by cell from the 3x3 outputs around; fitted on the patches.

    Where the outputs don't divide the map, its mean colour.
    """
    photo = images.photo
    step = SIDE // pooled.shape[1]
    if step * pooled.shape[1] != SIDE or step * patches.shape[1] != images.patches.shape[1]:
        return np.broadcast_to(photo[0].mean((0, 1)), photo.shape[1:])
    features, targets = _neighbourhoods(patches), _cells(images.patches, step)
    cells = fit_ridge(features, targets, divide_rows(len(features))).ridge.predict(_neighbourhoods(pooled))
    side = SIDE // step
    return cells.reshape(side, side, step, step, 3).transpose(0, 2, 1, 3, 4).reshape(SIDE, SIDE, 3)


def _rebuild_digit(images: Images, after: np.ndarray, probe: Reconstruction) -> np.ndarray:
    """The digit as a linear probe of the whole output rebuilds it; the mean digit where nothing can be read."""
    if not isinstance(probe, Rebuilt):
        return np.asarray(images.digits.mean(0))
    return probe.rebuild(after[DIGIT : DIGIT + 1], images.digits.shape[1:])[0]


def _neighbourhoods(after: np.ndarray) -> np.ndarray:
    padded = np.pad(after, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2)).reshape(-1, 9 * after.shape[3])


def _cells(maps: np.ndarray, step: int) -> np.ndarray:
    count, height, width, channels = maps.shape
    cells = maps.reshape(count, height // step, step, width // step, step, channels).transpose(0, 1, 3, 2, 4, 5)
    return cells.reshape(-1, step * step * channels)


def _relative_rms(drawn: np.ndarray, evaluated: np.ndarray) -> float:
    return float(np.sqrt(((drawn - evaluated) ** 2).mean()) / evaluated.std())


def _roll(maps: np.ndarray, pixels: int) -> np.ndarray:
    return np.roll(maps, pixels, axis=2)


def _move(maps: np.ndarray, by: float) -> np.ndarray:
    """Maps on a torus moved to the right by a fraction of a cell; the highest frequency keeps its cosine part."""
    turn = np.exp(-2j * np.pi * np.fft.fftfreq(maps.shape[2]) * by)[:, None]
    return np.fft.ifft(np.fft.fft(maps, axis=2) * turn, axis=2).real


def _shrink(photo: np.ndarray) -> np.ndarray:
    rows, columns = photo.shape[0] // _SHRINK, photo.shape[1] // _SHRINK
    whole = photo[: rows * _SHRINK, : columns * _SHRINK] / 255
    return whole.reshape(rows, _SHRINK, columns, _SHRINK, 3).mean((1, 3)).astype(np.float32)


def _to_maps(after: jax.Array) -> np.ndarray:
    values = np.asarray(after, np.float32)
    return values[:, None, None] if values.ndim == 2 else values


def _tile(values: np.ndarray) -> np.ndarray:
    """Maps of more than three channels (or of two) side by side, in groups of as many as the image had."""
    height, width, channels = values.shape
    depth = 3 if channels % 3 == 0 else 1
    groups = channels // depth
    columns = math.isqrt(groups - 1) + 1
    rows = -(-groups // columns)
    sheet = np.zeros((rows * height, columns * width, depth), values.dtype)
    for group in range(groups):
        top, left = group // columns * height, group % columns * width
        sheet[top : top + height, left : left + width] = values[..., group * depth : (group + 1) * depth]
    return sheet


def _encode(values: np.ndarray) -> dict[str, Any]:
    """Numbers as 8-bit levels from low to high, two hexadecimal digits each, row by row, channels last."""
    low, high = float(f"{values.min():.5g}"), float(f"{values.max():.5g}")
    levels = np.clip(np.rint((values - low) / max(high - low, 1e-6) * 255), 0, 255).astype(np.uint8)
    sizes = dict(zip(("height", "width", "channels"), values.shape, strict=True))
    return sizes | {"low": low, "high": high, "levels": levels.tobytes().hex()}
