"""One configuration from end to end, for each of its seeds: data, network, fit, measurements, record.

A seed that is recorded, or done by the study's committed table, is skipped, so that running a sweep again finishes it.
A seed that fails leaves a record that says why, and the next one goes on.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import jax
import numpy as np

from poolscope.allocator import keep_freed_memory
from poolscope.architecture import plan_network
from poolscope.augment import normalise
from poolscope.cache import cache_folder
from poolscope.checkpoint import Checkpoint
from poolscope.config import RunConfig, digest, to_dict
from poolscope.data import Dataset, load_dataset
from poolscope.environment import read_processor
from poolscope.heartbeat import Holder, hold_run
from poolscope.inventory import open_inventory
from poolscope.measure import Subject, measure_all
from poolscope.paths import record_path
from poolscope.record import RunRecord, pack_bits, write_record
from poolscope.train import Evaluation, Trained, Trainer

_SHOWN_CHANNELS = 2


class Progress(Protocol):
    """Who is told how a run goes."""

    def begin(self, config: RunConfig, seed: int, steps: int) -> None: ...

    def advance(self, step: int, values: dict[str, float]) -> None: ...

    def end(self, config: RunConfig, record: RunRecord) -> None: ...

    def say(self, sentence: str) -> None: ...


def run_config(config: RunConfig, progress: Progress) -> list[RunRecord]:
    """Train and measure every seed of the configuration that isn't done yet; returns all the records there are.

    A seed that only the study's committed table holds is done, and has no record here.
    """
    keep_freed_memory()
    enable_compilation_cache()
    name, inventory = digest(config), open_inventory(config.results, config.study)
    trainers: dict[tuple[Any, ...], Trainer] = {}
    records = []
    for seed in config.seeds:
        if inventory.row(name, seed):
            continue
        path = record_path(config.results, config.study, name, seed)
        record = inventory.record(name, seed)
        if record is None or record.status == "failed":
            wait = partial(progress.say, f"seed {seed}: another process trains it now; waiting for its record.")
            with hold_run(path, wait) as holder:
                record = inventory.record(name, seed)  # another process may have written it while this one waited
                if record is None or record.status == "failed":
                    record = _run_seed(config, name, seed, trainers, progress, holder)
                    write_record(record, path)
                    if record.status != "failed":
                        _checkpoint_path(path).unlink(missing_ok=True)
        progress.end(config, record)
        records.append(record)
    return records


def _run_seed(
    config: RunConfig,
    name: str,
    seed: int,
    trainers: dict[tuple[Any, ...], Trainer],
    progress: Progress,
    holder: Holder,
) -> RunRecord:
    began = time.monotonic()
    provenance = _provenance(datetime.now(UTC))
    content: dict[str, Any] = {}
    try:
        dataset = load_dataset(config.data, seed)
        provenance |= {"data_version": dataset.version, "data": dataset.description}
        key = (dataset.shape, dataset.classes, len(dataset.train.labels))
        if key not in trainers:
            trainers[key] = Trainer(config, plan_network(config, dataset.shape, dataset.classes), key[2])
        trainer = trainers[key]
        path = record_path(config.results, config.study, name, seed)
        identity = _identity(name, seed, trainer, provenance)
        checkpoint = Checkpoint(_checkpoint_path(path), identity, config.train.checkpoint_every, progress.say)
        progress.begin(config, seed, trainer.steps)
        holder.beat(0, trainer.steps)

        def watch(step: int, values: dict[str, float]) -> None:
            holder.beat(step, trainer.steps)
            progress.advance(step, values)

        content = _train_and_measure(config, seed, trainer, dataset, watch, checkpoint)
        provenance["unmeasured"] = content.pop("unmeasured", "")
    except Exception as error:
        if os.environ.get("POOLSCOPE_TRACEBACK"):
            traceback.print_exc()
        content = {"status": "failed", "reason": " ".join(f"{type(error).__name__}: {error}".split())[:500]}
    provenance["seconds"] = round(time.monotonic() - began, 6)
    return RunRecord(
        study=config.study, digest=name, seed=seed, config=_recorded_config(config), provenance=provenance, **content
    )


def _checkpoint_path(record: Path) -> Path:
    return record.with_name(f".{record.stem}.checkpoint")


def _identity(name: str, seed: int, trainer: Trainer, provenance: dict[str, Any]) -> str:
    """All that has a say in the bits of a fit."""
    parts = [provenance[key] for key in ("versions", "device", "machine", "data_version", "data")]
    return json.dumps([name, seed, trainer.mesh.size, trainer.scans, *parts], sort_keys=True)


def _train_and_measure(
    config: RunConfig,
    seed: int,
    trainer: Trainer,
    dataset: Dataset,
    watch: Callable[[int, dict[str, float]], None],
    checkpoint: Checkpoint,
) -> dict[str, Any]:
    began = time.perf_counter()
    trained = trainer.fit(dataset, seed, watch, checkpoint)
    seconds = time.perf_counter() - began + checkpoint.earlier_seconds
    if trained.status == "diverged":
        return {"status": "diverged", "reason": trained.reason, "curves": trained.curves}
    results = _evaluate_all(trainer, trained, dataset)
    subject = Subject(trainer.plan, dataset, trainer, trained, seconds=seconds, seed=seed, **results)
    test = results["test"]
    pairs = dataset.test.labels.astype(np.int64) * dataset.classes + test.predictions
    confusion = np.bincount(pairs, minlength=dataset.classes**2).reshape(dataset.classes, dataset.classes)
    measured = measure_all(config.measure, subject)
    return {
        "status": "done",
        "scalars": measured.values,
        "unmeasured": measured.unmeasured,
        "curves": trained.curves,
        "confusion": confusion.tolist(),
        "test_correct": pack_bits(test.correct.tolist()),
        "feature_maps": _feature_maps(trainer, trained, dataset) if seed == config.seeds[0] else {},
    }


def _evaluate_all(trainer: Trainer, trained: Trained, dataset: Dataset) -> dict[str, Evaluation]:
    """Final weights on every split; the test split is read here and nowhere else, once with each set of weights."""
    splits = {name: trainer.place_split(getattr(dataset, name)) for name in ("train_eval", "val", "test")}
    results = {name: trainer.evaluate(trained.final, split, dataset) for name, split in splits.items()}
    if trained.best_epoch == trained.curves["epoch"][-1]:
        return results | {"test_best": results["test"]}
    return results | {"test_best": trainer.evaluate(trained.best, splits["test"], dataset)}


def _feature_maps(trainer: Trainer, trained: Trained, dataset: Dataset) -> dict[str, Any]:
    """The first test image and, before and after each pool, the channels that vary most over it."""
    image = dataset.test.images[:1]
    _, taps = trainer.predict(trained.final, normalise(image, dataset.mean, dataset.std))
    stages = []
    for stage, (before, after) in enumerate(jax.device_get(taps).values(), start=1):
        maps = [np.asarray(side[0], np.float32).transpose(2, 0, 1) for side in (before, after)]
        shown = np.argsort(-maps[0].std((1, 2)), kind="stable")[:_SHOWN_CHANNELS]
        if maps[0].shape[0] == maps[1].shape[0]:
            maps = [side[shown] for side in maps]
        rounded = [np.round(side[:_SHOWN_CHANNELS].astype(float), 3).tolist() for side in maps]
        stages.append({"stage": stage, "before": rounded[0], "after": rounded[1]})
    return {"image": np.round(image[0].mean(-1) / 255, 3).tolist(), "stages": stages}


def enable_compilation_cache() -> None:
    """Keep compiled programs between processes, so that only the first run of a shape pays for compilation."""
    if not jax.config.jax_compilation_cache_dir:  # type: ignore[attr-defined]
        jax.config.update("jax_compilation_cache_dir", str(cache_folder() / "compiled"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


def _recorded_config(config: RunConfig) -> dict[str, Any]:
    content = to_dict(config)
    for key in ("seeds", "study", "results"):
        del content[key]
    del content["data"]["dir"], content["train"]["checkpoint_every"]
    return content


def _provenance(started: datetime) -> dict[str, Any]:
    device = jax.devices()[0]
    return {
        "started": started.isoformat(timespec="seconds"),
        "git_revision": _git_revision(),
        "versions": {name: version(name) for name in ("poolscope", "jax", "jaxlib", "flax", "optax", "numpy")},
        "python": platform.python_version(),
        "device": f"{device.platform} {device.device_kind}",
        "devices": jax.device_count(),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "processor": read_processor(),
        "threads": _count_threads(),
    }


def _count_threads() -> str:
    """How many threads XLA computes on; on a CPU, their number changes the order of its sums."""
    affinity = getattr(os, "sched_getaffinity", None)
    return os.environ.get("NPROC") or str(len(affinity(0)) if affinity else os.cpu_count())


def _git_revision() -> str:
    """The commit of the checkout that the package runs from, "+" where files differ from it; "" outside of git."""
    try:
        found = [
            subprocess.run(
                ["git", "--no-optional-locks", "-C", str(Path(__file__).parent), *command],
                capture_output=True,
                text=True,
                timeout=10,
                check=True,
            ).stdout.strip()
            for command in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no", "."])
        ]
    except (OSError, subprocess.SubprocessError):
        return ""
    return found[0] + "+" * bool(found[1])
