"""`poolscope train`: check every job, then let Hydra launch them, then say what became of them."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

import hydra
from filelock import FileLock, Timeout
from hydra._internal.utils import get_args_parser
from omegaconf import DictConfig
from rich.console import Console

from poolscope.runs.progress import Lines, LiveDisplay, describe_outcome, describe_run
from poolscope.spec.compose import Composed, compose_runs, register_schemas
from poolscope.spec.config import RunConfig, digest, to_config
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.explain import in_one_sentence
from poolscope.spec.paths import record_path, runs_folder, shipped
from poolscope.spec.plan import Plan, plan_network
from poolscope.store.environment import write_environment
from poolscope.store.inventory import Inventory, open_inventory
from poolscope.store.sweep import PlannedRun, write_sweep

_display: LiveDisplay | None = None  # the live display of this process, while it launches jobs itself


def train(arguments: Sequence[str]) -> int:
    """Run what the arguments of `poolscope train` say; returns the exit status: 0, or 1 if a run failed or diverged."""
    flags = _read_flags(arguments)
    arguments = [*(word for word in arguments if word not in flags.overrides), *flags.overrides]  # as Hydra wants it
    if flags.help or flags.hydra_help or flags.cfg or flags.info or flags.shell_completion:
        _hand_to_hydra(arguments)
        return 0
    composed = compose_runs(flags.overrides, flags.multirun, flags.config_dir)
    console = Console(stderr=True)
    studies = {(config.results, config.study) for config in composed.configs}
    if len(studies) > 1:
        raise PoolscopeError("results and study must be the same in every job of a sweep; start one sweep for each.")
    (results, study), *_ = studies
    with _sole_writer(results, study):
        inventory = open_inventory(results, study)
        missing = check_jobs(composed.configs, inventory, console)
        if not missing and composed.complete:
            console.print(f"Nothing to run: all {len(_runs(composed))} runs of study {study} are done.")
            return _conclude(composed, inventory, console)
        planned = [PlannedRun(digest(config), seed, describe_run(config, seed)) for config, seed in _runs(composed)]
        write_sweep(results, study, planned, shlex.join(["poolscope", "train", *arguments]))
        write_environment(results, study)
        global _display
        watched = {
            Path(record_path(results, study, run.digest, run.seed)): run.label
            for run in planned
            if inventory.row(run.digest, run.seed) is None
        }
        with LiveDisplay(console, len(watched)) as display, _say_how_it_ended():
            if composed.launcher == "basic":
                _display = display
            else:
                display.watch(watched)
            _hand_to_hydra(_fit_workers(composed.launcher, arguments))
        _display = None
        return _conclude(composed, inventory, console)


def check_jobs(configs: Sequence[RunConfig], inventory: Inventory, console: Console) -> int:
    """Refuse, before any training, what can't work in any job; returns how many runs aren't done yet.

    Looks at the data sets' shapes, every network's plan, training-set sizes, and at what is done already.
    """
    from poolscope.data.datasets import check_dataset

    plans = [_plan_training(config) for config in configs]
    lacking: dict[int, int] = {}
    for job, config in enumerate(configs):
        if count := sum(inventory.lacks(config, seed) for seed in config.seeds):
            lacking[job] = count
    sizes = {job: check_dataset(configs[job].data) for job in lacking}
    tried: set[str] = set()
    for job, size in sizes.items():
        _check_devices(configs[job], plans[job], size, tried)
    for sentence in dict.fromkeys(sentence for plan in plans for sentence in plan.remainders):
        console.print(f"note: {sentence}", style="yellow", highlight=False, soft_wrap=True)
    return sum(lacking.values())


def _plan_training(config: RunConfig) -> Plan:
    """The network's plan; refuses what the size of the images or the lack of a classifier makes impossible."""
    from poolscope.data.datasets import describe_dataset

    shape, classes = describe_dataset(config.data)
    plan = plan_network(config, shape, classes)
    if config.model.head == "none":
        raise PoolscopeError("model.head=none has no classifier to train; use it with `poolscope show` only.")
    if config.train.shift >= min(shape[:2]):
        raise PoolscopeError(f"train.shift must be below the images' side, {min(shape[:2])}, not {config.train.shift}.")
    return plan


def _check_devices(config: RunConfig, plan: Plan, train_size: int, tried: set[str]) -> None:
    """Refuse a batch that these devices can't share, and an option value that the operator can't work with."""
    import jax

    from poolscope.pooling import make_pool
    from poolscope.training.devices import make_mesh

    make_mesh(config.train, train_size)
    before = next((before for before, layer in pairwise(plan.layers) if layer.kind == "pool"), None)
    if before is None or str(config.pool) in tried:
        return
    tried.add(str(config.pool))
    maps = jax.ShapeDtypeStruct((1, *before.output), jax.numpy.float32)
    jax.eval_shape(
        lambda x, key: make_pool(config.pool, x.shape[3], rngs=key)(x, key=key, deterministic=False),
        maps,
        jax.random.key(0),
    )


def run_job(composed: DictConfig) -> tuple[float, float]:
    """Hydra's task: one configuration, all its seeds. Called in this process or in a launcher's worker.

    Returns what a search weighs: mean validation accuracy (to be maximised) and multiply-accumulates (minimised); NaN
    where a seed has no result. The test split has no say in a search.
    """
    from poolscope.runs.run import run_config

    config = to_config(composed)
    records = run_config(config, _display or Lines())
    inventory = open_inventory(config.results, config.study)
    rows = [row for seed in config.seeds if (row := inventory.row(digest(config), seed))]
    found = [record.scalars for record in records] + rows
    accuracies, macs = ([float(values.get(name, "nan")) for values in found] for name in ("val_accuracy", "macs"))
    return sum(accuracies) / len(found), max(macs)


def _read_flags(arguments: Sequence[str]) -> argparse.Namespace:
    """Hydra's own flags, which it would refuse with a usage message or a traceback."""
    parser = get_args_parser()

    def refuse(message: str) -> NoReturn:
        raise PoolscopeError(f"{message}; `poolscope train --help` says what there is.")

    parser.error = refuse  # type: ignore[method-assign]
    flags = parser.parse_intermixed_args(list(arguments))
    for flag in ("config_name", "config_path", "experimental_rerun"):
        if getattr(flags, flag) is not None:
            refuse(f"--{flag.replace('_', '-')} does not fit poolscope; add files of your own with --config-dir")
    modes = {"--run": flags.run, "--multirun": flags.multirun, "--cfg": flags.cfg, "--info": flags.info}
    if len(given := [mode for mode, value in modes.items() if value]) > 1:
        refuse(f"{' and '.join(given)} exclude each other")
    if (flags.resolve or flags.package) and not (flags.cfg or flags.help):
        refuse("--resolve and --package go with --cfg only")
    if flags.config_dir and not Path(flags.config_dir).is_dir():
        refuse(f"--config-dir must be a folder, not {flags.config_dir}")
    return flags


def _hand_to_hydra(arguments: Sequence[str]) -> None:
    register_schemas()
    sys.argv = ["poolscope", *arguments]
    os.environ["HYDRA_FULL_ERROR"] = "1"  # let exceptions through, to be said as everywhere else
    with in_one_sentence(arguments):
        hydra.main(version_base="1.3", config_path=str(shipped("configs")), config_name="train")(run_job)()


def _fit_workers(launcher: str, arguments: Sequence[str]) -> Sequence[str]:
    """One thread for each worker of this machine; no workers on an accelerator, which one process fills."""
    if launcher in ("local", "joblib", "ray"):
        import jax

        for variable in ("NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ.setdefault(variable, "1")
        chosen = any(word.startswith("hydra.launcher.") for word in arguments) or "POOLSCOPE_WORKERS" in os.environ
        if launcher == "local" and jax.default_backend() != "cpu" and not chosen:
            return [word.replace("hydra/launcher=local", "hydra/launcher=basic") for word in arguments]
    return arguments


@contextmanager
def _say_how_it_ended() -> Iterator[None]:
    """SIGTERM as Ctrl-C; a worker process that was killed, in one sentence."""

    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    here = threading.current_thread() is threading.main_thread()
    former = signal.signal(signal.SIGTERM, interrupt) if here else None
    try:
        yield
    except BrokenProcessPool as error:
        raise PoolscopeError(
            "A worker process was killed while it trained, most often for want of memory; finished runs are recorded: "
            "run the same command again, with fewer workers (hydra.launcher.n_jobs=1) if memory was short."
        ) from error
    finally:
        if here:
            signal.signal(signal.SIGTERM, former)


@contextmanager
def _sole_writer(results: str, study: str) -> Iterator[None]:
    """Hold the study's folder for writing; a second sweep of it is refused. A refused request leaves no new folder."""
    folder = runs_folder(results, study)
    created = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise PoolscopeError(
            f"results={results}: the folder {folder} can't be written ({error.strerror}); choose another with results=."
        ) from error
    lock = FileLock(folder / ".lock")
    try:
        with lock.acquire(timeout=0):
            _tidy(folder)
            yield
    except Timeout as error:
        raise PoolscopeError(
            f"study={study}: another sweep is writing {folder} now; wait for it, or choose another name with study=."
        ) from error
    except PoolscopeError:
        if created:
            Path(lock.lock_file).unlink(missing_ok=True)
        for path in created:
            with suppress(OSError):
                path.rmdir()
        raise


def _tidy(folder: Path) -> None:
    """Take away what killed writers left: scratch files of an hour ago and more, checkpoints of runs that are done."""
    for path in folder.glob("*/.seed-*"):
        name, _, rest = path.name.removeprefix(".").partition(".")
        ended = rest == "checkpoint" and path.with_name(f"{name}.json").exists()
        scratch = "." in rest or rest == "running"
        with suppress(OSError):
            if ended or (scratch and time.time() - path.stat().st_mtime > 3600):
                path.unlink()


def _runs(composed: Composed) -> list[tuple[RunConfig, int]]:
    """Every run of a sweep; none where a sweeper chooses them as it goes."""
    if not composed.complete:
        return []
    return [(config, seed) for config in composed.configs for seed in config.seeds]


def _conclude(composed: Composed, inventory: Inventory, console: Console) -> int:
    """Say how many runs are done and which are not, and where to look next."""
    runs, bad, committed = _runs(composed), 0, 0
    for config, seed in runs:
        name = digest(config)
        record = inventory.record(name, seed)
        committed += inventory.row(name, seed) is not None
        if record is None and (name, seed) not in inventory.committed:
            what = f"{describe_run(config, seed)}: left no record"
        elif record is not None and record.status != "done":
            what = describe_outcome(config, record)
        else:
            continue
        bad += 1
        console.print(what, style="red", highlight=False, soft_wrap=True)
    if composed.complete:
        from_table = f", {committed} of them by the committed table" if committed else ""
        console.print(f"{len(runs) - bad} of {len(runs)} runs done{from_table}.", highlight=False)
    where = "" if inventory.results == "results" else f" results={inventory.results}"
    console.print(f"Next: poolscope report {inventory.study}{where}", highlight=False)
    return 1 if bad else 0
