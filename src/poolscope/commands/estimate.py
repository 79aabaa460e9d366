"""How long the runs of a sweep take and how large their records are: by recorded runs, or by a probe of some steps."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from poolscope.data.datasets import check_dataset, describe_dataset
from poolscope.spec.config import RunConfig, digest
from poolscope.spec.paths import runs_folder
from poolscope.spec.plan import plan_network
from poolscope.store.finished import FinishedRuns
from poolscope.store.record import RunRecord, read_placed_record

RECORD_BYTES = 10_000  # of a run of some tens of epochs on ten classes
_LEAST_STEPS, _LEAST_SECONDS = 2, 0.3  # of a probe


@dataclass(frozen=True)
class Estimate:
    """What runs need in one process, one after the other: seconds, bytes of their records, and how that is known."""

    seconds: float
    bytes: float
    source: str


def count_work(config: RunConfig) -> float:
    """Count the multiply-accumulates of a run's forward passes in training."""
    shape, classes = describe_dataset(config.data)
    return float(plan_network(config, shape, classes).macs * _count_steps(config) * config.train.batch_size)


def estimate_by_records(lacking: Sequence[tuple[RunConfig, int]], finished: FinishedRuns) -> Estimate | None:
    """Estimate from the study's recorded runs, else from its committed ones; None where there are neither.

    Seconds are the mean of the runs of the same configuration, else in proportion to the multiply-accumulates of
    training.

    Args:
        lacking: configurations, and how many runs of each are to do.
        finished: the study's finished runs.
    """
    known, size, source = _read_recorded(finished)
    if not known:
        known, size, source = _read_committed(finished)
    work = sum(done for runs in known.values() for _, done in runs)
    if not work:
        return None
    rate, total = sum(seconds for runs in known.values() for seconds, _ in runs) / work, 0.0
    for config, count in lacking:
        same = [seconds for seconds, _ in known.get(digest(config), ())]
        total += count * (float(np.mean(same)) if same else rate * count_work(config))
    return Estimate(total, sum(count for _, count in lacking) * size, source)


def estimate_by_probe(lacking: Sequence[tuple[RunConfig, int]]) -> Estimate:
    """Estimate from some steps of the largest network on images of noise, whose cost is that of any others.

    A configuration takes the time that the compiler takes once, and for each run that of its steps and evaluations, in
    proportion to their multiply-accumulates. Measurements after training are left out.
    """
    probed = max((config for config, _ in lacking), key=lambda config: count_work(config) / _count_steps(config))
    compiling, step, image = _probe(probed)
    fits = _count_steps(probed) * step + _count_evaluated(probed) * image
    work, total = count_work(probed), 0.0
    for config, count in lacking:
        total += compiling + count * fits * count_work(config) / work
    runs = sum(count for _, count in lacking)
    source = f"a probe of {probed.pool.name} ({compiling:.2g} s to compile, {1000 * step:.3g} ms a step)"
    return Estimate(total, runs * RECORD_BYTES, source)


def _count_steps(config: RunConfig) -> int:
    return config.train.steps or config.train.epochs * (check_dataset(config.data) // config.train.batch_size)


def _count_evaluated(config: RunConfig) -> int:
    """Count the images that are evaluated during and after training, each as often as it is."""
    from poolscope.data.datasets import count_images
    from poolscope.training.timetable import evaluation_interval

    counts, used, steps = count_images(config.data), check_dataset(config.data), _count_steps(config)
    evaluations = -(-steps // evaluation_interval(steps, used // config.train.batch_size))
    return (min(config.data.train_eval_size, used) + counts["data.val"]) * (evaluations + 1) + 2 * counts["data.test"]


def _read_recorded(finished: FinishedRuns) -> tuple[dict[str, list[tuple[float, float]]], float, str]:
    """Seconds and work of recorded runs by digest, the mean size of a record, and how many there are."""
    known: dict[str, list[tuple[float, float]]] = {}
    sizes = []
    for path in sorted(runs_folder(finished.results, finished.study).glob("*/seed-*.json")):
        record = read_placed_record(path)
        if record.status == "done" and "seconds" in record.provenance:
            sizes.append(path.stat().st_size)
            known.setdefault(record.digest, []).append(_read_cost(record))
    return known, float(np.mean(sizes)) if sizes else 0.0, f"the {len(sizes)} recorded"


def _read_cost(record: RunRecord) -> tuple[float, float]:
    return float(record.provenance["seconds"]), _multiply(record.scalars, record.config["train"]["batch_size"])


def _read_committed(finished: FinishedRuns) -> tuple[dict[str, list[tuple[float, float]]], float, str]:
    """The same of the rows of the committed table that tell; they may be another machine's."""
    known: dict[str, list[tuple[float, float]]] = {}
    for key, row in finished.committed.items():
        outcome = finished.outcome(key)
        if outcome and row.get("provenance.seconds") and row.get("train.batch_size"):
            cost = float(row["provenance.seconds"]), _multiply(outcome.scalars, int(row["train.batch_size"]))
            known.setdefault(key.digest, []).append(cost)
    count = sum(map(len, known.values()))
    return known, RECORD_BYTES, f"the {count} of the committed table, wherever they ran,"


def _multiply(scalars: Mapping[str, float], batch: int) -> float:
    return scalars.get("macs", 0.0) * scalars.get("steps", 0.0) * batch


def _probe(config: RunConfig) -> tuple[float, float, float]:
    """Seconds to compile a configuration, of a training step, and to evaluate an image."""
    import jax

    from poolscope.data.datasets import Dataset
    from poolscope.data.splits import Split
    from poolscope.training.placement import place_training
    from poolscope.training.trainer import Trainer

    shape, classes = describe_dataset(config.data)
    rng, count = np.random.default_rng(0), _LEAST_STEPS * config.train.batch_size
    split = Split(rng.integers(0, 256, (count, *shape), np.uint8), rng.integers(0, classes, count, np.int32))
    half = np.full(shape[2], 0.5, np.float32)
    dataset = Dataset("noise", "", classes, shape, split, split, split, split, np.zeros(count, bool), half, half, "")
    began = time.perf_counter()
    trainer = Trainer(config, plan_network(config, shape, classes), count)
    state, data = trainer.initialise(0), place_training(trainer.devices, [dataset], [0])
    placed = trainer.place_split(split)
    state, losses = trainer.advance(state, data, 0, _LEAST_STEPS)
    trainer.evaluate(state.weights, placed, dataset)
    compiling, taken, began = time.perf_counter() - began, 0, time.perf_counter()
    while taken < _LEAST_STEPS or time.perf_counter() - began < _LEAST_SECONDS:
        state, losses = trainer.advance(state, data, 0, _LEAST_STEPS)
        jax.block_until_ready(losses)
        taken += _LEAST_STEPS
    step, began = (time.perf_counter() - began) / taken, time.perf_counter()
    trainer.evaluate(state.weights, placed, dataset)
    evaluated = len(placed.images) * placed.images[0].shape[0]
    return compiling, step, (time.perf_counter() - began) / evaluated
