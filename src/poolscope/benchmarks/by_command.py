"""Whole processes, from their start: commands, imports, the first step of a run, sweeps."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path


def prepare_process(arguments: list[str], items: int = 1, warm: bool = True, status: int = 0) -> Callable[[], int]:
    """Run Python with these arguments; with warm=False each time with empty caches. RuntimeError for another status.

    {folder} in an argument becomes a new empty folder each time.
    """
    kept = tempfile.mkdtemp(prefix="poolscope-bench-")
    atexit.register(shutil.rmtree, kept, ignore_errors=True)

    def repeat() -> int:
        with tempfile.TemporaryDirectory(prefix="poolscope-bench-") as new:
            cache = str(Path(kept if warm else new) / "cache")
            done = subprocess.run(
                [sys.executable, *(word.replace("{folder}", new) for word in arguments)],
                env={**os.environ, "POOLSCOPE_CACHE": cache},
                cwd=new,
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
            )
        if "No module named 'torch'" in done.stderr:
            raise ModuleNotFoundError(name="torch")
        if done.returncode != status:
            raise RuntimeError(f"a process ended with {done.returncode} instead of {status}: {done.stderr[-200:]}")
        return items

    return repeat
