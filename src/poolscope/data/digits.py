"""`data=digits`: scikit-learn's handwritten digits, which need no download."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

import numpy as np

from poolscope.data.splits import Source, Split
from poolscope.spec.config import DataConfig


def open_digits(config: DataConfig) -> Source:
    """scikit-learn's 1,797 handwritten digits of 8x8 pixels (Alpaydin & Kaynak 1998), embedded in its wheel.

    Levels 0..16 become 0..255. The set has no split of its own: the images are put in a class-balanced random order by
    RandomState(0), a stream that NumPy keeps fixed; "train" is the first 1,437 and "test" the last 360.
    """
    return Source(config.name, "1", (8, 8, 1), 10, {"train": 1437, "test": 360}, {}, _read_digits, "scikit-learn")


def _read_digits(split: str) -> Split:
    table = _digits_table()
    images = np.round(table[:, :-1] * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1)
    labels = table[:, -1].astype(np.int32)
    order = np.random.RandomState(0).permutation(len(labels))
    share = np.empty(len(labels))
    for label in range(10):
        mine = order[labels[order] == label]
        share[mine] = (np.arange(len(mine)) + 0.5) / len(mine)
    order = order[np.argsort(share[order], kind="stable")]
    order = order[:1437] if split == "train" else order[1437:]
    return Split(images[order], labels[order])


@functools.cache
def _digits_table() -> np.ndarray:
    """64 levels and a class a row; from scikit-learn's own file, since importing its loader takes seconds."""
    spec = importlib.util.find_spec("sklearn")
    folder = Path(spec.origin).parent if spec and spec.origin else Path()
    try:
        return np.loadtxt(folder / "datasets" / "data" / "digits.csv.gz", delimiter=",")
    except OSError:
        bunch = importlib.import_module("sklearn.datasets").load_digits()
        return np.column_stack([bunch.data, bunch.target])
