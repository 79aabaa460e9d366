"""One configuration from end to end, for each of its seeds: data, network, fit, measurements, record.

A seed that is recorded, or done by the study's committed table, is skipped, so that running a sweep again finishes it.
A seed that fails leaves a record with the reason; the next one is trained. Where it pays, seeds are trained together.
"""

from __future__ import annotations

import json
import os
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import jax
import numpy as np

from poolscope.data.datasets import Dataset, load_dataset
from poolscope.measures.columns import measure_all
from poolscope.measures.network import UNREAD, Subject
from poolscope.process.interrupts import deferred
from poolscope.runs.provenance import describe_provenance
from poolscope.spec.config import PROBED, RunConfig, digest, to_record
from poolscope.spec.extensions import describe_origin
from poolscope.spec.paths import record_path
from poolscope.spec.plan import plan_network
from poolscope.spec.registration import hash_registration
from poolscope.store.finished import open_finished
from poolscope.store.record import RunKey, RunRecord, pack_bits, pack_scores, write_record
from poolscope.store.run_lock import RunLock, lock_run
from poolscope.training.checkpoint import Checkpoint
from poolscope.training.compilation import enable_compilation_cache
from poolscope.training.devices import count_together
from poolscope.training.history import Evaluation, Trained
from poolscope.training.trainer import Trainer
from poolscope.training.weights import Facts, find_weights, save_weights

_SHOWN_CHANNELS = 2


class Progress(Protocol):
    """The display of a run's progress."""

    def begin(self, config: RunConfig, seed: int, steps: int) -> None: ...

    def advance(self, step: int, values: dict[str, float]) -> None: ...

    def end(self, config: RunConfig, record: RunRecord) -> None: ...

    def notify(self, sentence: str) -> None: ...


def run_config(config: RunConfig, progress: Progress) -> list[RunRecord]:
    """Train and measure every seed of the configuration that isn't done yet; returns all the records there are.

    A seed that only the study's committed table holds is done, and has no record here. Raises KeyboardInterrupt between
    two steps where the process was asked to stop.
    """
    with deferred():
        return _run_config(config, progress)


def _run_config(config: RunConfig, progress: Progress) -> list[RunRecord]:
    enable_compilation_cache()
    runs = _Runs(config, progress)
    seeds = [seed for seed in config.seeds if not runs.finished.only_committed(runs.key(seed))]
    lacking = [seed for seed in seeds if runs.finished.lacks(runs.key(seed))]
    runs.warn_of_weights([seed for seed in config.seeds if seed not in lacking])
    together = count_together(config.train, jax.default_backend(), len(lacking)) if lacking else 1
    if config.data.memory == "batch":
        together = 1
    groups = {lacking[start]: lacking[start : start + together] for start in range(0, len(lacking), together)}
    records: dict[int, RunRecord] = {}
    for seed in seeds:
        if seed not in records:
            records |= runs.complete(groups.get(seed, [seed]))
        progress.end(config, records[seed])
    return [records[seed] for seed in seeds]


class _Runs:
    """The runs of one configuration, and the compiled programs that they share."""

    def __init__(self, config: RunConfig, progress: Progress) -> None:
        self.config, self.progress, self.digest = config, progress, digest(config)
        self.finished = open_finished(config.results, config.study)
        self._trainers: dict[tuple[Any, ...], Trainer] = {}

    def complete(self, seeds: Sequence[int]) -> dict[int, RunRecord]:
        """The records of these seeds; those that are lacking are trained, together, and written."""
        if not any(self.finished.lacks(self.key(seed)) for seed in seeds):
            return self._read(seeds)
        with ExitStack() as stack:
            locks = {}
            for seed in sorted(seeds):  # in the same order everywhere, so that two processes never wait for each other
                wait = partial(
                    self.progress.notify, f"seed {seed}: another process trains it now; waiting for its record."
                )
                locks[seed] = stack.enter_context(lock_run(self._path(seed), wait))
            # Another process may have written some while this one waited.
            lacking = [seed for seed in seeds if self.finished.lacks(self.key(seed))]
            records = self._read(seed for seed in seeds if seed not in lacking)
            for record in self._train({seed: locks[seed] for seed in lacking}):
                write_record(record, self._path(record.seed))
                records[record.seed] = record
            for seed in lacking:
                if records[seed].status != "failed":
                    _checkpoint_path(self._path(seed)).unlink(missing_ok=True)
        return records

    def _train(self, locks: Mapping[int, RunLock]) -> Iterator[RunRecord]:
        """Train seeds together and measure each. What fails together is tried one by one, then recorded as failed."""
        if not locks:
            return
        seeds, began, provenance = list(locks), time.monotonic(), describe_provenance(datetime.now(UTC))
        if plugins := describe_origin(self.config.pool.name, self.config.data.source, self.config.measure.name):
            provenance["plugins"] = plugins
        if registration := hash_registration(self.config.study):
            provenance["registration"] = registration
        try:
            datasets = [load_dataset(self.config.data, seed) for seed in seeds]
            provenance |= {"data_version": datasets[0].version, "data": datasets[0].description}
            provenance["classes"] = datasets[0].classes
            if datasets[0].labels:
                provenance["labels"] = list(datasets[0].labels)
            trainer = self._trainer(datasets[0], len(seeds))
            trained, seconds = self._fit(trainer, datasets, locks, provenance)
        except Exception as error:
            failure = _describe_failure(error)
            if len(seeds) == 1:
                yield self._record(seeds[0], provenance, failure, time.monotonic() - began)
                return
            self.progress.notify(f"{len(seeds)} seeds are trained one by one; together it failed: {failure['reason']}")
            for seed, lock in locks.items():
                yield from self._train({seed: lock})
            return
        fitting = time.monotonic() - began
        if len(seeds) > 1:
            provenance["seeds_together"] = len(seeds)
        for seed, dataset, fit in zip(seeds, datasets, trained, strict=True):
            began, known = time.monotonic(), provenance | {"data": dataset.description}
            try:
                if self.config.train.keep == "weights" and fit.status == "done":
                    self._keep_weights(seed, dataset, fit)
                content = _measure(self.config, seed, trainer, dataset, fit, seconds)
                known["unmeasured"] = content.pop("unmeasured", "")
            except Exception as error:
                content = _describe_failure(error)
            yield self._record(seed, known, content, fitting + time.monotonic() - began)

    def _fit(
        self, trainer: Trainer, datasets: Sequence[Dataset], locks: Mapping[int, RunLock], provenance: dict[str, Any]
    ) -> tuple[list[Trained], float]:
        """The fits of the seeds, and each one's share of the seconds that they took."""
        seeds, began = list(locks), time.perf_counter()
        path = _checkpoint_path(self._path(seeds[0]))
        identity = _identity(self.digest, seeds, trainer, provenance)
        checkpoint = Checkpoint(path, identity, self.config.train.checkpoint_every, self.progress.notify)
        for seed, lock in locks.items():
            self.progress.begin(self.config, seed, trainer.steps)
            lock.update(0, trainer.steps)

        def watch(step: int, values: dict[str, float]) -> None:
            for lock in locks.values():
                lock.update(step, trainer.steps)
            self.progress.advance(step, values)

        if len(seeds) == 1:
            trained = [trainer.fit(datasets[0], seeds[0], watch, checkpoint)]
        else:
            trained = trainer.fit_together(datasets, seeds, watch, checkpoint)
        return trained, (time.perf_counter() - began + checkpoint.earlier_seconds) / len(seeds)

    def warn_of_weights(self, done: Sequence[int]) -> None:
        """Say which runs that are done already have no weights although these are asked for."""
        if self.config.train.keep != "weights":
            return
        without = [seed for seed in done if not find_weights(self._path(seed), "final").is_file()]
        if without:
            self.progress.notify(
                f"Seeds {', '.join(map(str, without))} of {self.digest} are done and kept no weights; to have them, "
                "train in a study of another name, or delete their records."
            )

    def _keep_weights(self, seed: int, dataset: Dataset, fit: Trained) -> None:
        """Write the final and the best weights beside the record, before it: a run with a record has them."""
        mean, std = (tuple(map(float, values)) for values in (dataset.mean, dataset.std))
        facts = Facts(self.config, seed, dataset.shape, dataset.classes, mean, std, dataset.labels)
        for kind, weights in (("final", fit.final), ("best", fit.best)):
            save_weights(weights, facts, find_weights(self._path(seed), kind))

    def _trainer(self, dataset: Dataset, seeds: int) -> Trainer:
        key = (dataset.shape, dataset.classes, len(dataset.train.labels), seeds)
        if key not in self._trainers:
            plan = plan_network(self.config, dataset.shape, dataset.classes)
            self._trainers[key] = Trainer(self.config, plan, len(dataset.train.labels), seeds)
        return self._trainers[key]

    def _record(self, seed: int, provenance: dict[str, Any], content: dict[str, Any], seconds: float) -> RunRecord:
        config, provenance = to_record(self.config), provenance | {"seconds": round(seconds, 6)}
        return RunRecord(self.config.study, self.digest, seed, config=config, provenance=provenance, **content)

    def key(self, seed: int) -> RunKey:
        return RunKey(self.digest, seed)

    def _path(self, seed: int) -> Path:
        return record_path(self.config.results, self.config.study, *self.key(seed))

    def _read(self, seeds: Iterable[int]) -> dict[int, RunRecord]:
        found = {seed: self.finished.record(self.key(seed)) for seed in seeds}
        return {seed: record for seed, record in found.items() if record is not None}


def _describe_failure(error: Exception) -> dict[str, Any]:
    if os.environ.get("POOLSCOPE_TRACEBACK"):
        traceback.print_exception(error)
    return {"status": "failed", "reason": " ".join(f"{type(error).__name__}: {error}".split())[:500]}


def _checkpoint_path(record: Path) -> Path:
    return record.with_name(f".{record.stem}.checkpoint")


def _identity(digest: str, seeds: list[int], trainer: Trainer, provenance: dict[str, Any]) -> str:
    """Everything that determines a fit bit for bit."""
    parts = [provenance[key] for key in ("versions", "device", "machine", "data_version", "data")]
    return json.dumps([digest, seeds, trainer.mesh.shape_tuple, trainer.scans, *parts], sort_keys=True)


def _measure(
    config: RunConfig, seed: int, trainer: Trainer, dataset: Dataset, trained: Trained, seconds: float
) -> dict[str, Any]:
    if trained.status == "diverged":
        return {"status": "diverged", "reason": trained.reason, "curves": trained.curves}
    reads_test = config.measure.name != "validation"
    results = _evaluate_all(trainer, trained, dataset, reads_test)
    probed = config.measure.images or PROBED
    subject = Subject(trainer.plan, dataset, trainer, trained, seconds=seconds, seed=seed, probed=probed, **results)
    if not reads_test:
        return {"status": "done", "scalars": measure_all(config.measure, subject).values, "curves": trained.curves}
    test = results["test"]
    pairs = dataset.test.labels.astype(np.int64) * dataset.classes + test.predictions
    confusion = np.bincount(pairs, minlength=dataset.classes**2).reshape(dataset.classes, dataset.classes)
    measured = measure_all(config.measure, subject)
    return {
        "status": "done",
        "scalars": measured.values,
        "unmeasured": measured.unmeasured,
        "image_scores": {column: pack_scores(scores) for column, scores in measured.scores.items()},
        "curves": trained.curves,
        "confusion": confusion.tolist(),
        "test_correct": pack_bits(test.correct.tolist()),
        "feature_maps": _feature_maps(test, dataset),
    }


def _evaluate_all(
    trainer: Trainer, trained: Trained, dataset: Dataset, reads_test: bool = True
) -> dict[str, Evaluation]:
    """Final weights on every split; the test split is read here and nowhere else, once with each set of weights."""
    names = ("train_eval", "val", "test") if reads_test else ("train_eval", "val")
    splits = {name: trainer.place_split(getattr(dataset, name)) for name in names if name not in trained.evaluations}
    results = {name: trainer.evaluate(trained.final, split, dataset) for name, split in splits.items()}
    results |= trained.evaluations
    if not reads_test:
        return results | {"test": UNREAD, "test_best": UNREAD}
    if trained.best_epoch == trained.curves["epoch"][-1]:
        return results | {"test_best": results["test"]}
    return results | {"test_best": trainer.evaluate(trained.best, splits["test"], dataset)}


def _feature_maps(test: Evaluation, dataset: Dataset) -> dict[str, Any]:
    """The first test image and, before and after each pool, the channels that vary most over it."""
    image = dataset.test.images[0]
    stages = []
    for stage, (before, after) in enumerate(jax.device_get(test.activations).values(), start=1):
        maps = [np.asarray(side[0], np.float32).transpose(2, 0, 1) for side in (before, after)]
        shown = np.argsort(-maps[0].std((1, 2)), kind="stable")[:_SHOWN_CHANNELS]
        if maps[0].shape[0] == maps[1].shape[0]:
            maps = [side[shown] for side in maps]
        rounded = [np.round(side[:_SHOWN_CHANNELS].astype(float), 3).tolist() for side in maps]
        stages.append({"stage": stage, "before": rounded[0], "after": rounded[1]})
    return {"image": np.round(image.mean(-1) / 255, 3).tolist(), "stages": stages}
