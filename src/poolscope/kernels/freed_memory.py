"""Make glibc's malloc reuse freed memory instead of returning it to the system.

XLA on CPU allocates a program's temporary arrays at each call and frees them after it. As glibc comes, large blocks go
back to the system at once, and the next step faults every page in again: 150 MB of temporaries are 39,000 page faults a
step, up to a quarter of the CPU time.
"""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8  # parameter numbers of glibc's mallopt
_NEVER = -1
_GROWTH = 256 << 20  # bytes by which the heap grows, so that it grows rarely; untouched pages cost nothing


def keep_freed_memory() -> bool:
    """Have glibc keep what is freed, in one arena for all threads; False where the C library isn't glibc.

    To be called before the process starts threads: an arena of a thread's own, once made, stays in use, and what
    doesn't fit its 64 MB is mapped and unmapped at each call whatever the limit on mappings.
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    settings = {_MMAP_MAX: 0, _TRIM_THRESHOLD: _NEVER, _TOP_PAD: _GROWTH, _ARENA_MAX: 1}
    return all(mallopt(parameter, value) for parameter, value in settings.items())
