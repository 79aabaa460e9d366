"""Where a record comes from: code, versions, device and machine; no statistic reads it."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax

from poolscope.process.cores import list_cores
from poolscope.store.environment import read_processor

_PACKAGES = ("poolscope", "jax", "jaxlib", "flax", "optax", "numpy")


def describe_provenance(started: datetime) -> dict[str, Any]:
    """Describe the code and the machine of a run that started at this time."""
    device = jax.devices()[0]
    return {
        "started": started.isoformat(timespec="seconds"),
        "git_revision": read_revision(),
        "versions": {name: version(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "device": f"{device.platform} {device.device_kind}",
        "devices": jax.device_count(),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "processor": read_processor(),
        "threads": count_threads(),
    }


def count_threads() -> str:
    """The number of threads that XLA computes on; on a CPU, it changes the order of sums."""
    return os.environ.get("NPROC") or str(len(list_cores()))


def read_revision() -> str:
    """The commit of the checkout that the package runs from, with "+" where files differ from it; "" without git."""
    try:
        commit, changes = [
            subprocess.run(
                ["git", "--no-optional-locks", "-C", str(Path(__file__).parent), *command],
                capture_output=True,
                text=True,
                timeout=10,
                check=True,
            ).stdout.strip()
            for command in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no", "."])
        ]
    except (OSError, subprocess.SubprocessError):
        return ""
    return commit + ("+" if changes else "")
