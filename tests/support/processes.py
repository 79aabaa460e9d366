"""The command as users run it: in this process, or in one that a test starts."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path

from poolscope.cli import main


def run_command(*words: str) -> tuple[int, str, str]:
    """Run a command in this process; its exit status, and what it wrote to stdout and stderr."""
    with contextlib.redirect_stdout(io.StringIO()) as output, contextlib.redirect_stderr(io.StringIO()) as errors:
        try:
            main(words)
        except SystemExit as end:
            return int(end.code or 0), output.getvalue(), errors.getvalue()
    raise AssertionError("a command ends with an exit status")


def run_tiny_sweep(results: Path, *overrides: str) -> tuple[int, str]:
    """Run a sweep of two jobs of one step; its exit status, and what it wrote to stderr."""
    small = ["train.steps=1", "train.batch_size=4", "model.width=2", "model.blocks=1", "model.pool_stages=1"]
    status, _, errors = run_command("train", "-m", "pool=max,avg", *small, f"results={results}", *overrides)
    return status, errors


def with_cpu_devices(count: int) -> dict[str, str]:
    """The environment of a process in which JAX has that many CPU devices."""
    flags = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count={count}"
    return {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
