"""A contender's process: requests as JSON lines on standard input, answers as JSON lines on standard output.

{"do": "prepare", "slot", "library", "kind", "options", "seconds"} calls prepare_<kind>(**options) of by_<library>,
warms it up and chooses how many calls make a repetition of at least `seconds` of CPU time; {"do": "repeat", "slot"}
times one repetition; {"do": "drop", "slot"} forgets it. What goes wrong comes back as {"failed": sentence}.
"""

from __future__ import annotations

import json
import math
import os
import resource
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

Repetition = Callable[[], int]


def main(cores: str) -> None:
    """Answer until standard input ends, pinned to these cores ("" for any)."""
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(core) for core in cores.split(",")})  # before XLA counts its threads
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints goes to standard error
    slots: dict[str, tuple[Repetition, int]] = {}
    for line in sys.stdin:
        answer: dict[str, Any]
        try:
            answer = _answer(slots, **json.loads(line))
        except ModuleNotFoundError as error:
            answer = {"failed": f"{error.name} is not installed"}
        except Exception as error:
            answer = {"failed": " ".join(f"{type(error).__name__}: {error}".split())[:300]}
        print(json.dumps(answer), file=answers, flush=True)


def _answer(slots: dict[str, tuple[Repetition, int]], do: str, slot: str, **request: Any) -> dict[str, float]:
    if do == "prepare":
        contenders = import_module(f"poolscope.benchmarks.by_{request['library']}")
        before = _peak_memory()
        repetition = getattr(contenders, f"prepare_{request['kind']}")(**request["options"])
        _time(repetition, 1)  # compiles
        took = _time(repetition, 1)
        count = max(1, min(10_000, math.ceil(request["seconds"] / max(took["cpu"], 1e-6))))
        slots[slot] = repetition, count
        return {"seconds": count * took["wall"], "memory": _peak_memory() - before}
    if do == "repeat":
        return _time(*slots[slot])
    del slots[slot]
    return {}


def _time(repetition: Repetition, count: int) -> dict[str, float]:
    """How many items `count` calls did, their CPU and wall seconds and page faults, those of processes they started
    included."""
    cpu, faults, wall = _cpu_seconds(), _page_faults(), time.perf_counter()
    items = sum(repetition() for _ in range(count))
    took = {"items": items, "wall": time.perf_counter() - wall}
    return took | {"cpu": _cpu_seconds() - cpu, "faults": _page_faults() - faults}


def _cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _page_faults() -> int:
    """Those without input or output: memory that is given to the process."""
    return sum(resource.getrusage(who).ru_minflt for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _peak_memory() -> float:
    """Of this process or of the largest that it started, in MiB; Linux counts in KiB, macOS in bytes."""
    peaks = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return max(peaks) / (1 << (20 if sys.platform == "darwin" else 10))


if __name__ == "__main__":
    main(sys.argv[1])
