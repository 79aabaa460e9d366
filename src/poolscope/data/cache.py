"""Decoded images on disk, so that a set of PNG files is decoded once per machine and memory-mapped after that.

A base split is three files, written in this order and each whole or not at all: <key>.images.npy, <key>.labels.npy and
<key>.json, which holds their checksums and whose presence marks completion. Processes that decode the
same split at the same time write the same bytes, so that it doesn't matter whose files stay.
"""

from __future__ import annotations

import json
import os
import tempfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np

from poolscope.data.splits import Split
from poolscope.data.stored import ScratchRows, iterate_blocks
from poolscope.spec.errors import PoolscopeError
from poolscope.store.files import open_whole

_BLOCK = 1 << 22  # bytes that are read at a time


def cache_folder() -> Path:
    """POOLSCOPE_CACHE, else poolscope in XDG_CACHE_HOME or ~/.cache."""
    if given := os.environ.get("POOLSCOPE_CACHE"):
        return Path(given).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser() / "poolscope"


class Blocks:
    """Images of a shape (N, height, width, channels) as arrays of some, which are made while they are written."""

    def __init__(self, shape: tuple[int, ...], blocks: Iterable[np.ndarray]) -> None:
        self.shape, self.blocks = shape, blocks


def read_cached(key: str, decode: Callable[[], Split]) -> Split:
    """Read the split cached under a key such as "mnist/3.0.1/test-1f2e3d4c"; where there is none, decode and cache it.

    What `decode` returns may be on disk (`StoredImages`) or come in `Blocks`. Images come back memory-mapped and
    read-only. Raises PoolscopeError where a file is damaged, naming the one to delete, and, before anything is decoded,
    where the folder can't be written.
    """
    base = cache_folder() / key
    seal = base.with_name(base.name + ".json")
    if seal.is_file():
        return _load(base, seal)
    _check_writable(base.parent)
    _keep(base, seal, decode())
    return _load(base, seal)


def open_rows(shape: tuple[int, int, int]) -> ScratchRows:
    """Open a place on the cache's disk for images that are decoded one by one; refused where it can't be written."""
    _check_writable(cache_folder())
    return ScratchRows(cache_folder(), shape)


def _check_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise unwritable(folder, error) from error


def unwritable(folder: Path, error: OSError) -> PoolscopeError:
    """The sentence on a cache folder that can't be written."""
    reason = error.strerror or error
    return PoolscopeError(
        f"The cache folder {folder} cannot be written ({reason}); set POOLSCOPE_CACHE to a folder that can."
    )


def _keep(base: Path, seal: Path, split: Split) -> None:
    checksums: dict[str, object] = {"shape": list(split.images.shape)}
    try:
        with open_whole(_array_path(base, "images")) as file:
            checksums["images"] = _write_images(file, split.images)
        checksums["labels"] = zlib.crc32(split.labels.tobytes())  # complete once all images are there
        with open_whole(_array_path(base, "labels")) as file:
            np.save(file, split.labels)
        with open_whole(seal) as file:
            file.write(json.dumps(checksums).encode())
    except OSError as error:
        raise unwritable(base.parent, error) from error


def _write_images(file: IO[bytes], images: Any) -> int:
    """Write images as np.save does, some at a time; returns their checksum."""
    header = {"descr": "|u1", "fortran_order": False, "shape": tuple(images.shape)}
    np.lib.format.write_array_header_1_0(file, header)
    checksum = 0
    for block in images.blocks if isinstance(images, Blocks) else iterate_blocks(images):
        data = np.ascontiguousarray(block).tobytes()
        checksum = zlib.crc32(data, checksum)
        file.write(data)
    return checksum


def _load(base: Path, seal: Path) -> Split:
    try:
        checksums = json.loads(seal.read_text(encoding="utf-8"))
        images = np.load(_array_path(base, "images"), mmap_mode="r", allow_pickle=False)
        labels = np.load(_array_path(base, "labels"), allow_pickle=False)
        found = [_checksum(_array_path(base, "images"), images.offset), zlib.crc32(labels.tobytes())]
        if found != [checksums["images"], checksums["labels"]]:
            raise ValueError("the bytes have changed")
        shape = checksums.get("shape", list(images.shape))  # caches from before it was kept are believed
        if (images.dtype, labels.dtype, list(images.shape)) != (np.uint8, np.int32, shape):
            raise ValueError("the form has changed")
    except Exception as error:  # NumPy reads a damaged header as Python, and fails in as many ways
        raise PoolscopeError(
            f"The cache of decoded images {base}.* is damaged; delete {seal} and run the same command again to decode "
            "the images anew."
        ) from error
    return Split(images, labels)


def _array_path(base: Path, part: str) -> Path:
    return base.with_name(f"{base.name}.{part}.npy")


def _checksum(path: Path, offset: int) -> int:
    """The checksum of what stands in a file from an offset on, read without mapping it into memory."""
    checksum = 0
    with path.open("rb") as file:
        file.seek(offset)
        while data := file.read(_BLOCK):
            checksum = zlib.crc32(data, checksum)
    return checksum
