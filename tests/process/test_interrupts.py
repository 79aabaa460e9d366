"""SIGINT and SIGTERM: raised where nothing defers them, and the end of what heeds neither."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

import pytest

from poolscope.process import interrupts
from poolscope.process.interrupts import SENTENCE, STATUS, check, deferred, interruptible

WORK = {  # what a process does in turn when it is asked to stop
    "steps that are checked": """
with deferred():
    print("ready", flush=True)
    while True: time.sleep(0.01); check()
""",
    "steps that are not": """
with deferred():
    print("ready", flush=True)
    while True: time.sleep(0.01)
""",
    "a wait": """
print("ready", flush=True)
time.sleep(60)
""",
    "code that drops the exception": """
print("ready", flush=True)
while True:
    try: time.sleep(60)
    except KeyboardInterrupt: pass
""",
    "a native call, in which no handler runs": """
print("ready", flush=True)
hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)
""",
    "the last step": """
with deferred():
    print("ready", flush=True)
    time.sleep(0.3)
print("went on")
""",
}
PROGRAM = """
import hashlib, sys, time
from poolscope.process import interrupts
from poolscope.process.interrupts import check, deferred, interruptible

with interruptible():
    exec(sys.argv[1])
print("after")
"""


def start(work: str) -> subprocess.Popen[str]:
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, work], text=True, **pipes)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
def test_a_process_ends_whatever_it_does(work: str, number: signal.Signals) -> None:
    with start(work) as process:
        process.send_signal(number)
        try:
            out, said = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == STATUS and out == "" and said == f"{SENTENCE}\n"


def test_a_second_signal_ends_it_at_once() -> None:
    with start(f"interrupts.GRACE = 600\n{WORK['steps that are not']}") as process:
        for number in (signal.SIGTERM, signal.SIGINT):
            process.send_signal(number)
        assert process.wait(30) == STATUS


def test_what_a_shell_lets_ignore_ctrl_c_does() -> None:
    ours = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = start("print('ready', flush=True)\nsys.stdin.read()\ntime.sleep(0.2)\nprint('done', flush=True)")
    finally:
        signal.signal(signal.SIGINT, ours)
    with process:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 0 and out == "done\nafter\n"


def test_nothing_stays_installed_after_the_block() -> None:
    former = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    threads = threading.active_count()
    with interruptible():
        assert signal.getsignal(signal.SIGTERM) != former[1]
        check()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == former
    (thread,) = [one for one in threading.enumerate() if one.name == "interrupts"] or [None]
    if thread is not None:
        thread.join(10)
    assert threading.active_count() == threads


def test_a_held_back_request_is_raised_by_check_and_at_the_end_of_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    process = interrupts._Process()
    monkeypatch.setattr(interrupts, "_process", process)
    with pytest.raises(KeyboardInterrupt), deferred():
        process.handle(signal.SIGTERM, None)
    with pytest.raises(KeyboardInterrupt):
        check()
    with pytest.raises(KeyboardInterrupt), deferred():
        raise AssertionError("not begun once the process was asked to stop")
    process.stopping.clear()
    with pytest.raises(KeyboardInterrupt):
        process.handle(signal.SIGTERM, None)

    def _xla_gc_callback() -> None:
        process.handle(signal.SIGTERM, sys._getframe())

    process.stopping.clear()
    _xla_gc_callback()
    assert process.stopping.is_set()


LAUNCHER = """
import sys, time
from joblib.externals.loky import get_reusable_executor
from poolscope.process.interrupts import interruptible, starting_workers

with interruptible(), starting_workers():
    jobs = [get_reusable_executor(2).submit(time.sleep, 60) for _ in range(2)]
    print("ready", flush=True)
    time.sleep(float(sys.argv[1]))
    [job.result() for job in jobs]
"""


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_workers_that_are_starting_end_without_a_word(number: signal.Signals, at_once: bool) -> None:
    """SIGINT as a terminal sends it, to every process; SIGTERM as a scheduler does, to the first."""
    pipes = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
    words = [sys.executable, "-c", LAUNCHER, "60" if at_once else "0"]
    ours = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(words, text=True, start_new_session=True, **pipes)
    finally:
        signal.signal(signal.SIGINT, ours)
    with process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
        try:
            out, said = process.communicate(timeout=60)  # the workers hold the other ends until they end
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert (process.returncode, out, said) == (STATUS, "", f"{SENTENCE}\n")


WORKER = """
import os, sys, time
from poolscope.process.interrupts import serve
if not os.fork():
    serve(os.getppid())
    print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_ends_with_its_parent(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", WORKER], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        parent.send_signal(number)
        parent.wait(30)
        assert parent.stdout.read() == ""  # the worker held the other end until it ended


EARLY = """
import os, signal, time
from poolscope.process.interrupts import serve
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
if child := os.fork():
    raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
os.kill(os.getpid(), signal.SIGTERM)
print("waits", flush=True)
serve(os.getppid())
time.sleep(60)
"""


def test_a_signal_that_waited_ends_the_worker_once_it_serves() -> None:
    done = subprocess.run([sys.executable, "-c", EARLY], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (STATUS, "waits\n", "")
