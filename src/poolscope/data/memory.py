"""Whether images fit into this machine's memory."""

from __future__ import annotations

import math
import os

from poolscope.spec.errors import PoolscopeError


def check_images(count: int, shape: tuple[int, int, int], available: int | None = None) -> None:
    """Refuse so many 8-bit images of a shape (height, width, channels) where memory can't hold them.

    available: bytes; default: of this machine.
    """
    available = machine_memory() if available is None else available
    needed = count * math.prod(shape)
    if available and needed > available:
        raise PoolscopeError(
            f"{count:,} images of {'x'.join(map(str, shape))} take {format_bytes(needed)}, more than this machine's "
            f"memory of {format_bytes(available)}; read them in batches with data.memory=batch, or use a "
            "smaller data.shape or data.pad_to."
        )


def machine_memory() -> int:
    """Measure the bytes of this machine's memory; 0 where the system doesn't say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


def format_bytes(count: float) -> str:
    """Write a number of bytes in the largest unit that leaves at least 1: 3.2 GB."""
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.0f} PB"
