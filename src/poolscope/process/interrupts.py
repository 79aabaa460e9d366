"""Stop a process on SIGINT (Ctrl-C) or SIGTERM, within about a second whatever it computes.

Python runs a signal handler only when its main thread is back in the interpreter, which a compilation can delay by
minutes, and drops an exception that the handler raises inside a callback of a C++ library. So the handler sets a flag,
which `check` turns into a KeyboardInterrupt between two steps; and a thread that the signal itself wakes ends the
process where that takes longer than `GRACE`, and at a second signal. Files are written whole or not at all, so that no
finished work is lost, at whatever moment a process ends.

Worker processes start with both signals blocked (`starting_workers`) and take them from `serve` on: a signal in the
second that they need to import would end each with a traceback. The process that launched them ends them.
"""

from __future__ import annotations

import multiprocessing
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from types import FrameType
from typing import Any, NoReturn

GRACE = 1.0  # seconds from the first signal to the end of the process, at the latest
STATUS = 130
SENTENCE = "poolscope: interrupted; finished runs are recorded, and the same command goes on."
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_PARENT_PERIOD = 0.5  # seconds between two looks at the parent process
_FRAGILE = (  # functions in which an exception would do no good
    "_xla_gc_callback",  # of JAX, called by the garbage collection: it would only be printed
    "_adjust_process_count",  # of loky, joblib's executor: a worker that just starts would be left behind
)
_THREAD = "interrupts"
_TIDYING = "ignore:resource_tracker:UserWarning"
_SHOW_CURSOR = "\x1b[?25h"  # a live display hides it


class _Process:
    """What the signal handler, its thread and the main thread share."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.deferrals = 0
        self.ending = threading.Lock()  # held by the thread that ends the process
        self.wakeup: socket.socket | None = None
        self.parent: int | None = None  # of a worker

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Note the request to stop; heed it at once only where nothing defers it and nothing is fragile.

        A worker ends then: between two jobs it runs the launcher's code, which would print the exception.
        """
        self.stopping.set()
        while frame is not None and frame.f_code.co_name not in _FRAGILE:
            frame = frame.f_back
        if not self.deferrals and frame is None:
            if self.parent is not None:
                self.end("")
            raise KeyboardInterrupt

    def install(self, parent: int | None = None) -> int:
        """Let signals wake a thread that ends the process; returns the wake-up descriptor until now."""
        ours, self.wakeup = socket.socketpair()
        self.parent = parent
        self.wakeup.setblocking(False)
        threading.Thread(target=self.watch, args=(ours, parent), daemon=True, name=_THREAD).start()
        return signal.set_wakeup_fd(self.wakeup.fileno(), warn_on_full_buffer=False)

    def watch(self, signals: socket.socket, parent: int | None) -> None:
        """Wait for a signal, or for the parent process to end; then for a second one, or for `GRACE` to pass."""
        while not _read_signals(signals, None if parent is None else _PARENT_PERIOD):
            if signals.fileno() < 0:
                return
            if parent is not None and os.getppid() != parent:
                break
        self.stopping.set()
        end = time.monotonic() + GRACE
        while (left := end - time.monotonic()) > 0 and not _read_signals(signals, left):
            if signals.fileno() < 0:
                return
        self.end("" if parent else SENTENCE)

    def close(self) -> None:
        """Let the thread return."""
        assert self.wakeup is not None
        self.wakeup.close()
        self.wakeup = None

    def end(self, sentence: str) -> NoReturn:
        """End the process with this last sentence, and its workers, without the interpreter's clean-up."""
        if self.ending.acquire(blocking=False):
            for worker in multiprocessing.active_children():
                with suppress(OSError, AttributeError):  # AttributeError: one that starts has no id yet
                    if worker.pid:
                        os.kill(worker.pid, signal.SIGKILL)  # joblib's have no kill()
            if threading.current_thread() is threading.main_thread():
                with suppress(OSError, ValueError):
                    sys.stdout.flush()
                    sys.stderr.flush()
            if sentence and select.select([], [2], [], 0)[1]:
                with suppress(OSError):
                    os.write(2, f"{_SHOW_CURSOR if os.isatty(2) else ''}{sentence}\n".encode())
        else:
            threading.Event().wait(GRACE)  # the other thread is about to end the process
        os._exit(STATUS)


_process = _Process()


def request_stop() -> None:
    """Ask this process to stop at its next `check`."""
    _process.stopping.set()


def check() -> None:
    """Raise KeyboardInterrupt if this process was asked to stop."""
    if _process.stopping.is_set():
        raise KeyboardInterrupt


@contextmanager
def deferred() -> Iterator[None]:
    """Hold back a request to stop until the next `check` or the end of the block, around code that calls into XLA."""
    check()
    _process.deferrals += 1
    try:
        yield
    finally:
        _process.deferrals -= 1
    check()


@contextmanager
def interruptible() -> Iterator[None]:
    """Run a command that SIGINT and SIGTERM end with `SENTENCE` and `STATUS`; outside the main thread, just run it.

    The process then ends without the interpreter's clean-up, which would destroy XLA's client under a compilation that
    still runs in one of XLA's threads: a segmentation fault.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former_wakeup = _process.install()
    former = _handle_signals()
    sentence = SENTENCE
    try:
        yield
        sentence = ""
    finally:
        if _process.stopping.is_set():
            _process.end(sentence)
        for number, handler in former.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(former_wakeup)
        _process.close()


@contextmanager
def starting_workers() -> Iterator[None]:
    """Start processes in which SIGINT and SIGTERM wait until they `serve`; this process loses none.

    A process inherits what the thread that starts it blocks. The thread of `interruptible` takes the signals meanwhile,
    and Python runs the handler in the main thread as ever; without that thread, nothing is blocked. joblib's resource
    tracker, which tidies up after a process that ended, does so without a warning.
    """
    if _process.wakeup is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    resource_tracker.ensure_running()  # starts with the first worker, and would unblock them (Python before 3.13)
    warned = os.environ.setdefault("PYTHONWARNINGS", _TIDYING)
    former = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
        if warned == _TIDYING:
            os.environ.pop("PYTHONWARNINGS", None)


def serve(parent: int) -> None:
    """Let SIGINT, SIGTERM and the end of its parent end this worker process, from now on."""
    if os.getppid() != parent:
        os._exit(STATUS)
    if _process.wakeup is None:
        _process.install(parent)
        _handle_signals()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def is_alone() -> bool:
    """Whether no other Python thread runs here but that of `interruptible`, which holds no lock that a fork needs."""
    return all(thread is threading.current_thread() or thread.name == _THREAD for thread in threading.enumerate())


def leave_parent() -> None:
    """Let SIGINT and SIGTERM end this forked process at once, and not wake its parent's thread."""
    signal.set_wakeup_fd(-1)
    for number in _SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def end_worker() -> NoReturn:
    """End a worker process that was asked to stop, without the interpreter's clean-up."""
    _process.end("")


def _handle_signals() -> dict[signal.Signals, Any]:
    """Take over the signals that are not ignored, as those from the terminal are after `command &`; the former ones."""
    heeded = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    return {number: signal.signal(number, _process.handle) for number in heeded}


def _read_signals(signals: socket.socket, seconds: float | None) -> bool:
    """Whether SIGINT or SIGTERM is the next signal, and in time; closes the socket once its other end is closed."""
    if not select.select([signals], [], [], seconds)[0]:
        return False
    number = signals.recv(1)
    if not number:
        signals.close()
    return bool(number) and number[0] in _SIGNALS
