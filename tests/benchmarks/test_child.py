"""A contender's process: requests and answers as JSON lines, and what a repetition cost."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import fake_contenders
import pytest

from poolscope.benchmarks import child
from poolscope.benchmarks.by_command import prepare_process


def test_cpu_time_counts_what_a_started_process_used() -> None:
    busy = prepare_process(["-c", "import time\nwhile time.process_time() < 0.3: pass"])
    took = child._time(busy, 2)
    assert took["items"] == 2
    assert took["cpu"] >= 0.6


def test_a_contender_is_prepared_repeated_and_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "poolscope.benchmarks.by_fake", fake_contenders)
    slots: dict[str, Any] = {}
    prepared = child._answer(
        slots, do="prepare", slot="a", library="fake", kind="counting", options={"items": 3}, seconds=0.01
    )
    assert prepared["seconds"] > 0 and prepared["memory"] >= 0
    count = slots["a"][1]
    assert count > 1  # so many calls that they last long enough
    assert child._answer(slots, do="repeat", slot="a")["items"] == 3 * count
    assert child._answer(slots, do="drop", slot="a") == {} and not slots


def test_what_goes_wrong_is_an_answer() -> None:
    """In a process of its own, since its standard output is for answers only."""
    requests = [{"do": "prepare", "slot": "a", "library": "nosuch"}, {"do": "repeat", "slot": "b"}]
    done = subprocess.run(
        [sys.executable, "-m", "poolscope.benchmarks.child", ""],
        input="".join(json.dumps(request) + "\n" for request in requests),
        capture_output=True,
        text=True,
        check=True,
    )
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"failed": "poolscope.benchmarks.by_nosuch is not installed"},
        {"failed": "KeyError: 'b'"},
    ]
