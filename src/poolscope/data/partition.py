"""One's own images into splits: each class in the order of a hash of its files, so that nothing else decides."""

from __future__ import annotations

import re
from collections.abc import Sequence

from poolscope.spec.errors import PoolscopeError


def split_classes(
    labels: Sequence[str], hashes: Sequence[str], fraction: float | None, names: Sequence[str]
) -> list[str]:
    """Assign each image to "train" or, of every class the fraction with the highest hashes, to "test".

    Files with the same bytes stay together. Without a fraction all are "train".

    Args:
        labels: class of each image.
        hashes: of each image's bytes.
        fraction: of each class, rounded, but at least one image for test and one for training.
        names: of the images, for messages.

    Raises:
        PoolscopeError: where a class has one image only, or nothing but copies of one.
    """
    splits = ["train"] * len(labels)
    if fraction is None:
        return splits
    for label in sort_naturally(set(labels)):
        mine = sorted((i for i, other in enumerate(labels) if other == label), key=lambda i: (hashes[i], names[i]))
        cut = len(mine) - min(max(round(fraction * len(mine)), 1), len(mine) - 1)
        while 0 < cut < len(mine) and hashes[mine[cut]] == hashes[mine[cut - 1]]:
            cut -= 1
        if not 0 < cut < len(mine):
            what = "one image" if len(mine) == 1 else f"{len(mine)} copies of one image"
            raise PoolscopeError(
                f"The class {label!r} has {what} ({names[mine[0]]}); it needs at least 2, one to train on and one to "
                "test on: add some, or take its folder away."
            )
        for i in mine[cut:]:
            splits[i] = "test"
    return splits


def order_evenly(labels: Sequence[str], hashes: Sequence[str], names: Sequence[str]) -> list[int]:
    """Order images by hash so that any slice of them has the classes' own shares, as nearly as whole images allow."""
    share: dict[int, float] = {}
    for label in set(labels):
        mine = sorted((i for i, other in enumerate(labels) if other == label), key=lambda i: (hashes[i], names[i]))
        share |= {i: (rank + 0.5) / len(mine) for rank, i in enumerate(mine)}
    return sorted(share, key=lambda i: (share[i], hashes[i], names[i]))


def sort_naturally(names: Sequence[str] | set[str]) -> list[str]:
    """Sort texts with the numbers in them by size: class2 before class10."""
    return sorted(
        names,
        key=lambda name: [
            (not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in re.split(r"(\d+)", name)
        ],
    )
