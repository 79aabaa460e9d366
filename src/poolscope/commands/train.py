"""`poolscope train`: check every job, let Hydra launch them, and list those that did not end well."""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import partial
from typing import Any

from hydra._internal.callbacks import Callbacks
from hydra.core.plugins import Plugins
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from poolscope.commands.arguments import Parser, add_overrides
from poolscope.commands.checks import check_jobs, leave_out_impossible, print_left_out
from poolscope.commands.slurm import launch_arrays, stopping_in_time
from poolscope.kernels.freed_memory import keep_freed_memory
from poolscope.process.interrupts import end_worker, serve, starting_workers
from poolscope.process.terminal import format_count, open_console
from poolscope.runs.progress import Lines, LiveDisplay, label_runs
from poolscope.spec.compose import Composed, compose_runs, compose_shown, open_hydra
from poolscope.spec.config import SETTINGS, RunConfig, to_config
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.linked_keys import take_points
from poolscope.spec.paths import record_path, runs_folder
from poolscope.store.environment import write_environment
from poolscope.store.finished import FinishedRuns, identify, open_finished
from poolscope.store.record import RunKey
from poolscope.store.study_lock import lock_study
from poolscope.store.sweep import PlannedRun, read_sweep, write_sweep

SUMMARY = "Train networks that differ in their pooling, once for every seed."
_ENGINES = ("hydra/launcher", "hydra/sweeper")
_EXAMPLES = """
  One run:     poolscope train data=mnist pool=avg pool.window=3 pool.stride=2 model.blocks=4
  A sweep:     poolscope train -m data=mnist pool=max,avg pool.window=2,3 seeds=[0,1,2] study=mine
  Linked keys: poolscope train -m 'zip(pool=max,avg optim.learning_rate=0.05,0.1)' or 'points(table.csv)'
  A study:     poolscope train experiment=pool_type
  In parallel: add hydra/launcher=local
  Completion:  eval "$(poolscope -sc install=bash)"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `poolscope train`: overrides, and those of Hydra's flags that fit."""
    add_overrides(parser, "for instance data=mnist pool=avg train.epochs=5")
    parser.add_argument("-h", "--help", action="store_true", help="this, the groups, and the keys with their values")
    parser.add_argument("--hydra-help", action="store_true", help="Hydra's own help")
    parser.add_argument("-m", "--multirun", action="store_true", help="a sweep: keys may have several values")
    parser.add_argument("-r", "--run", action="store_true", help="no sweep (the default)")
    parser.add_argument("--dry-run", action="store_true", help="check and list the jobs, their runs, hours and bytes")
    parser.add_argument("--probe", action="store_true", help="with --dry-run: train some steps to tell the hours")
    parser.add_argument("-cd", "--config-dir", metavar="DIR", help="folder of configuration files of your own")
    parser.add_argument("-c", "--cfg", choices=("job", "hydra", "all"), help="print the configuration, train nothing")
    parser.add_argument("-p", "--package", help="with --cfg: only this part, such as model")
    parser.add_argument("--resolve", action="store_true", help="with --cfg: with references resolved")
    info = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
    parser.add_argument("-i", "--info", nargs="?", const="all", choices=info, help="print how it is composed")


def run(options: argparse.Namespace) -> int:
    """Train, or print what the flags ask for."""
    modes = {"--help": options.help, "--hydra-help": options.hydra_help, "--cfg": options.cfg, "--info": options.info}
    modes |= {"--run": options.run, "--multirun": options.multirun}
    given = [mode for mode, chosen in modes.items() if chosen]
    if len(given) > 1 and not options.help:
        raise PoolscopeError(f"{' and '.join(given)} exclude each other; `poolscope train --help` lists what it takes.")
    if (options.resolve or options.package) and not options.cfg:
        raise PoolscopeError("--resolve and --package go with --cfg only.")
    if options.probe and not options.dry_run:
        raise PoolscopeError("--probe goes with --dry-run only.")
    if options.help:
        print(describe_train(options.overrides, options.config_dir))
    elif options.cfg or options.info or options.hydra_help:
        with open_hydra(options.overrides, options.config_dir) as (hydra, overrides):
            if options.hydra_help:
                options.overrides = []  # Hydra would look for them in a configuration of its own
                hydra.hydra_help("train", make_parser(), options)
            elif options.info:
                compose_shown(hydra, overrides)
                hydra.show_info(options.info, "train", overrides)
            else:
                _print_config(hydra, overrides, options)
    elif options.dry_run:
        from poolscope.commands.dry_run import describe_jobs

        composed = compose_runs(options.overrides, options.multirun, options.config_dir)
        composed = leave_out_impossible(composed)
        finished = open_finished(composed.configs[0].results, composed.configs[0].study)
        check_jobs(composed.configs, finished, open_console(stderr=True))
        describe_jobs(composed, finished, options.probe)
    else:
        return train(options.overrides, options.multirun, options.config_dir)
    return 0


def make_parser() -> Parser:
    """Make the parser of `poolscope train`."""
    parser = Parser("train", SUMMARY)
    add_arguments(parser)
    return parser


def describe_train(overrides: Sequence[str], config_dir: str | None = None) -> str:
    """Describe `train`: flags, groups with their options, and every key with its value, meaning and range."""
    parser = make_parser()
    with open_hydra(overrides, config_dir) as (hydra, given):
        composed = compose_shown(hydra, given)
        groups = hydra.format_config_groups(lambda name: not name.startswith(("schema", "hydra")) or name in _ENGINES)
        values = {key: OmegaConf.select(composed, key, throw_on_missing=False) for key in SETTINGS}
    rows = []
    for key, known in SETTINGS.items():
        value = values[key]
        text = f"{key}={'null' if value is None else str(value).lower() if isinstance(value, bool) else value}"
        fits = f" ({known.expected})" if known.within or known.names else ""
        rows.append(f"  {text:<28} {known.about}{fits}")
    return "\n".join(
        [parser.format_help().rstrip(), _EXAMPLES, "Groups, chosen as group=option:"]
        + [f"  {line}" for line in groups.splitlines()]
        + ["", "Keys, set as key=value:", *rows]
    )


def _print_config(hydra: Any, overrides: list[str], options: argparse.Namespace) -> None:
    composed = compose_shown(hydra, overrides)
    if options.package not in (None, "_global_") and OmegaConf.select(composed, options.package) is None:
        raise PoolscopeError(f"--package={options.package} is no part of the configuration.")
    hydra.show_cfg("train", overrides, options.cfg, options.package, options.resolve)


def train(overrides: Sequence[str], multirun: bool = False, config_dir: str | None = None) -> int:
    """Run what the overrides ask for; returns the exit status: 0, or 1 if a run failed or diverged."""
    composed = leave_out_impossible(compose_runs(overrides, multirun, config_dir))
    print_left_out(composed.left_out)
    command = _command(overrides, multirun, config_dir)
    finished, shown = train_jobs(composed, take_points(overrides)[0], command, config_dir)
    return _conclude(composed, finished, open_console(stderr=True), shown)


def train_jobs(
    composed: Composed,
    overrides: Sequence[str],
    command: str,
    config_dir: str | None = None,
    only_lacking: bool = False,
) -> tuple[FinishedRuns, bool]:
    """Check and launch the jobs of one sweep, unless all of their runs are done.

    Args:
        composed: the jobs.
        overrides: those that choose and set up a launcher, the study and the folder of results; others may be there.
        command: what was typed, to be kept beside the records.
        config_dir: a folder of configuration files of the user's own.
        only_lacking: whether jobs whose runs are all done are left out instead of being shown as done.

    Returns:
        The study's finished runs, and whether the outcome of each run was printed as it ended.
    """
    console = open_console(stderr=True)
    studies = {(config.results, config.study) for config in composed.configs}
    if len(studies) > 1:
        raise PoolscopeError("results and study must be the same in every job of a sweep; start one sweep for each.")
    (results, study), *_ = studies
    with lock_study(results, study):
        finished = open_finished(results, study)
        missing = check_jobs(composed.configs, finished, console)
        if not missing and composed.complete:
            count = len(_runs(composed))
            what = f"all {count:,} runs of study {study} are" if count > 1 else f"the run of study {study} is"
            console.print(f"Nothing to run: {what} done.")
            return finished, False
        labels = label_runs(composed.configs) if composed.complete else {}
        planned = [PlannedRun(*key, label) for key, label in labels.items()]
        write_sweep(results, study, planned, command, composed.left_out)
        write_environment(results, study)
        if only_lacking or composed.launcher == "slurm":
            composed = _leave_out_done(composed, finished)
            left = {identify(config, seed) for config in composed.configs for seed in config.seeds}
            planned = [run for run in planned if run.key in left]
        watched = {
            record_path(results, study, *run.key): run.label for run in planned if not finished.only_committed(run.key)
        }
        with LiveDisplay(console, len(watched), labels) as display, _explain_killed_worker():
            if composed.launcher != "basic":
                display.watch(watched)
            task = partial(run_job, progress=display) if composed.launcher == "basic" else run_job
            with (
                _fit_workers(composed.launcher, overrides) as fitted,
                open_hydra(fitted, config_dir, composing=False) as (hydra, given),
            ):
                _launch(hydra, composed, task, given, console)
    return finished, composed.launcher in ("basic", "local")


def _leave_out_done(composed: Composed, finished: FinishedRuns) -> Composed:
    """The sweep without the jobs whose runs are all done."""
    kept = [
        place
        for place, config in enumerate(composed.configs)
        if any(finished.lacks(identify(config, seed)) for seed in config.seeds)
    ]
    return replace(
        composed,
        configs=[composed.configs[place] for place in kept],
        jobs=[composed.jobs[place] for place in kept],
    )


def _launch(
    hydra: Any, composed: Composed, task: Callable[[DictConfig], object], given: list[str], console: Console
) -> None:
    """Have Hydra run one job or launch those of a sweep; one that is chosen as it goes is its sweeper's."""
    if not composed.multirun:
        hydra.run("train", task, given)  # in the words of the check before, so that it isn't composed anew
        return
    words = [*given, "hydra.mode=MULTIRUN"]
    if not composed.jobs:
        hydra.multirun("train", task, words)
        return
    config = hydra.compose_config("train", words, run_mode=RunMode.MULTIRUN)
    context = HydraContext(config_loader=hydra.config_loader, callbacks=Callbacks(config))
    launcher = Plugins.instance().instantiate_launcher(context, task, config)
    if composed.launcher == "slurm":
        launch_arrays(
            launcher, composed.jobs, runs_folder(composed.configs[0].results, composed.configs[0].study), console
        )
        return
    for job in launcher.launch(composed.jobs, initial_job_idx=0):
        _ = job.return_value  # raises what ended the job


def run_job(composed: DictConfig, progress: Lines | None = None) -> tuple[float, float]:
    """Run Hydra's task: one configuration, all its seeds, in this process or in a launcher's worker.

    Returns the objectives of a search: mean validation accuracy (to be maximised) and multiply-accumulates (minimised),
    NaN where a seed has no result. The test split has no say in a search.
    """
    keep_freed_memory()  # a launcher's worker comes in here; no thread of JAX has started yet
    launcher = multiprocessing.parent_process()
    if launcher is not None and launcher.pid is not None:
        serve(launcher.pid)
    from poolscope.runs.run import run_config

    config = to_config(composed)
    try:
        with stopping_in_time():
            records = run_config(config, progress or Lines(labels=_read_labels(config)))
    except KeyboardInterrupt:
        if launcher is not None:
            end_worker()
        raise
    finished = open_finished(config.results, config.study)
    keys = [identify(config, seed) for seed in config.seeds]
    found: list[Mapping[str, float]] = [record.scalars for record in records]
    found += [outcome.scalars for key in keys if (outcome := finished.outcome(key)) and outcome.committed]
    accuracies, macs = ([values.get(name, math.nan) for values in found] for name in ("val_accuracy", "macs"))
    return sum(accuracies) / len(found), max(macs)


def _read_labels(config: RunConfig) -> dict[RunKey, str]:
    """The labels of a sweep's runs, as the command that launched this job left them beside the records."""
    with suppress(PoolscopeError):
        return {run.key: run.label for run in read_sweep(config.results, config.study).runs}
    return {}


@contextmanager
def _fit_workers(launcher: str, overrides: Sequence[str]) -> Iterator[Sequence[str]]:
    """One thread for each worker of this machine; no workers on an accelerator, which one process fills."""
    if launcher not in ("local", "ray"):
        yield overrides
        return
    import jax

    lacking = {"NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"} - set(os.environ)
    os.environ.update(dict.fromkeys(lacking, "1"))  # workers inherit it
    chosen = any(word.startswith("hydra.launcher.") for word in overrides) or "POOLSCOPE_WORKERS" in os.environ
    if launcher == "local" and jax.default_backend() != "cpu" and not chosen:
        overrides = [word.replace("hydra/launcher=local", "hydra/launcher=basic") for word in overrides]
    try:
        with nullcontext() if launcher == "ray" else starting_workers():
            yield overrides
    finally:
        for variable in lacking:
            del os.environ[variable]


def _command(overrides: Sequence[str], multirun: bool, config_dir: str | None) -> str:
    """The command line that asks for this, as one could type it."""
    flags = [*(["-m"] if multirun else []), *(["--config-dir", config_dir] if config_dir else [])]
    return shlex.join(["poolscope", "train", *flags, *overrides])


@contextmanager
def _explain_killed_worker() -> Iterator[None]:
    """Report a killed worker process in one sentence."""
    try:
        yield
    except BrokenProcessPool as error:
        raise PoolscopeError(
            "A worker process was killed while it trained, most often for want of memory; finished runs are recorded: "
            "run the same command again, with fewer workers (hydra.launcher.n_jobs=1) if memory was short."
        ) from error


def _runs(composed: Composed) -> list[tuple[RunConfig, int]]:
    """Every run of a sweep; none where a sweeper chooses them as it goes."""
    if not composed.complete:
        return []
    return [(config, seed) for config in composed.configs for seed in config.seeds]


def _conclude(composed: Composed, finished: FinishedRuns, console: Console, shown: bool = False) -> int:
    """Say how many runs are done and which are not, and where to look next.

    shown: whether the outcomes of runs were printed as they ended, with the reason where one failed.
    """
    runs, bad, committed, at_chance = _runs(composed), 0, 0, 0
    labels = label_runs(composed.configs)
    for config, seed in runs:
        outcome = finished.outcome(identify(config, seed))
        if outcome is not None and outcome.status == "done":
            committed += outcome.committed
            at_chance += outcome.at_chance
            continue
        arm = labels[identify(config, seed)]
        what = f"{arm}: {outcome.status}: {outcome.reason}" if outcome else f"{arm}: left no record"
        bad += 1
        if not (shown and outcome):
            console.print(what, style="red", soft_wrap=True)
    where = "" if finished.results == "results" else f" results={finished.results}"
    if composed.complete:
        from_table = f", {committed} of them by the committed table" if committed else ""
        learned_nothing = f", {at_chance} of them at chance" if at_chance else ""
        done = f"{len(runs) - bad} of {format_count(len(runs), 'run')} done"
        console.print(f"{done}{from_table}{learned_nothing}.", soft_wrap=True)
    if bad and shown:
        console.print(f"Not done: {bad}; the reasons: poolscope list runs {finished.study}{where}", soft_wrap=True)
    console.print(f"Next: poolscope report {finished.study}{where}", soft_wrap=True)
    return 1 if bad else 0
