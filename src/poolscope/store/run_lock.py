"""Run lock: the owner process of a run and its step, in two files beside the run's record.

The lock ends with its owner, however that ends. So one run is never trained twice at a time, whichever sweeps, jobs of
a cluster or machines that share the folder ask for it.
"""

from __future__ import annotations

import json
import math
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import AcquireReturnProxy, FileLock, Timeout

from poolscope.spec.errors import PoolscopeError
from poolscope.store.files import open_whole

_LEAST_SECONDS = 0.5  # from one writing of the step to the next


@dataclass(frozen=True)
class Owner:
    """The process that trains a run: its host and id, the optimiser steps taken and planned, seconds since it began."""

    host: str
    process: int
    step: int
    steps: int
    seconds: float


class RunLock:
    """A lock that this process owns."""

    def __init__(self, record: Path) -> None:
        self._path, self._began = _beside(record, "running"), time.monotonic()
        self._written = -math.inf
        self.update(0, 0)

    def update(self, step: int, steps: int) -> None:
        """Write that `step` of `steps` optimiser steps are taken, at most twice a second once steps are taken.

        A disk that refuses it is ignored.
        """
        now = time.monotonic()
        if step and now - self._written < _LEAST_SECONDS:
            return
        self._written = now if step else -math.inf
        seconds = round(now - self._began, 1)
        text = json.dumps([socket.gethostname(), os.getpid(), step, steps, seconds])
        with suppress(OSError), open_whole(self._path, durable=False) as file:
            file.write(text.encode())


@contextmanager
def lock_run(record: Path, on_wait: Callable[[], None]) -> Iterator[RunLock]:
    """Own the run whose record has this path; while another process owns it, call `on_wait` once and wait."""
    record.parent.mkdir(parents=True, exist_ok=True)
    path = _beside(record, "lock")
    try:
        held = acquire_lock(path, timeout=1)
    except Timeout:
        on_wait()
        held = acquire_lock(path)
    with held:
        try:
            yield RunLock(record)
        finally:
            for kind in ("running", "lock"):
                _beside(record, kind).unlink(missing_ok=True)


def acquire_lock(path: Path, timeout: float = -1) -> AcquireReturnProxy:
    """Lock a file, to be released by a with statement; negative `timeout`, in seconds: wait without end.

    Raises filelock's Timeout where another process holds it, and PoolscopeError where the file system has no locks.
    """
    try:
        return FileLock(path).acquire(timeout, poll_interval=0.05 if timeout >= 0 else 1)
    except Timeout:
        raise
    except (NotImplementedError, OSError) as error:
        if getattr(error, "filename", None):  # of opening the file
            raise
        reason = getattr(error, "strerror", None) or "no flock"
        raise PoolscopeError(
            f"The file system of {path.parent} can't lock files ({reason}), which keeps two sweeps apart; choose a "
            "folder on another one with results=."
        ) from error


def read_owner(record: Path) -> Owner | None:
    """The process that trains the run whose record has this path; None where none does."""
    path = _beside(record, "lock")
    if not path.exists():
        return None
    try:
        with FileLock(path).acquire(timeout=0):
            return None
    except Timeout:
        pass
    except (NotImplementedError, OSError):  # a folder without locks, or that only others may write: go by the file
        if not _beside(record, "running").exists():
            return None
    try:
        return Owner(*json.loads(_beside(record, "running").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return Owner("", 0, 0, 0, 0.0)


def _beside(record: Path, kind: str) -> Path:
    return record.with_name(f".{record.stem}.{kind}")
