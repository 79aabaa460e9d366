"""Contenders for tests of the bench's protocol: they count, wait for nothing, print, fail or die on request."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable


def prepare_counting(items: int) -> Callable[[], int]:
    print("a library's own words")  # must not get between the answers

    def repeat() -> int:
        sum(range(20_000))
        return items

    return repeat


def prepare_failing() -> Callable[[], int]:
    raise ValueError("no\nuse")


def prepare_missing() -> Callable[[], int]:
    import not_to_be_found  # type: ignore[import-not-found]

    return not_to_be_found  # type: ignore[no-any-return]


def prepare_dying(calls: int) -> Callable[[], int]:
    left = [calls]

    def repeat() -> int:
        left[0] -= 1
        if left[0] < 0:
            os._exit(3)
        return 1

    return repeat


def prepare_silent() -> Callable[[], int]:
    """It never answers."""
    threading.Event().wait()
    raise AssertionError
