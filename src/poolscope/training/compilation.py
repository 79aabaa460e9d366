"""JAX's cache of compiled programs on disk, cleared of entries that a killed process or a full disk cut short."""

from __future__ import annotations

import os
import sys
import time
import zlib
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path

import jax

from poolscope.data.cache import cache_folder

_ZSTANDARD = b"\x28\xb5\x2f\xfd"  # how its files begin
_CHECKED = ".checked"  # an empty file; entries older than it were found whole


def enable_compilation_cache() -> None:
    """Keep compiled programs between processes, so that only the first run of a shape pays for compilation.

    Damaged entries are looked for once in a process: a sweep calls this for each of its runs.
    """
    if not jax.config.jax_compilation_cache_dir:  # type: ignore[attr-defined]
        jax.config.update("jax_compilation_cache_dir", str(cache_folder() / "compiled"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    folder = Path(jax.config.jax_compilation_cache_dir)  # type: ignore[attr-defined]
    if folder.is_dir():
        _delete_once(folder)


def delete_damaged_programs(folder: Path) -> list[str]:
    """Delete the entries of a cache folder that can't be decompressed; returns their names.

    JAX writes entries in place and never replaces one, so that a damaged entry would be reported, and its program
    compiled, in every later process. Only entries that changed since the last call are read.
    """
    marker, began, deleted = folder / _CHECKED, time.time(), []
    with suppress(OSError), os.scandir(folder) as entries:
        checked = marker.stat().st_mtime if marker.exists() else 0.0
        for entry in entries:
            if entry.name.endswith("-cache") and entry.stat().st_mtime >= checked and not _is_whole(Path(entry.path)):
                os.unlink(entry.path)
                deleted.append(entry.name)
        marker.touch()
        os.utime(marker, (began, began))
    return deleted


_delete_once = cache(delete_damaged_programs)


def _is_whole(entry: Path) -> bool:
    """Whether an entry decompresses, by zlib or, where Python has it, Zstandard; True where that can't be tried."""
    try:
        content = entry.read_bytes()
    except OSError:
        return True
    if not content.startswith(_ZSTANDARD):
        with suppress(zlib.error):
            zlib.decompress(content)
            return True
        return False
    try:
        codec = import_module("compression.zstd" if sys.version_info >= (3, 14) else "zstandard")
    except ImportError:
        return True
    with suppress(codec.ZstdError):
        codec.decompress(content)
        return True
    return False
