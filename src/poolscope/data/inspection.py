"""What is looked for in a data set before the first job: shared images, absent and unequal classes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from poolscope.data.splits import Slice, Source, Split
from poolscope.process.terminal import format_count
from poolscope.spec.errors import PoolscopeError

UNEQUAL = 1.5  # largest class by smallest, from which classes count as unbalanced
_SHOWN = 5

Names = Mapping[str, Sequence[str]]


def inspect_parts(
    source: Source, named: Mapping[str, Sequence[Slice]], parts: Mapping[str, Split], copies: bool
) -> list[str]:
    """Say what a person should know of a data set; refuse, of one's own files, shared images and absent classes.

    Args:
        source: the data set.
        named: the slices of data.train, data.val and data.test.
        parts: their images.
        copies: whether parts may share images.
    """
    notes = [*source.notes]
    if source.names:
        names = {
            key: [name for piece in pieces for name in source.names[piece.base][piece.start : piece.stop]]
            for key, pieces in named.items()
        }
        used = {piece.base for pieces in named.values() for piece in pieces}
        notes += [
            f"its images of {base!r} are in none of data.train, data.val and data.test"
            for base in source.sizes
            if base not in used
        ]
        notes += check_classes(parts, source.labels)
        notes += check_copies(parts, names, copies)
    return notes + describe_imbalance(parts, source.labels, source.classes)


def check_classes(parts: Mapping[str, Split], labels: Sequence[str]) -> list[str]:
    """Refuse a class that data.train or data.test lacks; returns a sentence where data.val lacks one.

    Args:
        parts: images of data.train, data.val and data.test.
        labels: names of the classes.
    """
    notes = []
    for key, part in parts.items():
        absent = [label for label, count in zip(labels, _count(part, len(labels)), strict=True) if count == 0]
        listed = ", ".join(absent[:_SHOWN]) + (f" and {len(absent) - _SHOWN} more" if len(absent) > _SHOWN else "")
        if absent and key != "data.val":
            raise PoolscopeError(
                f"{key} has no image of {listed}; give every class images of its own in it, or change data.train, "
                "data.val and data.test."
            )
        notes += [f"{key} has no image of {listed}"] if absent else []
    return notes


def check_copies(parts: Mapping[str, Split], names: Names, allowed: bool) -> list[str]:
    """Refuse an image that two parts share, by its pixels; returns a sentence on copies that are left, if any.

    Args:
        parts: images of data.train, data.val and data.test.
        names: a name for each image of each part.
        allowed: whether parts may share images.
    """
    first: dict[bytes, tuple[str, int]] = {}
    copies, shared, torn = 0, [], []
    for key, part in parts.items():
        for i, image in enumerate(part.images):
            other_key, other = first.setdefault(hashlib.sha256(image.tobytes()).digest(), (key, i))
            if (other_key, other) == (key, i):
                continue
            copies += 1
            if other_key != key:
                shared.append(f"{names[other_key][other]} of {other_key} and {names[key][i]} of {key}")
            elif parts[other_key].labels[other] != part.labels[i]:
                torn.append(f"{names[other_key][other]} and {names[key][i]}")
    if shared and not allowed:
        raise PoolscopeError(
            f"{format_count(len(shared), 'image')} would be in two parts of the data, first {shared[0]}; "
            "leave copies out with data.duplicates=drop, or keep them with data.duplicates=keep."
        )
    notes = []
    if copies:
        found = format_count(copies, "image is a copy of another", "images are copies of others")
        notes = [f"{found}; data.duplicates=drop leaves {'it' if copies == 1 else 'them'} out"]
    found = format_count(len(torn), "image stands", "images stand")
    return notes + ([f"{found} in two classes, first {torn[0]}"] if torn else [])


def describe_imbalance(parts: Mapping[str, Split], labels: Sequence[str], classes: int) -> list[str]:
    """Say in a sentence where data.train or data.test has 1.5 times as many images of one class as of another."""
    for key in [key for key in parts if key != "data.val"]:
        counts = _count(parts[key], classes)
        least, most = int(counts.argmin()), int(counts.argmax())
        if counts[most] >= max(UNEQUAL * counts[least], counts[least] + 3):
            names = labels or [f"class {number}" for number in range(classes)]
            return [
                f"classes are unbalanced: {key} has {counts[most]:,} images of {names[most]} and {counts[least]:,} of "
                f"{names[least]}; a report also gives balanced accuracy, the mean over classes"
            ]
    return []


def _count(part: Split, classes: int) -> np.ndarray:
    return np.bincount(part.labels, minlength=classes)
