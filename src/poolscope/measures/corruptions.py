"""Corrupted images, generated on the spot: fixed by the seed and the image, so that all networks see the same pixels.

Severities follow MNIST-C (Mu & Gilmer 2019) for images of one channel and CIFAR-10-C (Hendrycks & Dietterich 2019) for
others, where those have the corruption; `ours` marks the ones that are our own.
"""

from __future__ import annotations

import functools
import math
import os
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from poolscope.data.datasets import Dataset
from poolscope.measures.predictions import Logits, Scored, Values, measure_or_explain
from poolscope.spec.config import PROBED
from poolscope.spec.errors import PoolscopeError

GROUPS = ("noise", "blur", "geometric", "photometric", "occlusion")
_Transform = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Corruption:
    """A way to corrupt images, with its strength at each severity from 1 up.

    transform: (image (H, W, C) in [0, 1], strength, rng) -> image. grey, colour: strengths for images of one channel,
    and of more; empty where it isn't used. ours: which of the two are not from the published sets.
    """

    group: str
    transform: _Transform
    grey: tuple[float, ...]
    colour: tuple[float, ...]
    ours: str = ""

    def strengths(self, channels: int) -> tuple[float, ...]:
        """The strengths for images of so many channels."""
        return self.grey if channels == 1 else self.colour


def corruptions_of(channels: int) -> dict[str, Corruption]:
    """The corruptions for images of so many channels."""
    return {name: one for name, one in CORRUPTIONS.items() if one.strengths(channels)}


def corrupt(
    images: np.ndarray, name: str, severity: int, *, seed: int = 0, indices: Sequence[int] | None = None
) -> np.ndarray:
    """Corrupted copies of uint8 images (N, H, W, C).

    indices: of the images in their split (default 0, 1, ...); with the seed, the name and the severity they fix every
    pixel, whatever other images are corrupted beside. Raises PoolscopeError for an unknown name or severity.
    """
    channels = images.shape[3]
    known = corruptions_of(channels)
    if name not in known:
        raise PoolscopeError(f"corruption must be one of {', '.join(known)}, not {name!r}.")
    strengths = known[name].strengths(channels)
    if not 1 <= severity <= len(strengths):
        raise PoolscopeError(f"severity of {name} must be from 1 to {len(strengths)}, not {severity}.")
    result = np.empty_like(images)
    stream = zlib.crc32(name.encode())
    for place, index in enumerate(range(len(images)) if indices is None else indices):
        rng = np.random.default_rng([seed, stream, severity, int(index)])
        corrupted = known[name].transform(images[place] / np.float64(255), strengths[severity - 1], rng)
        result[place] = np.round(np.clip(corrupted, 0, 1) * 255)
    return result


def relative_accuracy(accuracy: float, clean: float) -> float:
    """RA_c = accuracy under a corruption / accuracy on clean images; NaN where the latter is 0."""
    return accuracy / clean if clean > 0 else math.nan


def measure_corruptions(predict: Logits, dataset: Dataset, probed: int = PROBED) -> Values:
    """C6, C7: accuracy under each corruption, mean over severities, and over all; relative accuracy, also by group.

    accuracy_corrupted comes with each image's share of right predictions, every corruption counting alike.
    """
    images, labels = dataset.test.images[:probed], dataset.test.labels[:probed]
    corruptions = corruptions_of(dataset.shape[2])
    content = np.ascontiguousarray(images).tobytes()
    corrupted_by = _corrupt_once if len(content) <= _find_most_kept() else _corrupt_once.__wrapped__

    def measure(predict: Logits) -> Values:
        def find_right(images: np.ndarray) -> np.ndarray:
            return predict(images).argmax(1) == labels

        accuracies, scores = {}, np.zeros(len(labels))
        for name, corruption in corruptions.items():
            severities = range(1, len(corruption.strengths(dataset.shape[2])) + 1)
            corrupted = (corrupted_by(content, images.shape, name, severity) for severity in severities)
            right = np.stack([find_right(given) for given in corrupted])
            accuracies[name] = float(np.mean(right.mean(axis=1)))
            scores += right.mean(axis=0) / len(corruptions)
        clean = float(find_right(images).mean())
        relative = {name: relative_accuracy(value, clean) for name, value in accuracies.items()}
        values: dict[str, float | Scored] = {f"accuracy_under_{name}": value for name, value in accuracies.items()}
        values["accuracy_corrupted"] = Scored(float(np.mean(list(accuracies.values()))), scores)
        values["accuracy_uncorrupted"] = clean
        for group in GROUPS:
            members = [relative[name] for name in corruptions if corruptions[name].group == group]
            values[f"relative_accuracy_{group}"] = float(np.mean(members)) if members else math.nan
        return values | {"relative_accuracy": float(np.mean(list(relative.values())))}

    return measure_or_explain(measure, predict, dataset, probed)


_KEPT = 4 * 2**20  # bytes of images whose corruptions, _COPIES times as much, are kept whatever the machine
_COPIES = 80  # corruptions times severities, at most


def _find_most_kept() -> float:
    """Bytes of images up to which all their corruptions are kept: what a quarter of the memory bears on every core."""
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        memory = min([memory, *_read_limits()])
    except (AttributeError, ValueError, OSError):  # not on this system
        return _KEPT
    return max(_KEPT, memory / 4 / (os.cpu_count() or 1) / _COPIES)


def _read_limits() -> list[int]:
    """The bytes that a container lets its processes have, where there is one."""
    paths = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
    texts = [path.read_text().strip() for path in paths if path.is_file()]
    return [int(text) for text in texts if text.isdecimal()]


@functools.lru_cache(maxsize=_COPIES)
def _corrupt_once(content: bytes, shape: tuple[int, ...], name: str, severity: int) -> np.ndarray:
    """Corrupt images given by their bytes: once for all the seeds and networks that a process measures."""
    return corrupt(np.frombuffer(content, np.uint8).reshape(shape), name, severity)


def _gaussian_noise(image: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    return image + sigma * rng.standard_normal(image.shape)


def _shot_noise(image: np.ndarray, rate: float, rng: np.random.Generator) -> np.ndarray:
    return rng.poisson(image * rate) / rate


def _impulse_noise(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    hit, white = rng.random(image.shape) < share, rng.random(image.shape) < 0.5
    return np.where(hit, white, image)


def _gaussian_blur(image: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(image, (sigma, sigma, 0), mode="constant" if image.shape[2] == 1 else "reflect")


def _contrast(image: np.ndarray, factor: float, rng: np.random.Generator) -> np.ndarray:
    mean = image.mean((0, 1), keepdims=True)
    return mean + factor * (image - mean)


def _pixelate(image: np.ndarray, factor: float, rng: np.random.Generator) -> np.ndarray:
    """Area means on a coarser grid, then each coarse pixel spread over its area again."""
    for axis in (0, 1):
        size = image.shape[axis]
        coarse = max(1, int(size * factor))
        edges = np.linspace(0, size, coarse + 1)
        overlap = np.minimum(edges[1:, None], np.arange(size) + 1) - np.maximum(edges[:-1, None], np.arange(size))
        weights = np.maximum(overlap, 0)
        means = weights / weights.sum(1, keepdims=True)
        centre = np.minimum(((np.arange(size) + 0.5) * coarse / size).astype(int), coarse - 1)
        image = np.moveaxis(np.tensordot(means[centre], image, (1, axis)), 0, axis)
    return image


def _translate(image: np.ndarray, pixels: float, rng: np.random.Generator) -> np.ndarray:
    return _warp(image, np.eye(2), pixels * rng.choice([-1, 1], 2))


def _rotate(image: np.ndarray, angle: float, rng: np.random.Generator) -> np.ndarray:
    angle = angle * rng.choice([-1, 1])
    cosine, sine = math.cos(angle), math.sin(angle)
    return _warp(image, np.array([[cosine, -sine], [sine, cosine]]))


def _zoom_out(image: np.ndarray, factor: float, rng: np.random.Generator) -> np.ndarray:
    return _warp(image, np.eye(2) / factor)


def _shear(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    return _warp(image, np.array([[1.0, 0.0], [amount * rng.choice([-1, 1]), 1.0]]))


def _elastic(image: np.ndarray, pixels: float, rng: np.random.Generator) -> np.ndarray:
    """Every pixel is read up to a few pixels away, neighbours from near places; `pixels`: root mean square of that."""
    from scipy.ndimage import gaussian_filter

    field = np.stack([gaussian_filter(rng.standard_normal(image.shape[:2]), 4, mode="wrap") for _ in range(2)])
    field *= pixels / max(float(np.sqrt((field**2).mean())), 1e-12)
    return _read_at(image, np.indices(image.shape[:2]) + field)


def _occlude(image: np.ndarray, side: float, rng: np.random.Generator) -> np.ndarray:
    top, left = (int(rng.integers(0, max(1, size - int(side) + 1))) for size in image.shape[:2])
    result = image.copy()
    result[top : top + int(side), left : left + int(side)] = image.mean((0, 1))
    return result


def _stripe(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """The middle columns are inverted; share: of the width."""
    width = image.shape[1]
    first = round(width * (1 - share) / 2)
    result = image.copy()
    result[:, first : width - first] = 1 - result[:, first : width - first]
    return result


def _invert(image: np.ndarray, whole: float, rng: np.random.Generator) -> np.ndarray:
    return whole - image


def _warp(image: np.ndarray, matrix: np.ndarray, shift: np.ndarray | None = None) -> np.ndarray:
    """Each pixel p is read at matrix (p - centre - shift) + centre, between pixels linearly."""
    centre = (np.array(image.shape[:2]) - 1) / 2
    places = np.indices(image.shape[:2]).reshape(2, -1) - centre[:, None]
    if shift is not None:
        places = places - np.asarray(shift)[:, None]
    return _read_at(image, (matrix @ places + centre[:, None]).reshape(2, *image.shape[:2]))


def _read_at(image: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Outside is black for one channel (a drawing on black), and a mirror image for a photograph."""
    from scipy.ndimage import map_coordinates

    mode = "constant" if image.shape[2] == 1 else "reflect"
    return np.stack(
        [map_coordinates(image[..., channel], places, order=1, mode=mode) for channel in range(image.shape[2])],
        -1,
    )


_DEGREES = tuple(math.radians(angle) for angle in (5, 10, 15, 20, 25))
_ONE_TO_FIVE = (1.0, 2.0, 3.0, 4.0, 5.0)
_SIDES = (4.0, 6.0, 8.0, 10.0, 12.0)

CORRUPTIONS: dict[str, Corruption] = {
    "gaussian_noise": Corruption(
        "noise", _gaussian_noise, (0.08, 0.12, 0.18, 0.26, 0.38), (0.04, 0.06, 0.08, 0.09, 0.10)
    ),
    "shot_noise": Corruption("noise", _shot_noise, (60, 25, 12, 5, 3), (500, 250, 100, 75, 50)),
    "impulse_noise": Corruption(
        "noise", _impulse_noise, (0.03, 0.06, 0.09, 0.17, 0.27), (0.01, 0.02, 0.03, 0.05, 0.07)
    ),
    "gaussian_blur": Corruption("blur", _gaussian_blur, (1, 2, 3, 4, 6), (0.4, 0.6, 0.7, 0.8, 1.0)),
    "pixelate": Corruption("blur", _pixelate, (0.6, 0.5, 0.4, 0.3, 0.25), (0.95, 0.9, 0.85, 0.75, 0.65)),
    "translate": Corruption("geometric", _translate, _ONE_TO_FIVE, _ONE_TO_FIVE, "colour"),
    "rotate": Corruption("geometric", _rotate, (0.2, 0.4, 0.6, 0.8, 1.0), _DEGREES, "colour"),
    "scale": Corruption("geometric", _zoom_out, (0.9, 0.8, 0.7, 0.6, 0.5), (0.95, 0.9, 0.85, 0.8, 0.75), "colour"),
    "shear": Corruption("geometric", _shear, (0.2, 0.4, 0.6, 0.8, 1.0), ()),
    "elastic": Corruption("geometric", _elastic, (0.5, 1, 1.5, 2, 2.5), (0.5, 1, 1.5, 2, 2.5), "grey and colour"),
    "contrast": Corruption("photometric", _contrast, (0.4, 0.3, 0.2, 0.1, 0.05), (0.75, 0.5, 0.4, 0.3, 0.15)),
    "stripe": Corruption("photometric", _stripe, (0.1, 0.2, 0.3, 0.4, 0.5), (), "grey"),
    "inverse": Corruption("photometric", _invert, (1.0,), (), "grey"),
    "occlusion": Corruption("occlusion", _occlude, _SIDES, _SIDES, "grey and colour"),
}
