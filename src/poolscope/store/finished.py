"""Finished runs of a study: its records and, for runs without one here, the rows of its committed table."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from poolscope.spec.config import RunConfig, digest
from poolscope.spec.paths import record_path
from poolscope.store.cells import Cells, read_cell
from poolscope.store.chance import CLASSES, is_at_chance
from poolscope.store.checks import is_scalar
from poolscope.store.committed import read_table
from poolscope.store.record import RunKey, RunRecord, read_placed_record

_KEPT = 32  # parsed records, so that one run's record is not parsed again while it is dealt with

Signature = tuple[int, int, int]


@dataclass(frozen=True)
class Outcome:
    """How a run ended: its status, the reason where it isn't "done", its scalars and provenance, but no curves or maps.

    committed: whether only the committed table holds the run. at_chance: whether it is done and learned nothing.
    """

    status: str
    reason: str
    scalars: Mapping[str, float]
    provenance: Mapping[str, object]
    committed: bool = False
    at_chance: bool = False


@dataclass(frozen=True)
class FinishedRuns:
    """The runs of a study that ended, looked up by digest and seed; see `open_finished`.

    committed: rows of the committed table with status "done".
    """

    results: str
    study: str
    committed: Mapping[RunKey, Cells]
    _known: dict[RunKey, tuple[Signature, Outcome]] = field(default_factory=dict, repr=False, compare=False)

    def record(self, key: RunKey) -> RunRecord | None:
        """Read a run's record; None where there is none. Raises PoolscopeError where it is damaged or out of place."""
        path = record_path(self.results, self.study, *key)
        return _read_parsed(path, signature) if (signature := _sign(path)) else None

    def outcome(self, key: RunKey) -> Outcome | None:
        """How a run ended, by its record, else by its committed row; None for a run that is still to be done.

        A record is parsed once and again only when it has changed. Raises PoolscopeError as `record` does.
        """
        path = record_path(self.results, self.study, *key)
        if (signature := _sign(path)) is None:
            row = self.committed.get(key)
            return None if row is None else _read_row(row)
        known = self._known.get(key)
        if known is None or known[0] != signature:
            record = _read_parsed(path, signature)
            outcome = Outcome(
                record.status, record.reason, record.scalars, record.provenance, at_chance=record.at_chance
            )
            known = (signature, outcome)
            self._known[key] = known
        return known[1]

    def only_committed(self, key: RunKey) -> bool:
        """Whether the committed table holds the run as done, and no record here."""
        found = self.outcome(key)
        return found is not None and found.committed

    def lacks(self, key: RunKey) -> bool:
        """Whether a run is still to be done: neither recorded nor in the table, or recorded as failed."""
        found = self.outcome(key)
        return found is None or found.status == "failed"


def open_finished(results: str, study: str) -> FinishedRuns:
    """Open the finished runs of a study. Raises PoolscopeError where its committed table is damaged."""
    rows = read_table(results, study, "runs")
    committed = {RunKey(row["digest"], int(row["seed"])): row for row in rows if row["status"] == "done"}
    return FinishedRuns(results, study, committed)


def identify(config: RunConfig, seed: int) -> RunKey:
    """Digest and seed of one run of a configuration."""
    return RunKey(digest(config), seed)


@lru_cache(_KEPT)
def _read_parsed(path: Path, signature: Signature) -> RunRecord:
    """Read a record in its place, parsed once for each state of its file."""
    return read_placed_record(path)


def _sign(path: Path) -> Signature | None:
    """The state of a file: inode, size and time of change; None where there is no file."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:  # reading it says why
        return 0, 0, 0
    return found.st_ino, found.st_size, found.st_mtime_ns


def _read_row(row: Cells) -> Outcome:
    scalars = {name: float(text) for name, text in row.items() if text and is_scalar(name)}
    provenance = {
        name.removeprefix("provenance."): text for name, text in row.items() if name.startswith("provenance.")
    }
    classes = read_cell(row.get("data.classes", str(CLASSES)) or row.get("provenance.classes", ""), int)
    images = read_cell(row.get("data.train_eval_size", ""), int)
    at_chance = row["status"] == "done" and is_at_chance(scalars, classes, images)
    return Outcome(row["status"], row["reason"], scalars, provenance, committed=True, at_chance=at_chance)
