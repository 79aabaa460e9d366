"""What a study was asked for: the runs of its sweeps and the commands that started them, kept beside the records."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import runs_folder
from poolscope.store.files import write_text
from poolscope.store.record import RunKey


@dataclass(frozen=True)
class PlannedRun:
    """One run that was asked for: the digest of its configuration, its seed, and what it is called on the screen."""

    digest: str
    seed: int
    label: str

    @property
    def key(self) -> RunKey:
        """Digest and seed."""
        return RunKey(self.digest, self.seed)


@dataclass(frozen=True)
class Sweep:
    """What was asked for.

    runs: those of the last sweep; commands: of all sweeps, in the order of their first use; left_out: the jobs that any
    of them left out as impossible, each with the reason.
    """

    runs: tuple[PlannedRun, ...] = ()
    commands: tuple[str, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()


def read_sweep(results: str | Path, study: str) -> Sweep:
    """The sweep of a study; an empty one where none was started here. Raises PoolscopeError where it is damaged."""
    path = _path(results, study)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        runs = tuple(PlannedRun(str(name), int(seed), str(label)) for name, seed, label in content["runs"])
        left_out = tuple((str(job), str(reason)) for job, reason in content.get("left_out", []))
        return Sweep(runs, tuple(map(str, content["commands"])), left_out)
    except FileNotFoundError:
        return Sweep()
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise PoolscopeError(f"{path} is damaged; delete it, it only says what was planned.") from error


def write_sweep(
    results: str | Path,
    study: str,
    runs: Sequence[PlannedRun],
    command: str,
    left_out: Sequence[tuple[str, str]] = (),
) -> None:
    """Keep what a sweep is going to do, and its command and what it leaves out after those of earlier ones."""
    path = _path(results, study)
    try:
        earlier = read_sweep(results, study)
    except PoolscopeError:
        earlier = Sweep()
    content = {
        "commands": list(dict.fromkeys((*earlier.commands, command))),
        "runs": [[run.digest, run.seed, run.label] for run in runs],
    }
    if skipped := dict([*earlier.left_out, *left_out]):
        content["left_out"] = [[job, reason] for job, reason in skipped.items()]
    write_text(json.dumps(content, separators=(",", ":")), path)


def _path(results: str | Path, study: str) -> Path:
    return runs_folder(results, study) / "sweep.json"
