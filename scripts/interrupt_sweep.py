"""Interrupt a real sweep on the digits again and again, type the same command again, and compare with one left alone.

    python scripts/interrupt_sweep.py --moments 100
    python scripts/interrupt_sweep.py --moments 25 --launchers local --caches cold    # one part of four

Half of the attempts compile everything anew, half find it in the cache; half train in the process itself, half with
hydra/launcher=local. Each gets SIGINT, as a terminal sends it to the whole process group, or SIGTERM, as a scheduler
sends it to one process, after a random delay drawn with a fixed seed from the time that a whole sweep takes. It must
end in time with status 130 or 143 (or 0, where it was done before), print no traceback, leave no process behind and
every record that was there; at the end, tables are compared byte for byte, but for times and provenance. Attempts fork
from one process that has the libraries loaded. What ended badly or late is printed and counted, and the next attempt
goes on; exit status 1 where there was one, or where anything was lost or differs.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import jax
from kill_sweep import SWEEP, tabulate, wait, whole_records

from poolscope.cli import main
from poolscope.commands import train  # noqa: F401  loaded once, before the first fork
from poolscope.runs import run as runs  # noqa: F401
from poolscope.spec.errors import PoolscopeError
from poolscope.statistics.tables import NAMES

SECONDS = 3.0  # from the signal to the end of all processes
STATUSES = (130, 143, -signal.SIGINT, -signal.SIGTERM)  # negative: before the command could take over the signal
WRONG = ("Traceback", "traceback", "Warning", "Exception ignored", "Fatal Python error", "Segmentation fault")


@dataclass
class Kind:
    """One way to start the sweep, and what was found of it. length: seconds of a sweep left alone."""

    launcher: str
    warm: bool
    length: float = 0.0
    seconds: list[float] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    bad: int = 0
    sweeps: int = 0

    @property
    def words(self) -> list[str]:
        longer = ["train.epochs=300"] if self.launcher == "local" else ["train.epochs=100"]
        workers = ["hydra.launcher.n_jobs=2"] if self.launcher == "local" else []
        return [*SWEEP, *longer, f"hydra/launcher={self.launcher}", *workers]

    def __str__(self) -> str:
        return f"{self.launcher}, {'warm' if self.warm else 'cold'}"


def start(words: list[str], cache: Path, log: Path) -> int:
    """A process group that runs the command with this compilation cache; returns its id."""
    child = os.fork()
    if child:
        return child
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(cache)  # for workers
    jax.config.update("jax_compilation_cache_dir", str(cache))
    try:
        main(words)
    except SystemExit as ended:
        os._exit(int(ended.code or 0))
    os._exit(99)


def count_alive(group: int) -> int:
    """How many processes of a group run; those that ended and that nobody waits for don't."""
    listed = subprocess.run(["ps", "-eo", "pgid=,stat="], capture_output=True, text=True, check=True).stdout
    return sum(line.split()[0] == str(group) and line.split()[1][0] != "Z" for line in listed.splitlines())


def interrupt(kind: Kind, results: Path, cache: Path, log: Path, delay: float, number: signal.Signals) -> bool:
    """One attempt; returns whether the sweep ended by itself. Raises PoolscopeError where it lost a record."""
    before = whole_records(results)
    child = start([*kind.words, f"results={results}"], cache, log)
    status, seconds = wait(child, delay), 0.0
    ended = status is not None
    if not ended:
        began = time.monotonic()
        (os.killpg if number == signal.SIGINT else os.kill)(child, number)
        status = wait(child, 60.0)
        while count_alive(child) and time.monotonic() - began < 60:
            time.sleep(0.02)
        seconds = time.monotonic() - began
    text = log.read_text(encoding="utf-8", errors="replace")
    wrong = [word for word in WRONG if word in text and status not in (-signal.SIGINT, -signal.SIGTERM)]
    if ended and status != 0:
        raise PoolscopeError(f"{kind}: the sweep ended by itself with status {status}.\n{text}")
    if status not in (*STATUSES, 0) or seconds > SECONDS or wrong:
        kind.bad += 1
        print(f"BAD {kind}: {number.name} after {delay:.2f} s: status {status}, {seconds:.2f} s\n{text}", flush=True)
    after = whole_records(results)
    if lost := [name for name in before if after.get(name) != before[name]]:
        raise PoolscopeError(f"{kind}: {lost[0]} was lost or changed.")
    if not ended and status != 0:
        kind.seconds.append(seconds)
        kind.statuses.append(int(status or 0))
        print(
            f"{kind}: {number.name} after {delay:.2f} s: {status} in {seconds:.2f} s, {len(after)} records", flush=True
        )
    return status == 0


def run(moments: int, seed: int, launchers: list[str], caches: list[str]) -> int:
    """Interrupt until there were so many interrupts; compare; print what was found."""
    draw = random.Random(seed)
    kinds = [Kind(launcher, cache == "warm") for launcher in launchers for cache in caches]
    with tempfile.TemporaryDirectory() as scratch:
        log, shared = Path(scratch, "log"), Path(scratch, "cache")
        for kind in kinds:
            alone = Path(tempfile.mkdtemp(dir=scratch))
            for results in (alone, alone / "again") if kind.warm else (alone,):
                began = time.monotonic()
                cache = shared if kind.warm else Path(tempfile.mkdtemp(dir=scratch))
                if wait(start([*kind.words, f"results={results}"], cache, log)) != 0:
                    raise PoolscopeError(f"{kind}: the uninterrupted sweep failed.\n{log.read_text()}")
                kind.length = time.monotonic() - began
            expected = tabulate(alone, Path(scratch, "expected"))
            while len(kind.seconds) < moments / len(kinds):
                results, ended = Path(tempfile.mkdtemp(dir=scratch)), False
                while not ended:
                    cache = shared if kind.warm else Path(tempfile.mkdtemp(dir=scratch))
                    enough = len(kind.seconds) >= moments / len(kinds)
                    delay = 600.0 if enough else draw.uniform(0.0, kind.length)
                    number = draw.choice((signal.SIGINT, signal.SIGTERM))
                    ended = interrupt(kind, results, cache, log, delay, number)
                kind.sweeps += 1
                found = tabulate(results, Path(scratch, "found"))
                if differing := [name for name in NAMES if found[name] != expected[name]]:
                    raise PoolscopeError(f"{kind}: the table {differing[0]} differs from the uninterrupted one.")
    for kind in kinds:
        print(
            f"{kind}: {len(kind.seconds)} interrupts over {kind.sweeps} sweeps of 4 runs ({kind.length:.1f} s each "
            f"when left alone), ended in {statistics.median(kind.seconds):.2f} s (median), {max(kind.seconds):.2f} s "
            f"(at most), with statuses {sorted(set(kind.statuses))}; {kind.bad} ended badly; no record lost, tables "
            "identical."
        )
    return 1 if any(kind.bad for kind in kinds) else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moments", type=int, default=100, help="interrupts at random moments (default 100)")
    parser.add_argument("--launchers", nargs="+", choices=("basic", "local"), default=["basic", "local"])
    parser.add_argument("--caches", nargs="+", choices=("cold", "warm"), default=["cold", "warm"])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    try:
        sys.exit(run(options.moments, options.seed, options.launchers, options.caches))
    except PoolscopeError as error:
        sys.exit(f"interrupt_sweep: {error}")
