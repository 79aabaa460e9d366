"""Commands without their long work: training writes made-up records, measurements end before they begin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn
from unittest.mock import patch

from made_records import make_record

from poolscope.spec.compose import Composed
from poolscope.spec.config import RunConfig, to_config
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import record_path
from poolscope.store.record import RunRecord, write_record

PRETENDED = "it was only pretended"  # how a measurement ends that would have begun


def train_nothing(composed: Any, progress: object = None) -> tuple[float, float]:
    """Write made-up records in place of training."""
    for record in record_nothing(to_config(composed), progress):
        write_record(record, record_path(_results(composed), record.study, record.digest, record.seed))
    return 0.5, 1.0


def launch_nothing(hydra: object, composed: Composed, *others: object) -> None:
    """Write made-up records in place of launching jobs: without Hydra's composing each of them again."""
    for config in composed.configs:
        for record in record_nothing(config):
            write_record(record, record_path(config.results, record.study, record.digest, record.seed))


def record_nothing(config: RunConfig, progress: object = None) -> list[RunRecord]:
    """Made-up records of a configuration's seeds."""
    return [make_record(config, seed) for seed in config.seeds]


@contextmanager
def pretending() -> Iterator[None]:
    """Every command with all its checks, but without training, measuring or downloading."""
    with (
        patch("poolscope.commands.train.run_job", train_nothing),
        patch("poolscope.runs.run.run_config", record_nothing),
        patch("poolscope.measures.operators.measure_operators", _refuse),
        patch("poolscope.measures.responses.write_gallery", _refuse),
        patch("poolscope.benchmarks.bench.measure_suite", _refuse),
        patch("poolscope.commands.estimate._probe", lambda config: (1.0, 0.01, 0.001)),
    ):
        yield


def _results(composed: Any) -> str:
    return to_config(composed).results


def _refuse(*_: object, **__: object) -> NoReturn:
    raise PoolscopeError(f"{PRETENDED}.")
