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

from poolscope.commands.status import examine_study
from poolscope.store.record import read_record
from poolscope.store.run_lock import hold_run, read_heartbeat
from poolscope.store.sweep import PlannedRun, read_sweep, write_sweep

SWEEP = [
    *("-m", "pool=max,avg", "seeds=[0,1]", "train.epochs=2", "data.train_size=128", "model.width=4", "study=mine"),
    *("data.train_eval_size=50",),
]


LIMITED = """import resource, runpy
resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000))
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
    status, said = finish(start(results, *words))
    assert status == 0 and "4 of 4 runs done." in said
    later = records(results)
    assert len(later) == 4 and {path: later[path] for path in earlier} == earlier


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_sweep_that_is_asked_to_stop_says_so_and_can_be_finished(number: signal.Signals, results: Path) -> None:
    process = start(results, "train.epochs=60")
    wait_for_a_record(results, process)
    process.send_signal(number)
    status, said = finish(process)
    assert status == 130 and said[-1] == (
        "poolscope: interrupted; finished runs are recorded, and the same command goes on."
    )
    finish_again(results, records(results), "train.epochs=60")


def children(process: int) -> list[tuple[int, str]]:
    """Process ids and command lines of a process's children."""
    listed = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(process)], capture_output=True, text=True
    ).stdout
    return [(int(line.split()[0]), line) for line in listed.splitlines()]


def test_a_worker_that_is_killed_is_said_in_one_sentence_and_nothing_is_lost(results: Path) -> None:
    process = start(results, "hydra/launcher=local", "hydra.launcher.n_jobs=2", "train.epochs=60")
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
    finish_again(results, earlier, "train.epochs=60", "hydra/launcher=local", "hydra.launcher.n_jobs=2")


def test_a_file_that_can_t_grow_stops_the_sweep_in_one_sentence(results: Path) -> None:
    """As a full disk: writing fails half-way through a record."""
    environment = {**os.environ, "JAX_ENABLE_COMPILATION_CACHE": "false"}
    status, said = finish(start(results, "train.epochs=60", program=("-c", LIMITED), env=environment))
    assert status == 1 and said[-1].startswith("poolscope: File too large: ") and "seed-0.json" in said[-1]
    assert not [path for path in results.rglob("*seed-*") if path.suffix != ".running"]
    finish_again(results, {}, "train.epochs=60")


def test_a_run_that_another_process_holds_is_waited_for_not_trained_twice(results: Path) -> None:
    path = results / "runs" / "mine" / "0123456789ab" / "seed-0.json"
    said: list[str] = []
    assert read_heartbeat(path) is None
    with hold_run(path, lambda: said.append("wait")) as holder:
        holder.beat(5, 20)
        beat = read_heartbeat(path)
        assert beat is not None and (beat.step, beat.steps, beat.process) == (5, 20, os.getpid())
    assert read_heartbeat(path) is None and list(path.parent.iterdir()) == [] and said == []


def test_a_run_that_is_held_elsewhere_is_seen_and_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "seed-0.json"
    script = (
        "import sys, time; from pathlib import Path; from poolscope.store.run_lock import hold_run\n"
        "with hold_run(Path(sys.argv[1]), print) as holder: holder.beat(3, 9); print('held', flush=True); time.sleep(4)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        beat = read_heartbeat(path)
        assert beat is not None and (beat.step, beat.steps, beat.process) == (3, 9, other.pid)
        said: list[str] = []
        with hold_run(path, lambda: said.append("wait")):
            assert other.wait(10) == 0 and said == ["wait"]
    with subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        other.kill()
        other.wait()
        assert read_heartbeat(path) is None  # a killed holder holds nothing, whatever files it left
        with hold_run(path, lambda: said.append("wait")):
            assert said == ["wait"]


def test_what_was_planned_is_kept_with_every_command(tmp_path: Path) -> None:
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    assert read_sweep(tmp_path, "mine").runs == ()
    first, second = (PlannedRun("0123456789ab", seed, f"digits max seed {seed}") for seed in (0, 1))
    write_sweep(tmp_path, "mine", [first], "one")
    write_sweep(tmp_path, "mine", [first, second], "two")
    write_sweep(tmp_path, "mine", [first, second], "one")
    kept = read_sweep(tmp_path, "mine")
    assert kept.runs == (first, second) and kept.commands == ("one", "two")


def test_status_counts_what_is_there(results: Path) -> None:
    process = start(results)
    wait_for_a_record(results, process)
    while process.poll() is None:
        status = examine_study(str(results), "mine")
        assert status.planned == 4 and status.done + len(status.running) + status.waiting == 4
        time.sleep(0.2)
    assert finish(process)[0] == 0
    status = examine_study(str(results), "mine")
    assert (status.planned, status.done, status.waiting, status.running, status.failed) == (4, 4, 0, (), ())
    assert status.seconds_left == 0
    (path, *_) = sorted(records(results))
    path.write_text("{")
    status = examine_study(str(results), "mine")
    assert status.done == 3 and len(status.damaged) == 1 and str(path) in status.damaged[0]
    path.unlink()
    status = examine_study(str(results), "mine")
    assert status.waiting == 1 and status.seconds_left is not None and status.seconds_left > 0
