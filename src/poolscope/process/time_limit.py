"""Stop a process in time: at a signal that a cluster sends some minutes before it ends the process.

Python runs the handler of a signal only when its main thread is back in the interpreter, and drops what the handler
raises inside a callback of a C++ library. So the handlers here only ask for a stop, which training heeds between two
steps and keeps a checkpoint at; a thread that the signal itself wakes goes on where that takes too long.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from poolscope.process.interrupts import request_stop


@contextmanager
def stopping_at(signals: Sequence[int], seconds: float, conclude: Callable[[int], object]) -> Iterator[None]:
    """Take signals as requests to stop; once the block has stopped, call a function, then end the process.

    The process ends without the interpreter's clean-up, which would destroy XLA's client under a compilation that still
    runs in one of XLA's threads. Where the function raises an Exception, that is raised instead.

    Args:
        signals: their numbers.
        seconds: after which the function is called in any case, by a thread.
        conclude: called once, with the signal that came; a SystemExit of it gives the exit status.
    """
    warning = _Warning(frozenset(signals), seconds, conclude)
    former = {number: signal.signal(number, lambda *_: None) for number in signals}
    former_wakeup = signal.set_wakeup_fd(warning.wakeup.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=warning.watch, daemon=True, name="time limit").start()
    try:
        yield
    finally:
        warning.stopped.set()
        if warning.came:
            warning.end()
        signal.set_wakeup_fd(former_wakeup)
        for number, handler in former.items():
            signal.signal(number, handler)
        warning.wakeup.close()


class _Warning:
    """The signal that came, if any, and what is done about it."""

    def __init__(self, signals: frozenset[int], seconds: float, conclude: Callable[[int], object]) -> None:
        self.signals, self.seconds, self.conclude = signals, seconds, conclude
        self.came = 0
        self.stopped = threading.Event()
        self.ending = threading.Lock()  # held by the thread that ends the process
        self.ours, self.wakeup = socket.socketpair()
        self.wakeup.setblocking(False)

    def watch(self) -> None:
        """Wait for one of the signals, ask for a stop, and end the process where it doesn't come in time."""
        while (number := self.ours.recv(1)) and number[0] not in self.signals:
            pass
        if number:
            self.came = number[0]
            request_stop()
            if not self.stopped.wait(self.seconds):
                self.end()
        self.ours.close()

    def end(self) -> None:
        """Conclude and end the process, in whichever thread comes first."""
        if not self.ending.acquire(blocking=False):
            threading.Event().wait()  # until the other thread ends the process
        status = 0
        try:
            self.conclude(self.came)
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        except Exception:
            if threading.current_thread() is threading.main_thread():
                raise
            status = 1
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status & 255)
