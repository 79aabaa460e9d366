"""Files that are written whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def open_whole(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes the place of `path` when the block ends, or leaves no trace where the block or the disk fails.

    Others may read it as the umask says, unlike the files of `tempfile`. An OSError names `path`.
    """
    scratch = path.with_name(f".{path.name.removeprefix('.')}.{secrets.token_hex(4)}")
    try:
        with scratch.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)
    except BaseException as error:
        with suppress(OSError):
            scratch.unlink()
        if isinstance(error, OSError) and error.errno:
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
        raise
