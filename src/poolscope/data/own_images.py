"""One's own images as a data set: split, decoded once, and kept by the content of their files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from poolscope.data.cache import cache_folder, open_rows, read_cached, unwritable
from poolscope.data.memory import check_images
from poolscope.data.partition import order_evenly, sort_naturally, split_classes
from poolscope.data.pictures import Shape, choose_fitting
from poolscope.data.splits import Source, Split
from poolscope.data.stored import StoredImages
from poolscope.process.terminal import format_count
from poolscope.spec.config import DataConfig
from poolscope.spec.content_hash import hash_files
from poolscope.spec.data import find_files
from poolscope.spec.errors import PoolscopeError
from poolscope.store.files import write_text

_FORM = 1  # of what is kept; counts up where decoding or splitting changes


@dataclass(frozen=True)
class Item:
    """One image before it is decoded: its name, class and hash, and the split that it is given, "" for none."""

    name: str
    label: str
    hash: str
    split: str = ""


@dataclass(frozen=True)
class Collection:
    """All images of a set: what each is, their common shape, a decoder by name, and sentences on what was left out."""

    items: Sequence[Item]
    shape: Shape
    decode: Callable[[Item], np.ndarray]
    notes: tuple[str, ...] = ()


def open_own(config: DataConfig, collect: Callable[[Path], Collection]) -> Source:
    """Open a set of one's own files, collected by `collect` where it isn't kept in decoded form yet.

    Raises:
        PoolscopeError: where the files aren't those of data.content, or can't be read, split or told apart.
    """
    path = find_files(config)
    content = hash_files(path, None if config.files is None else path / config.files)
    if config.content not in (None, content):
        raise PoolscopeError(
            f"data.path={config.path} has other files than the run was asked for: their content is {content}, not "
            f"data.content={config.content}; restore them, or run anew without data.content."
        )
    done_to = f"{_FORM} {choose_fitting(config)} {config.test_fraction} {config.unreadable} {config.duplicates}"
    key = f"{config.source}/{content}-{hashlib.sha256(done_to.encode()).hexdigest()[:12]}"
    facts = _read_facts(key) or _keep(key, collect(path), config)

    def read(split: str) -> Split:
        return read_cached(f"{key}/{split}", lambda: _make_splits(collect(path), config)[0][split])

    height, width, channels = facts["shape"]
    return Source(
        config.name,
        content,
        (height, width, channels),
        len(facts["labels"]),
        {split: len(names) for split, names in facts["names"].items()},
        {},
        read,
        str(path),
        labels=tuple(facts["labels"]),
        names=facts["names"],
        notes=tuple(facts["notes"]),
    )


def _read_facts(key: str) -> dict[str, Any] | None:
    """What is known of a set that is kept; None where it isn't."""
    try:
        facts = json.loads((cache_folder() / key / "facts.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) else None


def _keep(key: str, collection: Collection, config: DataConfig) -> dict[str, Any]:
    splits, facts = _make_splits(collection, config)
    for name, split in splits.items():
        read_cached(f"{key}/{name}", lambda split=split: split)  # type: ignore[misc]
    write_text(json.dumps(facts), cache_folder() / key / "facts.json")
    return facts


def _make_splits(collection: Collection, config: DataConfig) -> tuple[dict[str, Split], dict[str, Any]]:
    """The decoded splits, and what else is known of the set."""
    if config.memory != "batch":
        check_images(len(collection.items), collection.shape)
    items, images, prints, notes = _decode(collection, config)
    splits = [item.split for item in items]
    if any(splits) and not all(splits):
        raise PoolscopeError(
            f"data.path={config.path}: {items[splits.index('')].name} has no split, though others have."
        )
    if config.duplicates == "drop":
        kept = _drop_copies(items, prints, splits)
        left_out = format_count(len(items) - len(kept), "copy of another image was", "copies of other images were")
        notes += [f"{left_out} left out"] if len(kept) < len(items) else []
        items, images, splits = [items[i] for i in kept], images.take(kept), [splits[i] for i in kept]
    if not any(splits):
        splits = split_classes(*_columns(items), config.test_fraction, [item.name for item in items])
    labels = sort_naturally({item.label for item in items})
    numbers = {label: number for number, label in enumerate(labels)}
    made, names = {}, {}
    for name in sorted(set(splits), key=lambda name: (name != "train", name)):
        mine = [i for i, split in enumerate(splits) if split == name]
        chosen = [items[i] for i in mine]
        order = order_evenly(*_columns(chosen), [item.name for item in chosen])
        classes = np.array([numbers[chosen[i].label] for i in order], np.int32)
        made[name] = Split(images.take([mine[i] for i in order]), classes)  # type: ignore[arg-type]
        names[name] = [chosen[i].name for i in order]
    return made, {
        "shape": list(collection.shape),
        "labels": labels,
        "names": names,
        "notes": [*collection.notes, *notes],
    }


def _columns(items: Sequence[Item]) -> tuple[list[str], list[str]]:
    return [item.label for item in items], [item.hash for item in items]


def _decode(collection: Collection, config: DataConfig) -> tuple[list[Item], StoredImages, list[bytes], list[str]]:
    """The images that can be read, on disk, each with the hash of its pixels, and a sentence on the others.

    Those are refused, or left out where data.unreadable=skip.
    """
    items: list[Item] = []
    prints, failed, rows = [], [], open_rows(collection.shape)
    for item in collection.items:
        try:
            image = collection.decode(item)
            prints.append(hashlib.sha256(image.tobytes()).digest())
            rows.append(image)
            items.append(item)
        except OSError as error:
            raise unwritable(cache_folder(), error) from error
        except ValueError as error:
            failed.append(f"{item.name} ({error})")
    if failed and config.unreadable != "skip":
        raise PoolscopeError(
            f"data.path={config.path}: {len(failed):,} of {len(collection.items):,} images cannot be read, first "
            f"{failed[0]}; mend or delete them, or leave them out with data.unreadable=skip."
        )
    if not items:
        raise PoolscopeError(f"data.path={config.path}: none of {len(failed):,} images can be read, first {failed[0]}.")
    left_out = format_count(len(failed), "unreadable image was", "unreadable images were")
    notes = [f"{left_out} left out, first {failed[0]}"] if failed else []
    return items, rows.images(), prints, notes


def _drop_copies(items: Sequence[Item], prints: Sequence[bytes], splits: Sequence[str]) -> list[int]:
    """The images without further copies: one stays, in test where there is one, in training only where no other is."""
    rank = {"test": 0, "train": 2}
    first: dict[bytes, int] = {}
    for i in sorted(range(len(items)), key=lambda i: (rank.get(splits[i], 1), i)):
        other = first.setdefault(prints[i], i)
        if items[other].label != items[i].label:
            raise PoolscopeError(
                f"{items[other].name} and {items[i].name} are the same image in two classes, {items[other].label!r} "
                f"and {items[i].label!r}; delete the wrong one."
            )
    return sorted(first.values())
