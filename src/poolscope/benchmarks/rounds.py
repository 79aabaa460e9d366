"""Contenders asked in turn, A, B, C, A, B, C, ..., each in a process of its own; ratios per round, then their median.

What disturbs the machine for a while then disturbs a round, both sides of its ratios alike, and not one contender.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

LIMIT = 900.0  # seconds that a contender has for an answer
_SLOW = 10.0  # seconds; a contender whose repetition takes longer sits out all but the first rounds
UNITS: dict[str, Callable[[Mapping[str, float]], float]] = {
    "images/CPU-s": lambda took: took["items"] / took["cpu"],
    "images/s": lambda took: took["items"] / took["wall"],
    "runs/min": lambda took: 60 * took["items"] / took["wall"],
    "s": lambda took: took["wall"] / took["items"],
    "faults/image": lambda took: took["faults"] / took["items"],
    "CPU-s": lambda took: took["cpu"] / took["items"],
}


class ChildError(Exception):
    """A contender can't be measured; its message is the reason."""


@dataclass(frozen=True)
class Contender:
    """prepare_<kind>(**options) of by_<library>, in a process of its own, or in that of the contenders who share it."""

    name: str
    library: str
    kind: str
    options: Mapping[str, Any]
    process: str = ""

    @property
    def place(self) -> str:
        return self.process or self.name


@dataclass(frozen=True)
class BenchmarkCase:
    """Contenders for one quantity, measured in the same rounds. threads: 1 or 2, each on a core; 0: as the machine has.

    references: who each is compared with; where empty, each with all who come after.
    """

    quantity: str
    contenders: tuple[Contender, ...]
    units: tuple[str, ...] = ("images/CPU-s",)
    threads: int = 1
    references: tuple[str, ...] = ()

    @property
    def pinned(self) -> str:
        """To how many cores its contenders are bound, or "no"."""
        if not self.threads or not hasattr(os, "sched_setaffinity"):
            return "no"
        return f"{self.threads} core" + "s" * (self.threads > 1)

    def pairs(self) -> list[tuple[str, str]]:
        """Contender and reference of each row, once for every unit."""
        names = [contender.name for contender in self.contenders]
        if not self.references:
            return list(combinations(names, 2))
        return [(name, reference) for reference in self.references for name in names if name != reference]


@dataclass
class Measured:
    """What one contender's repetitions took, by round, and its peak memory in MiB; or why there is neither."""

    took: dict[int, dict[str, float]] = field(default_factory=dict)
    memory: float = 0.0
    note: str = ""

    def values(self, unit: str) -> dict[int, float]:
        """By round; memory is measured once."""
        if unit == "MiB":
            return {0: self.memory}
        return {number: UNITS[unit](took) for number, took in self.took.items()}


@dataclass(frozen=True)
class Row:
    """A row of a table: the ratio of two contenders' values in `unit`, median and quartiles over the rounds."""

    quantity: str
    contender: str
    reference: str
    unit: str
    ratio: float | None
    ratio_q25: float | None
    ratio_q75: float | None
    contender_median: float | None
    reference_median: float | None
    rounds: int
    threads: int
    pinned: str  # to how many cores, or "no"
    note: str = ""  # why there are no numbers


@dataclass(frozen=True)
class Pace:
    """How many rounds, how many for slow contenders, and the least CPU time of a repetition in seconds."""

    rounds: int = 11
    slow_rounds: int = 3
    seconds: float = 0.2


class Children:
    """The contenders' processes of a suite, started when first asked for."""

    def __init__(self, cores: Sequence[int]) -> None:
        self.cores = list(cores)
        self._running: dict[tuple[str, int], subprocess.Popen[str]] = {}

    def ask(self, place: str, threads: int, library: str, request: dict[str, Any]) -> dict[str, float]:
        """A contender's answer; ChildError where it has none."""
        key = (place, threads)
        if key not in self._running or self._running[key].poll() is not None:
            self._running[key] = _start(self.cores[-threads:] if threads else [], library)
        child = self._running[key]
        assert child.stdin and child.stdout
        timer = threading.Timer(LIMIT, _kill, [child])
        timer.start()
        try:
            child.stdin.write(json.dumps(request) + "\n")
            child.stdin.flush()
            line = child.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            timer.cancel()
        if not line:
            raise ChildError(f"its process ended with {child.wait()}, or gave no answer within {LIMIT:.0f} s")
        answer: dict[str, Any] = json.loads(line)
        if "failed" in answer:
            raise ChildError(answer["failed"])
        return answer

    def close(self) -> None:
        """End them all: those that are idle end by themselves, and tidy up after them."""
        for child in self._running.values():
            assert child.stdin
            with suppress(BrokenPipeError):
                child.stdin.close()
        for child in self._running.values():
            try:
                child.wait(timeout=2)
            except subprocess.TimeoutExpired:
                _kill(child)
                child.wait()
            assert child.stdout
            child.stdout.close()
        self._running.clear()


def measure(
    comparison: BenchmarkCase, children: Children, pace: Pace, notify: Callable[[str], object]
) -> dict[str, Measured]:
    """Every contender in every round; notify: called with what is being done."""
    measured = {contender.name: Measured() for contender in comparison.contenders}
    seconds: dict[str, float] = {}

    def ask(contender: Contender, do: str, **request: Any) -> dict[str, float]:
        """Its answer; {} where it failed, now or before."""
        if measured[contender.name].note:
            return {}
        try:
            request |= {"do": do, "slot": contender.name}
            return children.ask(contender.place, comparison.threads, contender.library, request)
        except ChildError as error:
            measured[contender.name].note = f"{contender.name}: {error}"
            return {}

    for contender in comparison.contenders:
        notify(f"{comparison.quantity}: preparing {contender.name}")
        form = {"library": contender.library, "kind": contender.kind, "options": dict(contender.options)}
        ready = ask(contender, "prepare", seconds=pace.seconds, **form)
        seconds[contender.name], measured[contender.name].memory = ready.get("seconds", 0.0), ready.get("memory", 0.0)
    for number in range(pace.rounds):
        notify(f"{comparison.quantity}: round {number + 1} of {pace.rounds}")
        for contender in comparison.contenders:
            takes_part = number < pace.slow_rounds or seconds[contender.name] <= _SLOW
            if takes_part and (took := ask(contender, "repeat")):
                measured[contender.name].took[number] = took
    for contender in comparison.contenders:
        ask(contender, "drop")
    return measured


def compare_values(contender: Mapping[int, float], reference: Mapping[int, float]) -> tuple[float, ...]:
    """Of the rounds that both took part in: median and quartiles of contender / reference, and the median of each."""
    shared = sorted(contender.keys() & reference.keys())
    ours, theirs = (np.array([side[number] for number in shared]) for side in (contender, reference))
    low, middle, high = np.quantile(ours / theirs, [0.25, 0.5, 0.75])
    return float(middle), float(low), float(high), float(np.median(ours)), float(np.median(theirs))


def make_rows(comparison: BenchmarkCase, measured: Mapping[str, Measured], cores: int) -> list[Row]:
    """A row for every pair of contenders and every unit; without numbers, and with the reason, where one has none.

    cores: how many there are for contenders that aren't pinned.
    """
    threads, pinned, rows = comparison.threads or cores, comparison.pinned, []
    for unit in comparison.units:
        values = {name: found.values(unit) for name, found in measured.items()}
        for name, reference in comparison.pairs():
            ours, theirs = values[name], values[reference]
            note = "; ".join(filter(None, (measured[name].note, measured[reference].note)))
            shared = 0 if note else len(ours.keys() & theirs.keys())
            numbers: list[float | None] = [None] * 5
            if shared:
                numbers = [*compare_values(ours, theirs)]
            content = (comparison.quantity, name, reference, unit, *numbers, shared, threads, pinned, note)
            rows.append(Row(*content))  # type: ignore[arg-type]
    return rows


def to_texts(row: Row) -> dict[str, str]:
    """A row as it stands in a CSV file: four significant digits."""
    return {
        name: "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
        for name, value in asdict(row).items()
    }


def _start(cores: Sequence[int], library: str) -> subprocess.Popen[str]:
    """A contender's process with one thread for each of its cores; commands arrange their threads themselves."""
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    for variable in ("NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        environment.pop(variable, None)
        if cores and library != "command":
            environment[variable] = str(len(cores))
    return subprocess.Popen(
        [sys.executable, "-m", "poolscope.benchmarks.child", ",".join(map(str, cores))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )


def _kill(child: subprocess.Popen[str]) -> None:
    """End a contender's process and what it started."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
