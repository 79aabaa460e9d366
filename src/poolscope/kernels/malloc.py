"""Memory of the C library that a training process gives back too eagerly."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8  # parameter numbers of glibc's mallopt
_KEPT = 256 << 20


def keep_freed_memory() -> bool:
    """Have glibc reuse freed memory instead of returning it; False where the C library isn't glibc.

    XLA on CPU frees its temporary arrays after every step. glibc hands large ones straight back to the system, so that
    each step faults every page in again. To be called before the first computation of the process.
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    settings = {_MMAP_MAX: 0, _TRIM_THRESHOLD: 2**31 - 1, _TOP_PAD: _KEPT, _ARENA_MAX: 1}
    return all(mallopt(parameter, value) for parameter, value in settings.items())
