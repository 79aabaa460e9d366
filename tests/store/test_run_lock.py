"""A run has one owner at a time, which others can see and wait for, and which ends with its process."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from poolscope.store import run_lock
from poolscope.store.run_lock import lock_run, read_owner


def test_a_run_that_another_process_holds_is_waited_for_not_trained_twice(results: Path) -> None:
    path = results / "runs" / "mine" / "0123456789ab" / "seed-0.json"
    said: list[str] = []
    assert read_owner(path) is None
    with lock_run(path, lambda: said.append("wait")) as lock:
        lock.update(5, 20)
        owner = read_owner(path)
        assert owner is not None and (owner.step, owner.steps, owner.process) == (5, 20, os.getpid())
    assert read_owner(path) is None and list(path.parent.iterdir()) == [] and said == []


def test_a_run_that_is_held_elsewhere_is_seen_and_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "seed-0.json"
    script = (
        "import sys, time; from pathlib import Path; from poolscope.store.run_lock import lock_run\n"
        "with lock_run(Path(sys.argv[1]), print) as lock: lock.update(3, 9); print('held', flush=True); time.sleep(2)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        owner = read_owner(path)
        assert owner is not None and (owner.step, owner.steps, owner.process) == (3, 9, other.pid)
        said: list[str] = []
        with lock_run(path, lambda: said.append("wait")):
            assert other.wait(10) == 0 and said == ["wait"]
    with subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        other.kill()
        other.wait()
        assert read_owner(path) is None  # a killed holder holds nothing, whatever files it left
        with lock_run(path, lambda: said.append("wait")):
            assert said == ["wait"]


def test_steps_are_written_twice_a_second_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100_000))
    monkeypatch.setattr(run_lock.time, "monotonic", lambda: next(clock) / 1000)
    written: list[Path] = []
    monkeypatch.setattr(run_lock, "open_whole", lambda path, durable: written.append(path) or io.BytesIO())
    with lock_run(tmp_path / "seed-0.json", print) as lock:
        lock.update(0, 1000)
        assert len(written) == 2  # the start and the number of steps
        for step in range(1, 1000):
            lock.update(step, 1000)
    assert len(written) == 4  # the first step, and one after half a second
