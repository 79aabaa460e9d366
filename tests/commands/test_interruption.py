"""Real sweeps that are killed, starved of disk or terminated: nothing is lost, the same command finishes them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from processes import run_command

from poolscope.store.record import read_record

SWEEP = [
    *("-m", "pool=max,avg", "seeds=[0,1]", "train.epochs=2", "data.train_size=128", "model.width=16", "study=mine"),
    *("data.train_eval_size=50", "model.blocks=2", "model.pool_stages=1"),
]


LIMITED = """import resource, runpy
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
runpy.run_module("poolscope", run_name="__main__", alter_sys=True)"""


def start(
    results: Path, *words: str, program: Sequence[str] = ("-m", "poolscope"), **options: object
) -> subprocess.Popen[str]:
    command = [sys.executable, *program, "train", *SWEEP, f"results={results}", *words]
    # What a shell starts in the background ignores Ctrl-C, and so would these sweeps where these tests are.
    ours = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True, **options)  # type: ignore[call-overload, no-any-return]
    finally:
        signal.signal(signal.SIGINT, ours)


def finish(process: subprocess.Popen[str]) -> tuple[int, list[str]]:
    said = process.communicate(timeout=300)[1]
    assert "Traceback" not in said, said
    return process.returncode, said.splitlines()


def records(results: Path) -> dict[Path, bytes]:
    paths = [path for path in results.rglob("seed-*.json") if not path.name.startswith(".")]
    for path in paths:
        assert read_record(path).status == "done"
    return {path: path.read_bytes() for path in paths}


def wait_for_a_record(results: Path, process: subprocess.Popen[str]) -> None:
    while not list(results.rglob("seed-*.json")):
        assert process.poll() is None
        time.sleep(0.05)


def finish_again(results: Path, earlier: dict[Path, bytes], *words: str) -> None:
    status, _, said = run_command("train", *SWEEP, f"results={results}", *words)
    assert status == 0 and "4 of 4 runs done" in said
    later = records(results)
    assert len(later) == 4 and {path: later[path] for path in earlier} == earlier


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
def test_a_sweep_that_is_asked_to_stop_says_so_and_can_be_finished(number: signal.Signals, results: Path) -> None:
    process = start(results, "train.epochs=8")
    wait_for_a_record(results, process)
    process.send_signal(number)
    status, said = finish(process)
    assert status == 130 and said[-1] == (
        "poolscope: interrupted; finished runs are recorded, and the same command goes on."
    )
    finish_again(results, records(results), "train.epochs=8")


def children(process: int) -> list[tuple[int, str]]:
    """Process ids and command lines of a process's children."""
    listed = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(process)], capture_output=True, text=True
    ).stdout
    return [(int(line.split()[0]), line) for line in listed.splitlines()]


@pytest.mark.long
def test_a_worker_that_is_killed_is_said_in_one_sentence_and_nothing_is_lost(results: Path) -> None:
    process = start(results, "hydra/launcher=local", "hydra.launcher.n_jobs=2", "train.epochs=20")
    while not (held := list(results.rglob(".seed-*.running"))):
        assert process.poll() is None
        time.sleep(0.05)
    assert held
    worker, *_ = [number for number, line in children(process.pid) if "LokyProcess" in line]
    os.kill(worker, signal.SIGKILL)
    status, said = finish(process)
    assert status != 0
    (sentence,) = [line for line in said if line.startswith("poolscope: ")]
    assert "worker process was killed" in sentence and "run the same command again" in sentence
    earlier = records(results)
    finish_again(results, earlier, "train.epochs=20", "hydra/launcher=local", "hydra.launcher.n_jobs=2")


@pytest.mark.long
def test_a_file_that_can_t_grow_stops_the_sweep_in_one_sentence(results: Path) -> None:
    """As a full disk: writing fails half-way through a record."""
    environment = {**os.environ, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "1000"}  # programs are read, not kept
    status, said = finish(start(results, "train.epochs=20", program=("-c", LIMITED), env=environment))
    assert status == 1 and said[-1].startswith("poolscope: File too large: ") and "seed-0.json" in said[-1]
    assert not [path for path in results.rglob("*seed-*") if path.suffix != ".running"]
    finish_again(results, {}, "train.epochs=20")
