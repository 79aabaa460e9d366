"""Study lock: one sweep at a time writes a study's folder of records, and tidies it first."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import Timeout

from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import runs_folder
from poolscope.store.record import read_record
from poolscope.store.run_lock import acquire_lock


@contextmanager
def lock_study(results: str, study: str) -> Iterator[None]:
    """Hold the study's folder for writing; a second sweep of it is refused. A refused request leaves no new folder."""
    folder = runs_folder(results, study)
    created = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise PoolscopeError(
            f"results={results}: the folder {folder} can't be written ({error.strerror}); choose another with results=."
        ) from error
    lock = folder / ".lock"
    try:
        with acquire_lock(lock, timeout=0):
            _tidy(folder)
            yield
    except Timeout as error:
        raise PoolscopeError(
            f"study={study}: another sweep is writing {folder} now; wait for it, or choose another name with study=."
        ) from error
    except PoolscopeError:
        if created:
            lock.unlink(missing_ok=True)
        for path in created:
            with suppress(OSError):
                path.rmdir()
        raise


def _tidy(folder: Path) -> None:
    """Delete what killed writers left: scratch files older than an hour, and checkpoints of runs that are done."""
    for path in (*folder.glob("*/.seed-*"), *folder.glob(".*.json.*")):
        name, _, rest = path.name.removeprefix(".").partition(".")
        ended = rest == "checkpoint" and _is_over(path.with_name(f"{name}.json"))
        scratch = "." in rest or rest == "running"
        with suppress(OSError):
            if ended or (scratch and time.time() - path.stat().st_mtime > 3600):
                path.unlink()


def _is_over(path: Path) -> bool:
    """Whether a record says that its run is done or diverged; one that failed resumes from its checkpoint."""
    with suppress(PoolscopeError):
        return path.exists() and read_record(path).status != "failed"
    return False
