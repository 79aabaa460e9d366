"""Kill a real sweep on the digits again and again, type the same command again, and compare with one left alone.

    python scripts/kill_sweep.py --moments 50 --launcher basic

Each attempt is a process group of its own that is killed (SIGKILL) after a random delay, drawn with a fixed seed from
the time that a whole sweep takes, or at a chosen call of os.fsync or os.replace, before or after it. Attempts fork from
one process that has the libraries loaded, so that the time goes into sweeps, not into imports; with --launcher local
the workers start anew and are killed with their parent. After each kill, every record is read and none may be lost; at
the end tables are compared byte for byte, but for times and provenance. Exit status 1 where anything differs.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from poolscope.cli import main
from poolscope.spec.errors import PoolscopeError
from poolscope.statistics.tables import NAMES, collect, write_tables
from poolscope.store.record import read_record

SWEEP = [
    *("train", "-m", "pool=max,stochastic", "seeds=[0,1]", "train.epochs=4", "data.train_size=256", "model.width=4"),
    *("data.train_eval_size=50", "train.checkpoint_every=1", "study=killed"),
]
LONGER = ["train.epochs=100"]  # than a worker process takes to start
TIMES = ("seconds_train", "images_per_second")


def start(words: list[str], before: Callable[[], None] = lambda: None) -> int:
    """A process group that runs the command; returns its id."""
    child = os.fork()
    if child:
        return child
    os.setsid()
    with open(os.devnull, "w") as silence:
        os.dup2(silence.fileno(), 1)
        os.dup2(silence.fileno(), 2)
    try:
        before()
        main(words)
    except SystemExit as ended:
        os._exit(int(ended.code or 0))
    except BaseException:
        traceback.print_exc()
    os._exit(99)


def wait(child: int, seconds: float | None = None) -> int | None:
    """The exit status of a child, negative where a signal ended it; None where it lives on after so many seconds."""
    end = None if seconds is None else time.monotonic() + seconds
    while True:
        done, status = os.waitpid(child, 0 if end is None else os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if end is not None and time.monotonic() >= end:
            return None
        time.sleep(0.005)


def kill_at_call(name: str, count: int, after: bool) -> Callable[[], None]:
    """Make this process group die at its count-th call of os.fsync or os.replace, before or after the call."""

    def arm() -> None:
        real, calls = getattr(os, name), 0

        def deadly(*given: object, **named: object) -> object:
            nonlocal calls
            calls += 1
            result = real(*given, **named) if after and calls == count else None
            if calls == count:
                os.killpg(0, signal.SIGKILL)
                time.sleep(60)
            return real(*given, **named) if result is None else result

        setattr(os, name, deadly)

    return arm


def whole_records(results: Path) -> dict[str, bytes]:
    """Every record by its path; raises PoolscopeError where one is not whole."""
    found = {}
    for path in sorted(results.rglob("seed-*.json")):
        if not path.name.startswith("."):
            read_record(path)
            found[str(path.relative_to(results))] = path.read_bytes()
    return found


def tabulate(results: Path, folder: Path) -> dict[str, bytes]:
    """The bytes of the study's tables, without times and provenance."""
    tables = collect(results, "killed")
    drop = [name for name in tables.runs if name in TIMES or name.startswith("provenance.")]
    write_tables(replace(tables, runs=tables.runs.drop(columns=drop)), folder)
    return {name: (folder / f"{name}.csv").read_bytes() for name in NAMES}


def kill(results: Path, words: list[str], delay: float | None, arm: Callable[[], None]) -> tuple[str, bool]:
    """Run one attempt and kill it after `delay` seconds; returns the number of records, and whether it ended first."""
    before = whole_records(results)
    child = start(words, arm)
    status = wait(child, delay)
    if status is None:
        os.killpg(child, signal.SIGKILL)
        status = wait(child)
    after = whole_records(results)
    lost = [name for name in before if after.get(name) != before[name]]
    if lost:
        raise PoolscopeError(f"{lost[0]} was lost or changed.")
    if status not in (0, -signal.SIGKILL):
        raise PoolscopeError(f"the sweep ended with status {status}.")
    return f"{len(after)} records", status == 0


def run(moments: int, launcher: str, seed: int) -> int:
    """Kill at random moments and at write points until there were so many kills; compare; print the outcome."""
    draw = random.Random(seed)
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as scratch:
        alone = Path(scratch, "alone")
        words = [*SWEEP, f"hydra/launcher={launcher}"]
        if launcher == "local":
            words += LONGER
        for _ in range(2):  # the second without compiling
            began = time.monotonic()
            alone = Path(tempfile.mkdtemp(dir=scratch))
            assert wait(start([*words, f"results={alone}"])) == 0, "the uninterrupted sweep failed"
            length = time.monotonic() - began
        expected = tabulate(alone, Path(scratch, "expected"))
        points = [(name, count, after) for name in ("fsync", "replace") for count in (1, 2, 3, 5) for after in (0, 1)]
        queue = [("point", point) for point in points if launcher == "basic"]
        sweeps = 0
        while counts["random"] < moments or queue:
            results, sweeps = Path(scratch, f"sweep{sweeps}"), sweeps + 1
            ended = False
            while not ended:
                arm, delay, kind = (lambda: None), None, "finish"
                if queue:
                    kind, (name, count, after) = queue.pop(0)
                    arm = kill_at_call(name, count, bool(after))
                elif counts["random"] < moments:
                    kind, delay = "random", draw.uniform(0.0, length)
                found, ended = kill(results, [*words, f"results={results}"], delay, arm)
                if not ended:
                    counts[kind] += 1
                    moment = "" if delay is None else f" after {delay:.2f} s"
                    print(f"{kind} {counts[kind]}: {found}{moment}", flush=True)
            tables = tabulate(results, Path(scratch, "found"))
            differing = [name for name in NAMES if tables[name] != expected[name]]
            if differing:
                raise PoolscopeError(f"sweep {sweeps}: the table {differing[0]} differs from the uninterrupted one.")
            left = [str(path) for path in results.rglob(".seed-*")]
            counts["left files"] += len(left)
    print(
        f"{launcher}: {counts['random']} random kills and {counts['point']} at write points over {sweeps} sweeps of "
        f"4 runs ({length:.1f} s each when left alone): no record lost or half-written, all tables identical; "
        f"{counts['left files']} scratch files of killed writers left, for a later sweep to tidy."
    )
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moments", type=int, default=50, help="kills at random moments (default 50)")
    parser.add_argument("--launcher", default="basic", choices=("basic", "local"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    try:
        sys.exit(run(options.moments, options.launcher, options.seed))
    except PoolscopeError as error:
        sys.exit(f"kill_sweep: {error}")
