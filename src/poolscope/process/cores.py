"""The cores that this process may use."""

from __future__ import annotations

import os


def list_cores() -> list[int]:
    """List the numbers of the cores that this process may run on, which can be fewer than the machine has."""
    affinity = getattr(os, "sched_getaffinity", None)  # on Linux
    return sorted(affinity(0)) if affinity else list(range(os.cpu_count() or 1))
