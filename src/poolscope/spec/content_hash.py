"""What stands for one's own image files: a hash of their names and bytes, so that changed data get other digests."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NoReturn

from poolscope.spec.errors import PoolscopeError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
_BLOCK = 1 << 20


@cache
def hash_files(path: Path, listed: Path | None = None) -> str:
    """Compute twelve hexadecimal digits of a file, or of the names and bytes of all images in a folder.

    A folder that is copied elsewhere keeps them; files that are no images don't matter. `hash_files.cache_clear` makes
    it look again. listed: a further file that belongs to the content.

    Raises:
        PoolscopeError: where a file can't be read.
    """
    whole = hashlib.sha256()
    names = [(name, path / name) for name in list_images(path)] if path.is_dir() else [("", path)]
    try:
        for name, file in [*names, *([("", listed)] if listed else [])]:
            whole.update(f"{name}\0{hash_file(file)}\n".encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise PoolscopeError(f"{error.filename} cannot be read ({error.strerror}).") from error
    return whole.hexdigest()[:12]


def hash_file(path: Path) -> str:
    """Compute the SHA-256 of a file's bytes."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


def list_images(folder: Path) -> list[str]:
    """List the image files below a folder, as sorted paths with "/"; hidden files and folders are left out."""
    return sorted(name for name in walk_files(folder) if name.lower().endswith(SUFFIXES))


def walk_files(folder: Path) -> Iterator[str]:
    """Go through all files below a folder that aren't hidden; links to folders are followed, but never in a circle.

    Raises:
        PoolscopeError: where a folder can't be read, or a file is none that holds bytes (a pipe, a device, a socket).
    """
    seen: set[str] = set()
    for here, folders, files in os.walk(folder, followlinks=True, onerror=_refuse):
        real = os.path.realpath(here)
        folders[:] = [] if real in seen else sorted(name for name in folders if not name.startswith("."))
        if real in seen:
            continue
        seen.add(real)
        for name in files:
            if not name.startswith("."):
                check_regular(path := Path(here) / name)
                yield path.relative_to(folder).as_posix()


def check_regular(path: Path) -> None:
    """Refuse a pipe, a device or a socket, which could be waited for without end."""
    if path.exists() and not path.is_file():
        raise PoolscopeError(f"{path} is a pipe, a device or a socket, not a file; take it away.")


def _refuse(error: OSError) -> NoReturn:
    raise PoolscopeError(f"{error.filename} cannot be read ({error.strerror}).") from error
