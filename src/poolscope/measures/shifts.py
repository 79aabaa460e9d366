"""How much a prediction changes when the image is shifted: exact over all shifts of a set, with no random pairs.

Shifts are by whole pixels, wrapped around or filled with zeros, or by parts of a pixel on the wrapped image, as the
sum of waves that it is.

A network enters as its predictions and logits under every shift, from `predict_shifts`; the measures are counts and
means over those. A constant classifier is perfectly consistent, so consistency is never read without accuracy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from poolscope.data.datasets import Dataset
from poolscope.measures.predictions import Logits, Scored, Values, measure_or_explain
from poolscope.spec.config import PROBED
from poolscope.spec.errors import PoolscopeError

FILLS = ("circular", "zero")
_BLOCK = 500  # images at a time in what would need much memory for all of them
SQUARE, RAY = 3, 8  # pixels: of the square that consistency is counted over, and of the accuracy curve


@dataclass(frozen=True)
class Shifted:
    """Predictions under shifts.

    shifts: (S, 2), pixels down and right. predictions: int (S, N), -1 where a logit isn't finite. moved: float (S, N),
    how far the logits of an image lie from those of its unshifted self. spread: mean distance between the logits of two
    different images.
    """

    shifts: np.ndarray
    predictions: np.ndarray
    moved: np.ndarray
    spread: float

    def within(self, max_shift: int) -> Shifted:
        """Only the shifts of at most `max_shift` pixels on both axes."""
        return self._choose(np.abs(self.shifts).max(1) <= max_shift)

    def at(self, shift: tuple[float, float]) -> np.ndarray:
        """Predictions (N,) under one shift."""
        return self.predictions[self._find(shift)]

    def _find(self, shift: tuple[float, float]) -> int:
        found = np.flatnonzero((self.shifts == shift).all(1))
        if not len(found):
            raise PoolscopeError(f"shift {shift} is not among the {len(self.shifts)} that were predicted.")
        return int(found[0])

    def _choose(self, chosen: np.ndarray) -> Shifted:
        return Shifted(self.shifts[chosen], self.predictions[chosen], self.moved[chosen], self.spread)


def square_shifts(max_shift: int) -> np.ndarray:
    """All shifts of -max_shift..max_shift on both axes, (S, 2)."""
    axis = np.arange(-max_shift, max_shift + 1)
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)


def ray_shifts(max_shift: int) -> np.ndarray:
    """Shifts along both axes and the diagonal up to `max_shift` pixels either way, each once, (S, 2)."""
    steps = np.arange(-max_shift, max_shift + 1)
    rays = [np.stack(ray, 1) for ray in ((steps, 0 * steps), (0 * steps, steps), (steps, steps))]
    return np.unique(np.concatenate(rays), axis=0)


def shift_images(images: np.ndarray, down: int, right: int, fill: str = "circular") -> np.ndarray:
    """Images (N, H, W, C) moved by whole pixels; what leaves comes in on the other side ("circular") or is lost.

    "zero" fills with 0, which is black in images of levels 0..255.
    """
    if fill not in FILLS:
        raise PoolscopeError(f"fill must be one of {', '.join(FILLS)}, not {fill!r}.")
    moved = np.roll(images, (down, right), (1, 2))
    if fill == "zero":
        height, width = images.shape[1:3]
        moved[:, : max(down, 0)] = 0
        moved[:, max(height + down, 0) if down < 0 else height :] = 0
        moved[:, :, : max(right, 0)] = 0
        moved[:, :, max(width + right, 0) if right < 0 else width :] = 0
    return moved


def shift_by_waves(images: np.ndarray, down: float, right: float) -> np.ndarray:
    """Images (N, H, W, C) on a torus moved by any part of a pixel, float32: every wave of their spectrum is turned.

    By whole pixels it is the circular shift. Of an even size the highest frequency keeps its cosine part; between
    pixels an image with sharp edges overshoots its levels.
    """
    shifted = np.empty(images.shape, np.float32)
    for start in range(0, len(images), _BLOCK):
        waves = np.fft.fft2(images[start : start + _BLOCK], axes=(1, 2))
        for axis, by in ((1, down), (2, right)):
            turn = np.exp(-2j * np.pi * np.fft.fftfreq(images.shape[axis]) * by)
            waves = waves * np.expand_dims(turn, tuple(other for other in range(4) if other != axis))
        shifted[start : start + _BLOCK] = np.fft.ifft2(waves, axes=(1, 2)).real
    return shifted


def predict_shifts(
    predict: Callable[[np.ndarray], np.ndarray], images: np.ndarray, shifts: np.ndarray, fill: str = "circular"
) -> Shifted:
    """Predictions of `predict`, images -> logits (N, classes), under every shift, and under none.

    fill: circular or zero for whole pixels, "subpixel" for any.
    """
    if not (shifts == 0).all(1).any():
        shifts = np.concatenate([[[0, 0]], shifts])
    still = np.asarray(predict(images), np.float64)
    predictions, moved = [], []
    for down, right in shifts:
        subpixel = fill == "subpixel"
        shifted = shift_by_waves(images, down, right) if subpixel else shift_images(images, int(down), int(right), fill)
        logits = np.asarray(predict(shifted), np.float64)
        predictions.append(np.where(np.isfinite(logits).all(1), logits.argmax(1), -1))
        with np.errstate(invalid="ignore"):
            moved.append(np.linalg.norm(logits - still, axis=1))
    return Shifted(np.asarray(shifts), np.stack(predictions), np.stack(moved), mean_distance(still))


def mean_distance(logits: np.ndarray) -> float:
    """Mean Euclidean distance between two different rows; NaN for fewer than two, or where a logit isn't finite."""
    if len(logits) < 2 or not np.isfinite(logits).all():
        return float("nan")
    rows = logits - logits.mean(0)
    norms = (rows**2).sum(1)
    total = 0.0
    for start in range(0, len(rows), _BLOCK):
        part = slice(start, start + _BLOCK)
        squares = np.maximum(norms[part, None] + norms - 2 * rows[part] @ rows.T, 0)
        squares[np.arange(len(squares)), start + np.arange(len(squares))] = 0
        total += np.sqrt(squares).sum()
    return float(total / (len(rows) * (len(rows) - 1)))


def shift_consistency(predictions: np.ndarray) -> float:
    """C1: share of pairs of different shifts that agree, C = mean_i sum_y c_y (c_y - 1) / (S (S - 1)), c: vote counts.

    predictions (S, N). Exact over all pairs, without forming one. NaN for fewer than two shifts, no image, or a
    logit that isn't finite.
    """
    shifts = len(predictions)
    if shifts < 2 or not _all_finite(predictions):
        return float("nan")
    return float(_count_agreeing(predictions).mean() / (shifts * (shifts - 1)))


def score_images(predictions: np.ndarray) -> np.ndarray:
    """C1 of each image, (N,): the share of pairs of different shifts that agree; NaN as for `shift_consistency`."""
    shifts = len(predictions)
    if shifts < 2 or not _all_finite(predictions):
        return np.full(predictions.shape[1:], np.nan)
    return _count_agreeing(predictions) / (shifts * (shifts - 1))


def _count_agreeing(predictions: np.ndarray) -> np.ndarray:
    """Ordered pairs of different shifts with equal predictions, by image."""
    counts = np.stack([(predictions == label).sum(0) for label in np.unique(predictions)])
    return (counts * (counts - 1)).sum(0)


def agreement_map(shifted: Shifted) -> np.ndarray:
    """C2: share of images predicted under each shift as unshifted, (2 m + 1, 2 m + 1) by rows down and columns right.

    NaN at shifts that were not predicted, everywhere as for consistency; m: the largest shift.
    """
    max_shift = int(np.abs(shifted.shifts).max())
    result = np.full((2 * max_shift + 1,) * 2, np.nan)
    if _all_finite(shifted.predictions):
        result[tuple((shifted.shifts + max_shift).T)] = (shifted.predictions == shifted.at((0, 0))).mean(1)
    return result


def shift_accuracy(shifted: Shifted, labels: np.ndarray, max_shift: int) -> dict[str, np.ndarray]:
    """C3: accuracy by distance t = 0..max_shift, mean over both directions, along "rows", "columns" and the "diagonal".

    NaN as for consistency.
    """
    rays = {"rows": (1, 0), "columns": (0, 1), "diagonal": (1, 1)}
    if not _all_finite(shifted.predictions):
        return {name: np.full(max_shift + 1, np.nan) for name in rays}
    return {
        name: np.array(
            [
                np.mean([(shifted.at((sign * t * ray[0], sign * t * ray[1])) == labels).mean() for sign in (-1, 1)])
                for t in range(max_shift + 1)
            ]
        )
        for name, ray in rays.items()
    }


def worst_shift_accuracy(predictions: np.ndarray, labels: np.ndarray) -> float:
    """C4: share of images predicted right under every shift; predictions (S, N). NaN as for consistency."""
    if not _all_finite(predictions):
        return float("nan")
    return float((predictions == labels).all(0).mean())


def logit_stability(shifted: Shifted) -> float:
    """C5: D = mean |z(x) - z(shifted x)| over images and shifts but (0, 0), by the mean distance of different images.

    0: not moved at all; 1: as far apart as two different images. NaN where all images have the same logits.
    """
    moving = (shifted.shifts != 0).any(1)
    if not moving.any() or not shifted.spread > 0:
        return float("nan")
    return float(shifted.moved[moving].mean() / shifted.spread)


def measure_consistency(predict: Logits, dataset: Dataset, max_shift: int = 1, probed: int = PROBED) -> Values:
    """C1, C4, C5 over all shifts of at most `max_shift` pixels: consistency, worst-shift accuracy, logit stability."""
    images, labels = dataset.test.images[:probed], dataset.test.labels[:probed]

    def measure(predict: Logits) -> dict[str, float]:
        values: dict[str, float] = {}
        for fill in FILLS:
            shifted = predict_shifts(predict, images, square_shifts(max_shift), fill)
            values |= _square(shifted, labels, fill, max_shift)
        return values

    return measure_or_explain(measure, predict, dataset, probed)


def measure_shifts(predict: Logits, dataset: Dataset, fills: tuple[str, ...] = FILLS, probed: int = PROBED) -> Values:
    """C1 within 1 and 3 pixels, C2 agreement by shift, C3 accuracy by distance (and its mean), C4 and C5."""
    images, labels = dataset.test.images[:probed], dataset.test.labels[:probed]
    shifts = np.unique(np.concatenate([square_shifts(SQUARE), ray_shifts(RAY)]), axis=0)

    def measure(predict: Logits) -> Values:
        values: dict[str, float | Scored] = {}
        for fill in fills:
            shifted = predict_shifts(predict, images, shifts, fill)
            values |= _square(shifted, labels, fill, 1) | _square(shifted, labels, fill, SQUARE)
            predictions = shifted.within(SQUARE).predictions
            values[f"consistency_{fill}_{SQUARE}"] = Scored(shift_consistency(predictions), score_images(predictions))
            curve = np.mean(list(shift_accuracy(shifted, labels, RAY).values()), axis=0)
            values |= {f"shift_accuracy_{fill}_{distance}": float(value) for distance, value in enumerate(curve)}
            values[f"shift_accuracy_{fill}"] = float(np.mean(curve[1:]))
            agreement = agreement_map(shifted.within(SQUARE))
            values |= {
                f"agreement_{fill}_{down - SQUARE}_{right - SQUARE}": float(value)
                for (down, right), value in np.ndenumerate(agreement)
            }
        return values

    return measure_or_explain(measure, predict, dataset, probed)


def measure_subpixel(predict: Logits, dataset: Dataset, probed: int = PROBED) -> Values:
    """C1, C4, C5 over all circular shifts by halves of a pixel of at most one pixel on both axes."""
    images, labels = dataset.test.images[:probed], dataset.test.labels[:probed]

    def measure(predict: Logits) -> dict[str, float]:
        shifted = predict_shifts(predict, images, square_shifts(2) / 2, "subpixel")
        return {
            "consistency_subpixel": shift_consistency(shifted.predictions),
            "worst_shift_accuracy_subpixel": worst_shift_accuracy(shifted.predictions, labels),
            "logit_stability_subpixel": logit_stability(shifted),
        }

    return measure_or_explain(measure, predict, dataset, probed)


def _square(shifted: Shifted, labels: np.ndarray, fill: str, max_shift: int) -> dict[str, float]:
    square = shifted.within(max_shift)
    return {
        f"consistency_{fill}_{max_shift}": shift_consistency(square.predictions),
        f"worst_shift_accuracy_{fill}_{max_shift}": worst_shift_accuracy(square.predictions, labels),
        f"logit_stability_{fill}_{max_shift}": logit_stability(square),
    }


def _all_finite(predictions: np.ndarray) -> bool:
    """Whether there are predictions, and all of them of finite logits."""
    return bool(predictions.size) and bool((predictions >= 0).all())
