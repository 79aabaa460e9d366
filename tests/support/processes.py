"""Processes that tests start."""

from __future__ import annotations

import os


def with_cpu_devices(count: int) -> dict[str, str]:
    """The environment of a process in which JAX has that many CPU devices."""
    flags = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count={count}"
    return {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
