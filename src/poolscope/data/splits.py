"""Which images: split strings, class-balanced nested subsets, and labels corrupted on purpose.

A split string is written as in tensorflow-datasets: base splits joined by "+", each with an optional slice in images or
percent, such as "train[:90%]", "train[5000:]" or "train[:50%]+test[-10:]". Nothing here reads a file or imports JAX.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from poolscope.spec.errors import PoolscopeError

SUBSET_STREAM = 1
NOISE_STREAM = 2

_PART = re.compile(r"(?P<base>[\w-]+)(?:\[(?P<start>[^\[\]:]*):(?P<stop>[^\[\]:]*)\])?", re.ASCII)
_BOUND = re.compile(r"(?P<value>-?\d+(?P<fraction>\.\d+)?)(?P<percent>%?)", re.ASCII)
_HOW = "write it as in train, train[:90%], train[5000:] or train[:50%]+test[:10]"


@dataclass(frozen=True)
class Split:
    """Images, uint8 (N, H, W, C), and their classes, int32 (N,).

    Images that don't fit into memory are `StoredImages`, whose rows are read by indexing them like an array.
    """

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Source:
    """A data set before any image is read.

    shape: (height, width, channels). sizes: images in each base split; complete: how many the whole set has where a
    copy may hold fewer. read: the images of one base split. labels: names of the classes. names: of one's own files,
    the name of each image by base split; whoever gives them has the splits checked for shared images and absent
    classes. notes: sentences on what was left out.
    """

    name: str
    version: str
    shape: tuple[int, int, int]
    classes: int
    sizes: Mapping[str, int]
    complete: Mapping[str, int]
    read: Callable[[str], Split]
    where: str = ""
    labels: tuple[str, ...] = ()
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Slice:
    """The images start, start + 1, ..., stop - 1 of a base split."""

    base: str
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


def parse_split(text: str, sizes: Mapping[str, int], key: str = "split") -> tuple[Slice, ...]:
    """The slices that a split string names, in order; percents round to the nearest image, as in tensorflow-datasets.

    Raises PoolscopeError naming the key and what would fit: an unknown base split, a slice that reaches past it, an
    empty one, or anything that is not a split string.
    """
    return tuple(_parse_part(part.strip(), sizes, f"{key}={text}") for part in text.split("+"))


def check_disjoint(named: Mapping[str, tuple[Slice, ...]]) -> None:
    """Refuse slices that share an image, within a key or between two: no image has two parts in a study."""
    owned = [(key, piece) for key, pieces in named.items() for piece in pieces]
    for (first_key, first), (second_key, second) in itertools.combinations(owned, 2):
        shared = min(first.stop, second.stop) - max(first.start, second.start)
        if first.base == second.base and shared > 0:
            who = f"{first_key} and {second_key} share" if first_key != second_key else f"{first_key} names twice"
            raise PoolscopeError(
                f"{who} {shared:,} image{'s' * (shared > 1)} of {first.base!r} ([{first.start}:{first.stop}] and "
                f"[{second.start}:{second.stop}]); each image may have one part only."
            )


def draw_balanced_order(labels: np.ndarray, rng: np.random.Generator | np.random.RandomState) -> np.ndarray:
    """A random order of the images whose every prefix has as equal a number of each class as there are images for.

    The first n indices are therefore a class-balanced subset, and contained in the first 2n. Images are shuffled, and
    then dealt out in rounds of one from each class that has any left.
    """
    shuffled = rng.permutation(len(labels))
    by_class = np.argsort(labels[shuffled], kind="stable")
    counts = np.bincount(labels)
    rounds = np.empty(len(labels), np.int64)
    rounds[by_class] = np.concatenate([np.arange(count) for count in counts])
    return shuffled[np.argsort(rounds, kind="stable")]


def corrupt_labels(
    labels: np.ndarray, classes: int, fraction: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Change exactly round(fraction * N) labels to another class, drawn uniformly; returns labels and which changed.

    With the same generator state, the labels changed at a fraction are changed alike at every larger one.
    """
    chosen = rng.permutation(len(labels))[: round(fraction * len(labels))]
    steps = rng.integers(1, classes, size=len(labels))
    moved = np.zeros(len(labels), bool)
    moved[chosen] = True
    return np.where(moved, (labels + steps) % classes, labels).astype(np.int32), moved


def stream(seed: int, number: int) -> np.random.Generator:
    """The generator of one of a seed's separate random streams."""
    return np.random.default_rng(np.random.SeedSequence([seed, number]))


def _parse_part(part: str, sizes: Mapping[str, int], where: str) -> Slice:
    match = _PART.fullmatch(part)
    if match is None:
        raise PoolscopeError(f"{where}: {part!r} is not a split; {_HOW}.")
    base = match["base"]
    if base not in sizes:
        raise PoolscopeError(f"{where}: there is no split {base!r}; there are {', '.join(sizes)}.")
    size = sizes[base]
    bounds = [_parse_bound(match[end], size, part, where) for end in ("start", "stop")]
    if None not in bounds and bounds[0][1] != bounds[1][1]:  # type: ignore[index]
        raise PoolscopeError(f"{where}: {part!r} mixes images and percent; use one of them.")
    if match["start"] == match["stop"] == "":
        raise PoolscopeError(f"{where}: {part!r} has an empty slice; {_HOW}.")
    start, stop = (default if bound is None else bound[0] for bound, default in zip(bounds, (0, size), strict=True))
    start, stop = (position + size if position < 0 else position for position in (start, stop))
    if start >= stop:
        raise PoolscopeError(f"{where}: {part!r} names no images; {base!r} has {size:,}.")
    return Slice(base, start, stop)


def _parse_bound(text: str | None, size: int, part: str, where: str) -> tuple[int, bool] | None:
    """A bound as (image, was it in percent); None where it is left out."""
    if not text:
        return None
    match = _BOUND.fullmatch(text)
    if match is None or (match["fraction"] and not match["percent"]):
        raise PoolscopeError(f"{where}: {text!r} in {part!r} is no number of images or percent; {_HOW}.")
    percent = bool(match["percent"])
    position = round(float(match["value"]) * size / 100) if percent else int(match["value"])
    if abs(position) > size:
        raise PoolscopeError(f"{where}: {part!r} reaches past the {size:,} images of the split.")
    return position, percent
