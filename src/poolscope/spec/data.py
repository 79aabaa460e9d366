"""The keys of a data set: which images, their splits and what is done to them; and the identity of one's own files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from poolscope.spec.content_hash import hash_files
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.extensions import find_datasets
from poolscope.spec.settings import Range, setting

SOURCES = ("digits", "synthetic", "tfds", "folder", "npz")
OWN_SOURCES = ("folder", "npz")
FITS = ("crop", "pad", "stretch")
UNREADABLE = ("refuse", "skip")
DUPLICATES = ("refuse", "drop", "keep")
MEMORY = ("all", "batch")
MOST = 2**31 - 1
_NAME = re.compile(r"[\w.:/@+-]+", re.ASCII)


@dataclass
class DataConfig:
    """A data set, its splits and what is done to its images."""

    name: str = setting(MISSING, "the data set; with source tfds, a name of the tensorflow-datasets catalogue")
    source: str = setting(
        "tfds",
        "reader: digits, synthetic, tfds, folder, npz or a plugin's",
        choices=lambda: (*SOURCES, *find_datasets()),
    )
    train: str = setting("train[:90%]", "images to train on, as a TFDS split string")
    val: str = setting("train[90%:]", "images for curves and choices; never trained on")
    test: str = setting("test", "images read once, when a run ends")
    train_size: int | None = setting(
        None, "class-balanced, nested subset of this many training images; null: all of them", within=Range(1, MOST)
    )
    train_eval_size: int = setting(1000, "clean training images evaluated like the test images", within=Range(1, MOST))
    label_noise: float = setting(0.0, "fraction of training labels moved to another class", within=Range(0, 1))
    pad_to: int | None = setting(
        None, "zero-pad images to this height and width; null: as they are", within=Range(1, 10_000)
    )
    shape: list[int] | None = setting(
        None, "height, width, channels; null: asked of the data set", within=Range(1, 10_000)
    )
    classes: int | None = setting(None, "number of classes; null: asked of the data set", within=Range(2, 100_000))
    dir: str | None = setting(
        None, "folder of prepared data sets; null: TFDS_DATA_DIR, else TFDS's own default", result=False
    )
    path: str | None = setting(
        None, "with folder or npz: the folder of images, or the .npz file", result=False, recorded=True
    )
    content: str | None = setting(None, "12 hexadecimal digits that stand for the files of data.path; null: computed")
    files: str | None = setting(
        None,
        "with folder: a CSV file in it with columns file and, if wanted, label and split; null: by class folders",
        result=False,
        recorded=True,
    )
    test_fraction: float | None = setting(
        None,
        "with folder or npz: fraction of each class kept for test where the files name no split",
        within=Range(0, 1, open_below=True, open_above=True),
    )
    fit: str | None = setting(
        None, "how images of other sizes become data.shape: crop (centre), pad or stretch", choices=FITS
    )
    background: int | None = setting(
        None, "grey level behind transparent pixels and around padded images; null: 0", within=Range(0, 255)
    )
    unreadable: str | None = setting(
        None, "files that can't be read as images: refuse (null) or skip", choices=UNREADABLE
    )
    duplicates: str | None = setting(
        None,
        "the same image in two of train, val and test: refuse (null), drop all but one, or keep",
        choices=DUPLICATES,
    )
    memory: str | None = setting(
        None,
        "images held while training: all (null), or a batch at a time, read from disk; the same bits on a CPU",
        choices=MEMORY,
        result=False,
    )


_OF_FILES = ("path", "content", "files", "test_fraction", "unreadable", "duplicates")
OWN_KEYS = (*_OF_FILES, "fit", "background")  # later than the first records, which don't have them


def check_data(data: DataConfig) -> None:
    """Refuse data keys that exclude each other, with one sentence (PoolscopeError)."""
    own = data.source in OWN_SOURCES
    if own and not _NAME.fullmatch(data.name):
        raise PoolscopeError(f"data.name must be of letters, digits and . : / @ + - _, not {data.name!r}.")
    if not own and data.name != data.source and (data.source != "tfds" or not data.name):
        raise PoolscopeError(
            f"data.name={data.name} is not what data.source={data.source} reads; choose a data set with data=mnist, "
            "data=cifar10, data=digits, data=synthetic, data=folder data.path=... or data=tfds data.name=..."
        )
    if not own and (given := [key for key in _OF_FILES if getattr(data, key) is not None]):
        raise PoolscopeError(f"data.{given[0]} goes with data=folder and data=npz only.")
    if data.source in ("digits", "synthetic") and (data.fit, data.background) != (None, None):
        raise PoolscopeError(f"data.fit and data.background don't go with data={data.source}.")
    if data.source == "npz" and data.files is not None:
        raise PoolscopeError("data.files goes with data=folder only.")
    if data.shape is not None and len(data.shape) != 3:
        raise PoolscopeError(f"data.shape must be [height, width, channels], not {data.shape}.")
    if own and data.shape is not None and data.shape[2] not in (1, 3):
        raise PoolscopeError(f"data.shape must end with 1 (grey) or 3 (colour) channels, not {data.shape[2]}.")


def identify_files(data: DataConfig) -> None:
    """Name a set of one's own files after them, and fill in what stands for their content, so that the digest does too.

    Raises PoolscopeError where data.path is not given or not there.
    """
    if data.source not in OWN_SOURCES:
        return
    path = find_files(data)
    if data.name == data.source:
        data.name = (
            re.sub(r"[^\w.:@+-]+", "_", path.resolve().stem if path.is_file() else path.resolve().name) or data.name
        )
    if data.content is None:
        data.content = hash_files(path, None if data.files is None else path / data.files)


def find_files(data: DataConfig) -> Path:
    """Return data.path, the folder of images or the .npz file; refused where it isn't there."""
    kind = "folder of images" if data.source == "folder" else ".npz file"
    if not data.path:
        raise PoolscopeError(f"data.path is not set; give the {kind}, as in data={data.source} data.path=...")
    path = Path(data.path).expanduser()
    if not (path.is_dir() if data.source == "folder" else path.is_file()):
        raise PoolscopeError(f"data.path={data.path}: there is no such {kind}.")
    return path
