"""Standard input, output and error where the caller closed them, or where nobody reads on."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

BROKEN_PIPE = 141  # exit status of a program whose reader went away, as shells count it: 128 + SIGPIPE


def replace_closed_streams() -> None:
    """Put the null device in the place of streams that the caller closed (`<&-`, `>&-`), which Python sets to None.

    It takes their descriptors, so that no file that is opened later gets what is printed.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)  # the lowest that is free: this stream's own
            if descriptor != number:
                os.dup2(descriptor, number)
                os.close(descriptor)
            setattr(sys, name, open(number, mode, encoding="utf-8"))  # noqa: SIM115  until the process ends


def discard_output() -> None:
    """Send what can't be printed any more nowhere, so that the interpreter doesn't fail on it when it ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            with suppress(OSError, ValueError):  # a stream of a test has no descriptor
                os.dup2(null, stream.fileno())
            os.close(null)
