"""Who is at a run now: a lock beside its record, held by the process that trains it, and how far that has come.

The lock ends with its holder, however that ends; so one run is never trained twice at a time, whichever sweeps, jobs of
a cluster or machines that share the folder ask for it.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout


@dataclass(frozen=True)
class Heartbeat:
    """How far a running run is. host and process: who trains it; seconds: since it began."""

    host: str
    process: int
    step: int
    steps: int
    seconds: float


class Holder:
    """Holds a run and says how far it is."""

    def __init__(self, path: Path) -> None:
        self._path, self._began = _beside(path, "running"), time.monotonic()
        self.beat(0, 0)

    def beat(self, step: int, steps: int) -> None:
        """Say that `step` of `steps` are taken. What can't be written is left unsaid."""
        seconds = round(time.monotonic() - self._began, 1)
        text = json.dumps([socket.gethostname(), os.getpid(), step, steps, seconds])
        scratch = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            scratch.write_text(text, encoding="utf-8")
            os.replace(scratch, self._path)
        except OSError:
            with suppress(OSError):
                scratch.unlink()


@contextmanager
def hold_run(record: Path, waiting: Callable[[], None]) -> Iterator[Holder]:
    """Hold the run whose record has this path; where another process holds it, call `waiting` and wait for its end."""
    record.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(_beside(record, "lock"))
    try:
        lock.acquire(timeout=1)
    except Timeout:
        waiting()
        lock.acquire(poll_interval=1)
    try:
        yield Holder(record)
    finally:
        for kind in ("running", "lock"):
            _beside(record, kind).unlink(missing_ok=True)
        lock.release()


def read_heartbeat(record: Path) -> Heartbeat | None:
    """How far the run is that a process trains now; None where nobody does."""
    path = _beside(record, "lock")
    if not path.exists():
        return None
    try:
        with FileLock(path).acquire(timeout=0):
            return None
    except Timeout:
        pass
    except OSError:  # a folder that only others may write: go by the file
        if not _beside(record, "running").exists():
            return None
    try:
        return Heartbeat(*json.loads(_beside(record, "running").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return Heartbeat("", 0, 0, 0, 0.0)


def _beside(record: Path, kind: str) -> Path:
    return record.with_name(f".{record.stem}.{kind}")
