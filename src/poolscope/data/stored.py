"""Images on disk that are read row by row, as many as are asked for, where all of them don't fit into memory.

They are read by position from the file, not mapped: pages of a map stay in the process's memory for as long as the
system has room, so that it couldn't be seen how much a process needs.
"""

from __future__ import annotations

import math
import os
import tempfile
import weakref
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

_BLOCK = 1 << 22  # bytes that are read at a time where all are read


class _File:
    """An open file, closed with the last that refers to it."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        weakref.finalize(self, os.close, descriptor)

    @classmethod
    def scratch(cls, folder: Path) -> _File:
        """A file without a name in a folder, which is made where it is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=folder)
        os.unlink(name)
        return cls(descriptor)

    def append(self, data: bytes) -> None:
        """Write at the end."""
        left = memoryview(data)
        while left:
            left = left[os.write(self.descriptor, left) :]


@dataclass(frozen=True)
class _Rows:
    """Where rows of one shape and type begin in a file."""

    file: _File
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def read(self, first: int, count: int) -> np.ndarray:
        """Read rows that lie side by side."""
        rows = np.empty((count, *self.shape), self.dtype)
        bytes_left, at = memoryview(rows).cast("B"), self.offset + first * (rows.nbytes // count)  # type: ignore[arg-type]
        while bytes_left:
            read = os.preadv(self.file.descriptor, [bytes_left], at)
            if not read:
                raise OSError("the file of images is cut off")
            bytes_left, at = bytes_left[read:], at + read
        return rows


@dataclass(frozen=True)
class StoredImages:
    """Images (N, height, width, channels) on disk; indexing reads, `take` and `join` only choose.

    files: where they are; places: (N, 2), the file and the row of each; border: pixels of zeros around them, before and
    after, of rows and of columns.
    """

    files: tuple[_Rows, ...]
    places: np.ndarray
    border: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))

    @classmethod
    def of(cls, images: np.memmap[Any, Any]) -> StoredImages:
        """The images of a mapped array."""
        file = _File(os.open(str(images.filename), os.O_RDONLY))
        rows = _Rows(file, images.offset, images.shape[1:], images.dtype)
        return cls._all(rows, len(images))

    @classmethod
    def unpack(cls, archive: zipfile.ZipFile, name: str, folder: Path) -> StoredImages | None:
        """Copy an array of an archive of NumPy's to a scratch file; None where its rows don't lie side by side."""
        with archive.open(name) as packed:
            version = np.lib.format.read_magic(packed)
            readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            if version not in readers:
                return None
            shape, by_columns, dtype = readers[version](packed)
            if dtype.hasobject or len(shape) not in (3, 4) or by_columns:
                return None
            file, written = _File.scratch(folder), 0
            while block := packed.read(_BLOCK):
                file.append(block)
                written += len(block)
        if written != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"{name} is cut off")
        return cls._all(_Rows(file, 0, tuple(shape[1:]), dtype), shape[0])

    @classmethod
    def _all(cls, rows: _Rows, count: int) -> StoredImages:
        return cls((rows,), np.stack([np.zeros(count, np.int64), np.arange(count)], axis=1))

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, height, width, channels), or without channels."""
        height, width, *channels = self.files[0].shape
        return (len(self.places), height + sum(self.border[0]), width + sum(self.border[1]), *channels)

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of a level."""
        return self.files[0].dtype

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: Any) -> np.ndarray:
        """Read the images at a position, a slice or an array of positions."""
        places = self.places[index]
        if places.ndim == 1:
            return self._read(places[None])[0]
        return self._read(places)

    def __iter__(self) -> Iterator[np.ndarray]:
        for block in iterate_blocks(self):
            yield from block

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype)

    def take(self, index: Any) -> StoredImages:
        """Choose images by a slice or an array of positions, without reading them."""
        return replace(self, places=self.places[index])

    def pad(self, border: Sequence[tuple[int, int]]) -> StoredImages:
        """Put zeros around the images once they are read."""
        return replace(self, border=(border[0], border[1]))

    @staticmethod
    def join(parts: Sequence[StoredImages]) -> StoredImages:
        """Put images one after the other."""
        files: list[_Rows] = []
        places = []
        for part in parts:
            places.append(part.places + np.array([len(files), 0]))
            files += part.files
        return StoredImages(tuple(files), np.concatenate(places), parts[0].border)

    def _read(self, places: np.ndarray) -> np.ndarray:
        rows = np.empty((len(places), *self.files[0].shape), self.dtype)
        ends = np.flatnonzero((np.diff(places, axis=0) != (0, 1)).any(axis=1)) + 1
        for start, stop in zip([0, *ends], [*ends, len(places)], strict=True):
            if stop > start:
                file, first = places[start]
                rows[start:stop] = self.files[file].read(first, stop - start)
        if self.border == ((0, 0), (0, 0)):
            return rows
        return np.pad(rows, [(0, 0), *self.border, *[(0, 0)] * (rows.ndim - 3)])


class ScratchRows:
    """Images that are written one after the other and read in any order; gone with the last that refers to them."""

    def __init__(self, folder: Path, shape: tuple[int, int, int]) -> None:
        self._file, self._shape, self._count = _File.scratch(folder), shape, 0

    def append(self, image: np.ndarray) -> None:
        """Write one uint8 image."""
        self._file.append(image.tobytes())
        self._count += 1

    def images(self) -> StoredImages:
        """What was written."""
        return StoredImages._all(_Rows(self._file, 0, self._shape, np.dtype(np.uint8)), self._count)


def iterate_blocks(images: Any) -> Iterator[np.ndarray]:
    """Read all images some megabytes at a time, in order."""
    count = max(1, _BLOCK // max(1, math.prod(images.shape[1:]) * images.dtype.itemsize))
    for start in range(0, len(images), count):
        yield images[start : start + count]
