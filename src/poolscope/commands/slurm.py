"""The jobs of a sweep as Slurm job arrays, and what a job does when its time is nearly up.

Submitit, behind Hydra's launcher, writes the job scripts and queues a job again. Added here: arrays no larger than the
site allows, refusals in one sentence, waiting for all jobs whatever becomes of one, and stopping between two steps.
"""

from __future__ import annotations

import contextlib
import getpass
import io
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from rich.console import Console

from poolscope.process.interrupts import STATUS
from poolscope.process.time_limit import stopping_at
from poolscope.spec.errors import PoolscopeError

_UNLIMITED = 1_000_000
_OWN = ("submitit_folder", "max_num_timeout")  # keys of hydra.launcher that are no parameters of a job
_GENERAL = ("name", "timeout_min", "mem_gb", "nodes", "tasks_per_node", "cpus_per_task", "gpus_per_node")
_MARGIN = 30  # seconds that queueing a job again may take


def launch_arrays(launcher: Any, jobs: Sequence[Sequence[str]], folder: Path, console: Console) -> None:
    """Submit the jobs of a sweep as arrays, one after another where a site allows only so many, and wait for them.

    Args:
        launcher: Hydra's launcher, set up, with the keys of hydra.launcher.
        jobs: the overrides of each.
        folder: of the study's records, by which jobs of it are known in the queue.
        console: where it is said which jobs ended without a result.

    Raises:
        PoolscopeError: where there is no Slurm, where it refuses the jobs, and where it still has jobs of the study.
    """
    settings = read_settings()
    _refuse_second(folder)
    asked = launcher.config.hydra.sweeper.get("max_batch_size")
    size = min(asked or _UNLIMITED, largest_array(settings))
    if size < len(jobs):
        console.print(f"{len(jobs):,} jobs are more than an array may have; they are submitted {size:,} at a time.")
    Path(launcher.config.hydra.sweep.dir).mkdir(parents=True, exist_ok=True)
    for start in range(0, len(jobs), size):
        for job in _submit(launcher, jobs[start : start + size], start, folder, settings):
            if error := job.exception():
                reason = " ".join(str(error).split())
                state = re.search(r"\(state: (\w+)", reason)
                what = f"has no result, state {state[1]}" if state else reason[-300:]
                console.print(f"Slurm job {job.job_id}: {what}; its log: {job.paths.stderr}", style="red")
            elif isinstance(failure := job.results()[0]._return_value, Exception):
                console.print(f"Slurm job {job.job_id}: {failure}", style="red", soft_wrap=True)


@contextlib.contextmanager
def stopping_in_time() -> Iterator[None]:
    """In a job of Slurm, stop between two steps when its time is nearly up, and have it queued again."""
    again = signal.getsignal(_warning())
    if os.environ.get("SUBMITIT_EXECUTOR") != "slurm" or not callable(again):
        yield
        return
    delay = float(HydraConfig.get().launcher.signal_delay_s)

    def conclude(number: int) -> None:
        if number == signal.SIGTERM:  # the job is cancelled, or preempted and Slurm's to queue again
            raise SystemExit(STATUS)
        again(number, None)

    with stopping_at((_warning(), signal.SIGTERM), max(delay - _MARGIN, delay / 2), conclude):
        yield


def read_settings() -> dict[str, str]:
    """Read how Slurm is set up: {"MaxArraySize": "1001", ...}.

    Raises:
        PoolscopeError: where there is no Slurm, or it doesn't answer.
    """
    lines = _ask("scontrol", "show", "config").splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}


def largest_array(settings: dict[str, str]) -> int:
    """How many jobs one array may have."""
    return max(int(settings.get("MaxArraySize", "1001")), 1)


def _refuse_second(folder: Path) -> None:
    """Refuse to submit jobs of a study that the queue still has, which would only wait for one another."""
    lines = _ask("squeue", "--noheader", f"--user={getpass.getuser()}", "--format=%F|%k").splitlines()
    queued = sorted({line.partition("|")[0] for line in lines if line.partition("|")[2] == str(folder.resolve())})
    if queued:
        raise PoolscopeError(
            f"Slurm still has jobs of this study, {', '.join(queued)}; wait for them (squeue --me), or end them: "
            f"scancel {' '.join(queued)}."
        )


def _ask(*words: str) -> str:
    try:
        return subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout
    except FileNotFoundError as error:
        raise PoolscopeError(
            f"hydra/launcher=slurm: there is no Slurm on this machine ({words[0]} isn't found); start the sweep "
            "where jobs are submitted, or use all cores of this machine with hydra/launcher=local."
        ) from error
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        raise PoolscopeError(f"Slurm doesn't answer ({' '.join(words[:3])}): {_first_line(said)}") from error


def _submit(
    launcher: Any, jobs: Sequence[Sequence[str]], first: int, folder: Path, settings: dict[str, str]
) -> Sequence[Any]:
    """Submit one array; `first` is the number of its first job in the sweep."""
    import submitit
    from submitit.core.utils import FailedJobError
    from submitit.slurm.slurm import SlurmJob

    SlurmJob.watcher = _make_watcher(settings)
    keys = {key: value for key, value in launcher.params.items() if key not in _OWN}
    keys["comment"] = str(folder.resolve())
    places = range(first, first + len(jobs))
    columns: list[list[Any]] = [
        [list(words) for words in jobs],
        ["hydra.sweep.dir"] * len(jobs),
        list(places),
        [f"job_id_for_{place}" for place in places],
        [Singleton.get_state()] * len(jobs),
    ]
    try:
        executor = submitit.AutoExecutor(
            launcher.params["submitit_folder"],
            cluster="slurm",
            slurm_max_num_timeout=launcher.params["max_num_timeout"],
        )
        executor.update_parameters(**{key if key in _GENERAL else f"slurm_{key}": keys[key] for key in keys})
        with contextlib.redirect_stderr(io.StringIO()):
            submitted: Sequence[Any] = executor.map_array(launcher, *columns)
    except FailedJobError as error:
        raise PoolscopeError(
            f"Slurm refuses the jobs: {_first_line(str(error))}; see hydra.launcher.partition, account, qos, "
            "timeout_min, mem_gb, gpus_per_node, and hydra.sweeper.max_batch_size where too many are submitted at once."
        ) from error
    except (ValueError, TypeError, NameError) as error:
        raise PoolscopeError(
            f"hydra.launcher has a key that Slurm's jobs don't take: {_first_line(str(error))}."
        ) from error
    return submitted


def _make_watcher(settings: dict[str, str]) -> Any:
    """What submitit asks for the state of jobs: Slurm's accounting or, on a site without, its queue."""
    from submitit.slurm.slurm import SlurmInfoWatcher

    watcher: Any = SlurmInfoWatcher(delay_s=60)
    if "none" not in settings.get("AccountingStorageType", "none") and shutil.which("sacct"):
        return watcher

    def read_queue(output: bytes | str) -> dict[str, dict[str, str]]:
        text = output if isinstance(output, str) else output.decode()
        states = dict(line.split("|") for line in text.splitlines() if "|" in line)
        # Jobs that ended some minutes ago are no longer in the queue.
        return {job: {"JobID": job, "State": states.get(job, "ENDED")} for job in watcher._registered}

    watcher.read_info = read_queue
    watcher._make_command = lambda: [
        *("squeue", "--noheader", "--array", "--states=all"),
        *(f"--user={getpass.getuser()}", "--format=%i|%T"),
    ]
    return watcher


def _warning() -> int:
    """The number of the signal by which submitit has Slurm announce the end of a job."""
    return int(getattr(signal, "SIG" + os.environ.get("SUBMITIT_PREEMPT_SIGNAL", "USR2")))


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (lines or ["it gives no reason"])[0].rstrip(".")
