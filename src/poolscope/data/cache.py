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
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np

from poolscope.data.splits import Split
from poolscope.spec.errors import PoolscopeError
from poolscope.store.files import open_whole


def cache_folder() -> Path:
    """POOLSCOPE_CACHE, else poolscope in XDG_CACHE_HOME or ~/.cache."""
    if given := os.environ.get("POOLSCOPE_CACHE"):
        return Path(given).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser() / "poolscope"


def read_cached(key: str, decode: Callable[[], Split]) -> Split:
    """Read the split cached under a key such as "mnist/3.0.1/test-1f2e3d4c"; where there is none, decode and cache it.

    Images come back memory-mapped and read-only. Raises PoolscopeError where a file is damaged, naming the one to
    delete, and, before anything is decoded, where the folder can't be written.
    """
    base = cache_folder() / key
    seal = base.with_name(base.name + ".json")
    if seal.is_file():
        return _load(base, seal)
    _check_writable(base.parent)
    _keep(base, seal, decode())
    return _load(base, seal)


def _check_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> PoolscopeError:
    reason = error.strerror or error
    return PoolscopeError(
        f"The cache folder {folder} cannot be written ({reason}); set POOLSCOPE_CACHE to a folder that can."
    )


def _keep(base: Path, seal: Path, split: Split) -> None:
    checksums: dict[str, object] = {"shape": list(split.images.shape)}
    try:
        for part, values in (("images", split.images), ("labels", split.labels)):
            _write(_array_path(base, part), partial(np.save, arr=values))
            checksums[part] = _checksum(values)
        _write(seal, lambda file: file.write(json.dumps(checksums).encode()))
    except OSError as error:
        raise _unwritable(base.parent, error) from error


def _load(base: Path, seal: Path) -> Split:
    try:
        checksums = json.loads(seal.read_text(encoding="utf-8"))
        images = np.load(_array_path(base, "images"), mmap_mode="r", allow_pickle=False)
        labels = np.load(_array_path(base, "labels"), allow_pickle=False)
        if [_checksum(images), _checksum(labels)] != [checksums["images"], checksums["labels"]]:
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


def _checksum(values: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(values).data)


def _write(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    with open_whole(path) as file:
        write(file)
