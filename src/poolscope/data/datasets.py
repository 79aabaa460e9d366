"""Data sets as uint8 arrays: training, validation and test images of one run, as its configuration and seed say.

`DATASETS` lists who reads them. A new reader is a function from DataConfig to Source, one entry there, and a file
configs/data/<name>.yaml. Nothing here imports JAX; augmentation on the device is in augment.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from poolscope.data.digits import open_digits
from poolscope.data.folder import open_folder
from poolscope.data.inspection import inspect_parts
from poolscope.data.memory import check_images
from poolscope.data.npz import open_npz
from poolscope.data.pictures import choose_fitting
from poolscope.data.splits import (
    NOISE_STREAM,
    SUBSET_STREAM,
    Slice,
    Source,
    Split,
    check_disjoint,
    corrupt_labels,
    draw_balanced_order,
    parse_split,
    stream,
)
from poolscope.data.stored import StoredImages, iterate_blocks
from poolscope.data.tfds import find_prepared, open_prepared, prepare_dataset
from poolscope.spec.config import DataConfig
from poolscope.spec.errors import PoolscopeError, describe_install
from poolscope.spec.extensions import find_datasets
from poolscope.spec.paths import shipped

__all__ = [
    "DATASETS",
    "Dataset",
    "Source",
    "Split",
    "check_dataset",
    "check_readable",
    "count_images",
    "describe_dataset",
    "list_datasets",
    "load_dataset",
    "measure_channels",
    "open_source",
    "prepare_dataset",
]

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Dataset:
    """The images of one run.

    shape: (height, width, channels) after padding. train: with its labels as trained on, `corrupted` marking
    those that were changed; train_eval: some of the training images with their true labels. mean, std: float32
    (channels,), of the training images scaled to [0, 1]. description: one sentence on how many images there are.
    """

    name: str
    version: str
    classes: int
    shape: Shape
    train: Split
    train_eval: Split
    val: Split
    test: Split
    corrupted: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    description: str
    labels: tuple[str, ...] = ()


def load_dataset(config: DataConfig, seed: int) -> Dataset:
    """Read a data set as configured; the seed draws the subset, train_eval and the corrupted labels, and nothing else.

    train_eval is the start of the seed's class-balanced order of the training images, and so part of every subset that
    is at least as large. Raises PoolscopeError where a split, a size or a shape doesn't fit the data.
    """
    source, named, shape, used = _plan(config)
    pool, val, test = (_pad(_read(source, pieces, config), shape) for pieces in named.values())
    order = draw_balanced_order(pool.labels, stream(seed, SUBSET_STREAM))
    clean = pool if used == len(pool) else _take(pool, np.sort(order[:used]))
    labels, corrupted = corrupt_labels(clean.labels, source.classes, config.label_noise, stream(seed, NOISE_STREAM))
    mean, std = measure_channels(clean.images)
    return Dataset(
        name=source.name,
        version=source.version,
        classes=source.classes,
        shape=shape,
        train=Split(clean.images, labels),
        train_eval=_take(pool, np.sort(order[: min(config.train_eval_size, used)])),
        val=val,
        test=test,
        corrupted=corrupted,
        mean=mean,
        std=std,
        description=_describe(source, shape, named, used, int(corrupted.sum())),
        labels=source.labels,
    )


def describe_dataset(config: DataConfig) -> tuple[Shape, int]:
    """Shape of an image after padding, and number of classes, without reading an image.

    Where data.shape and data.classes are both given, the data set need not even be there.
    """
    if config.shape is not None and config.classes is not None:
        height, width, channels = config.shape
        return _padded_shape((height, width, channels), config), config.classes
    source = open_source(config)
    return _padded_shape(source.shape, config), source.classes


def check_dataset(config: DataConfig) -> int:
    """How many images would be trained on.

    Refuses, without reading an image, all that `load_dataset` would: a data set that isn't there, splits, sizes.
    """
    source, _, shape, used = _plan(config)
    if config.memory != "batch":
        check_images(sum(source.sizes.values()), shape)
    elif find_spec("grain") is None:
        raise PoolscopeError(f"data.memory=batch needs a package that is not installed: {describe_install('grain')}.")
    return used


def count_images(config: DataConfig) -> dict[str, int]:
    """Count the images of data.train, data.val and data.test, without reading one."""
    return {key: sum(map(len, pieces)) for key, pieces in _plan(config)[1].items()}


def check_readable(config: DataConfig) -> list[str]:
    """Read every split once, so that whatever is wrong with the images is found before the first run.

    Returns sentences on what a person should know of them: unbalanced classes, and of one's own files those left out.
    Raises PoolscopeError for damaged files, a cache that can't be written, and one's own images that two splits share
    or classes that a split lacks.
    """
    source, named, _, _ = _plan(config)
    parts = {key: _read(source, pieces, config) for key, pieces in named.items()}
    notes = inspect_parts(source, named, parts, copies=config.duplicates == "keep")
    return [f"{source.name}: {note}." for note in notes]


def open_source(config: DataConfig) -> Source:
    """The data set behind a configuration, before any image is read.

    Raises PoolscopeError where data.shape or data.classes say otherwise than the data, or classes are fewer than two.
    """
    if config.source not in DATASETS:
        raise PoolscopeError(f"data.source must be one of {', '.join(DATASETS)}, not {config.source!r}.")
    source = DATASETS[config.source](config)
    if config.shape is not None and tuple(config.shape) != source.shape:
        raise PoolscopeError(f"data.shape={list(config.shape)} is wrong: {source.name} has {list(source.shape)}.")
    if config.classes is not None and config.classes != source.classes:
        raise PoolscopeError(f"data.classes={config.classes} is wrong: {source.name} has {source.classes}.")
    if source.classes < 2:
        raise PoolscopeError(
            f"data.name={source.name} has {source.classes} class{'es' * (source.classes != 1)}; a set to classify has "
            "at least 2."
        )
    return source


def measure_channels(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation per channel of uint8 images scaled to [0, 1], float32 (C,), exact up to rounding.

    A deviation below one grey level (a constant channel) counts as one, so that dividing by it is safe.
    """
    levels = np.arange(256) / 255
    counts = sum(map(_count_levels, iterate_blocks(images)), start=np.zeros((images.shape[-1], 256), np.int64))
    pixels = math.prod(images.shape[:3])
    mean = counts @ levels / pixels
    variance = (counts * (levels - mean[:, None]) ** 2).sum(axis=1) / pixels
    return mean.astype(np.float32), np.maximum(np.sqrt(variance), 1 / 255).astype(np.float32)


def open_synthetic(config: DataConfig) -> Source:
    """Gratings in noise, for tests: of any shape (data.shape, else 16x16x1) and number of classes (else 4).

    Class c of K is a grating at angle pi c / K, of random phase, under noise; image i has class i mod K, and is the
    same on every machine for a given shape and K.
    """
    height, width, channels = config.shape or (16, 16, 1)
    classes = config.classes or 4
    sizes = {"train": 600, "test": 200}

    def read(split: str) -> Split:
        rng = np.random.RandomState(list(sizes).index(split))
        labels = (np.arange(sizes[split]) % classes).astype(np.int32)
        angle = (np.pi * labels / classes)[:, None, None]
        rows, columns = np.mgrid[:height, :width]
        phase = rng.uniform(0, 2 * np.pi, len(labels))[:, None, None]
        waves = np.cos(np.pi / 2 * (columns * np.cos(angle) + rows * np.sin(angle)) + phase)[..., None]
        noise = rng.normal(size=(len(labels), height, width, channels))
        return Split(np.clip(128 + 70 * waves + 20 * noise, 0, 255).astype(np.uint8), labels)

    return Source(config.name, "1", (height, width, channels), classes, sizes, {}, read, "made up on the spot")


DATASETS: dict[str, Callable[[DataConfig], Source]] = {
    "digits": open_digits,
    "synthetic": open_synthetic,
    "tfds": lambda config: open_prepared(config.name, config.dir, choose_fitting(config) if config.fit else None),
    "folder": open_folder,
    "npz": open_npz,
    **{name: lambda config, found=found: found.load()(config) for name, found in find_datasets().items()},  # type: ignore[misc]
}


def list_datasets(folder: str | None = None) -> list[dict[str, object]]:
    """A row for each choice of data=: what it is, its shape, classes and images, and where it is; reads no image."""
    rows: list[dict[str, object]] = []
    for name, summary, values in _list_choices():
        row: dict[str, object] = {
            "data=": name,
            "what": summary,
            "shape": "",
            "classes": "",
            "images": "",
            "where": "",
        }
        if not OmegaConf.is_missing(values, "name"):
            config = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(DataConfig), values))
            assert isinstance(config, DataConfig)
            config.dir = folder
            row |= _state(config)
        rows.append(row)
    return rows


def _list_choices() -> Iterator[tuple[str, str, Any]]:
    """Name, summary and keys of each choice of data=: poolscope's own, then those of plugins."""
    for path in sorted((shipped("configs") / "data").glob("*.yaml")):
        yield path.stem, path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# "), OmegaConf.load(path)
    for name, found in find_datasets().items():
        keys = {"name": name, "source": name, "train": found.train, "val": found.val, "test": found.test}
        yield name, f"{found.summary} ({found.package} {found.version})", OmegaConf.create(keys)


def _state(config: DataConfig) -> dict[str, str]:
    """What is known of a data set's shape, classes, images and place, also where it is missing or damaged."""
    try:
        if config.source == "tfds" and find_prepared(config.name, config.dir) is None:
            shape, classes = describe_dataset(config)
            images, where = "", f"not prepared: poolscope data prepare {config.name}"
        else:
            source = open_source(config)
            shape, classes, where = source.shape, source.classes, source.where
            images = ", ".join(f"{size:,} {split}" for split, size in source.sizes.items())
    except PoolscopeError as error:
        return {"where": str(error)}
    return {"shape": "x".join(map(str, shape)), "classes": str(classes), "images": images, "where": where}


def _plan(config: DataConfig) -> tuple[Source, dict[str, tuple[Slice, ...]], Shape, int]:
    """The source, the slices of each key, the padded shape and how many training images are used; all checked."""
    source = open_source(config)
    keys = {"data.train": config.train, "data.val": config.val, "data.test": config.test}
    named = {key: parse_split(text, source.sizes, key) for key, text in keys.items()}
    check_disjoint(named)
    there = sum(map(len, named["data.train"]))
    used = there if config.train_size is None else config.train_size
    if used > there:
        raise PoolscopeError(f"data.train_size={used} is more than the {there:,} images of data.train={config.train}.")
    return source, named, _padded_shape(source.shape, config), used


def _read(source: Source, pieces: Sequence[Slice], config: DataConfig) -> Split:
    """The named slices one after the other, in memory (a single one stays a view) or as what is read in batches."""
    bases = {base: _read_base(source, base) for base in {piece.base for piece in pieces}}
    if config.memory == "batch":
        for base, split in bases.items():
            if isinstance(split.images, np.memmap):
                stored: Any = StoredImages.of(split.images)
                bases[base] = replace(split, images=stored)
    parts = [_take(bases[piece.base], slice(piece.start, piece.stop)) for piece in pieces]
    if len(parts) == 1:
        return parts[0]
    images: list[Any] = [part.images for part in parts]
    on_disk = all(isinstance(part, StoredImages) for part in images)
    joined: Any = StoredImages.join(images) if on_disk else np.concatenate(images)
    return Split(joined, np.concatenate([part.labels for part in parts]))


def _read_base(source: Source, base: str) -> Split:
    """Read a base split and check it: a plugin's reader can fail in any way, or give other images than it declared."""
    where = f"The {base!r} split of {source.name}"
    try:
        split = source.read(base)
        found = (split.images.dtype, split.images.shape, split.labels.dtype.kind in "iu", split.labels.shape)
    except PoolscopeError:
        raise
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise PoolscopeError(f"{where} cannot be read ({reason}).") from error
    size = source.sizes[base]
    if found != (np.uint8, (size, *source.shape), True, (size,)):
        raise PoolscopeError(
            f"{where} must be uint8 images {(size, *source.shape)} and int32 labels {(size,)}, not {found[0]} "
            f"{found[1]} and {split.labels.dtype} {found[3]}."
        )
    if size and not 0 <= split.labels.min() <= split.labels.max() < source.classes:
        raise PoolscopeError(
            f"{where} has labels from {split.labels.min()} to {split.labels.max()}; its {source.classes} classes must "
            f"be 0 to {source.classes - 1}."
        )
    return split


def _take(split: Split, index: slice | np.ndarray) -> Split:
    images: Any = split.images
    taken: Any = images.take(index) if isinstance(images, StoredImages) else images[index]
    return Split(taken, split.labels[index])


def _padded_shape(shape: Shape, config: DataConfig) -> Shape:
    height, width, channels = shape
    if config.pad_to is None:
        return shape
    if config.pad_to < max(height, width):
        raise PoolscopeError(
            f"data.pad_to={config.pad_to} is smaller than the {height}x{width} images of {config.name}; it only adds "
            f"a border: use {max(height, width)} or more, or null."
        )
    return (config.pad_to, config.pad_to, channels)


def _pad(split: Split, shape: Shape) -> Split:
    """Zeros around the images; where they can't be even, the larger half goes to the bottom and the right."""
    spare = [new - old for new, old in zip(shape[:2], split.images.shape[1:3], strict=True)]
    if not any(spare):
        return split
    border = [(gap // 2, gap - gap // 2) for gap in spare]
    if isinstance(split.images, StoredImages):
        return replace(split, images=split.images.pad(border))
    return Split(np.pad(split.images, [(0, 0), *border, (0, 0)]), split.labels)


def _count_levels(images: np.ndarray) -> np.ndarray:
    """How many levels of each channel are 0, 1, ..., 255: (channels, 256)."""
    flat = images.reshape(-1, images.shape[-1])
    return np.stack([np.bincount(flat[:, channel], minlength=256) for channel in range(flat.shape[1])])


def _describe(source: Source, shape: Shape, named: dict[str, tuple[Slice, ...]], used: int, moved: int) -> str:
    counts = {key: sum(map(len, pieces)) for key, pieces in named.items()}
    train = f"{used:,}" if used == counts["data.train"] else f"{used:,} of {counts['data.train']:,}"
    partial = sorted(
        {
            f"this copy's {piece.base!r} split holds {source.sizes[piece.base]:,} of the official "
            f"{source.complete[piece.base]:,} images"
            for pieces in named.values()
            for piece in pieces
            if source.sizes[piece.base] < source.complete.get(piece.base, 0)
        }
    )
    notes = [f"{moved:,} training labels moved to another class"] * (moved > 0) + partial
    return (
        f"{source.name} {source.version}: {train} training, {counts['data.val']:,} validation and "
        f"{counts['data.test']:,} test images of {shape[0]}x{shape[1]}x{shape[2]} in {source.classes} classes"
        + (f" ({'; '.join(notes)})." if notes else ".")
    )
