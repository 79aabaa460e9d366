"""A signal that announces the end of a process: it stops in time, whatever it is doing, and concludes once."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from poolscope.process.time_limit import stopping_at

PROGRAM = """
import os, signal, sys, time
from poolscope.process.interrupts import check
from poolscope.process.time_limit import stopping_at

def conclude(number):
    print("concluded", number, flush=True)
    {conclude}

try:
    with stopping_at((signal.SIGUSR2, signal.SIGTERM), {seconds}, conclude):
        os.kill(os.getpid(), signal.{name})
        for _ in range(600):
            time.sleep(0.05)
            {step}
except ValueError as error:
    print("raised", error)
"""


@pytest.mark.parametrize(
    ("name", "step", "conclude", "seconds", "status", "last"),
    [
        ("SIGUSR2", "check()", "sys.exit(-1)", 60, 255, f"concluded {signal.SIGUSR2:d}"),
        ("SIGTERM", "check()", "sys.exit(130)", 60, 130, f"concluded {signal.SIGTERM:d}"),
        ("SIGUSR2", "check()", "pass", 60, 0, f"concluded {signal.SIGUSR2:d}"),
        ("SIGUSR2", "check()", "raise ValueError('too often')", 60, 0, "raised too often"),
        ("SIGUSR2", "pass  # as in a compilation", "sys.exit(-1)", 0.2, 255, f"concluded {signal.SIGUSR2:d}"),
        ("SIGUSR2", "pass", "raise ValueError('too often')", 0.2, 1, f"concluded {signal.SIGUSR2:d}"),
    ],
)
def test_a_process_stops_and_concludes_once(
    name: str, step: str, conclude: str, seconds: float, status: int, last: str
) -> None:
    program = PROGRAM.format(name=name, step=step, conclude=conclude, seconds=seconds)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (status, last), done.stderr
    assert done.stdout.count("concluded") == 1 and "Traceback" not in done.stderr


def test_without_a_signal_all_is_as_before() -> None:
    former = signal.getsignal(signal.SIGUSR2)
    with stopping_at((signal.SIGUSR2,), 1, lambda number: pytest.fail("no signal came")):
        assert signal.getsignal(signal.SIGUSR2) != former
    assert signal.getsignal(signal.SIGUSR2) == former
