"""Overrides typed at the command line to checked configurations, all jobs of a sweep before the first one runs.

Hydra does the composing; explain.py turns what it complains of into one sentence.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, RangeSweep
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from poolscope.process.cores import list_cores
from poolscope.spec.compose_once import ComposeOnce, is_value
from poolscope.spec.config import RunConfig, make_schema, to_config
from poolscope.spec.config_files import check_files
from poolscope.spec.content_hash import hash_files
from poolscope.spec.errors import PoolscopeError, describe_install
from poolscope.spec.explain import check_choices, in_one_sentence
from poolscope.spec.extensions import find_datasets, find_measurements
from poolscope.spec.linked_keys import Points, list_keys, multiply, take_points
from poolscope.spec.operators import OPERATORS
from poolscope.spec.overrides import quote_text
from poolscope.spec.paths import shipped
from poolscope.spec.rates import take_rates
from poolscope.spec.sweep_options import SweepOptions, take_options

MOST_JOBS = 10_000
_ENGINES = {  # Hydra's plugins that are used here, by their module: what they are called here
    "hydra_submitit_launcher": "slurm",
    "hydra_ray_launcher": "ray",
    "hydra_optuna_sweeper": "optuna",
    "hydra_joblib_launcher": "local",
}
_PRESETS = (("launcher", "slurm"), ("launcher", "ray"), ("sweeper", "optuna"))


@dataclass(frozen=True)
class Composed:
    """What a command line means: one configuration for each job, and how Hydra would launch them."""

    configs: list[RunConfig]
    multirun: bool
    launcher: str  # basic, local, slurm, ray, or another plugin's choice
    complete: bool  # False where a sweeper chooses later jobs by the results of earlier ones
    jobs: list[list[str]] = field(default_factory=list)  # overrides of each job of a sweep, where they are known
    workers: int | None = 1  # runs at a time on this machine; None where a cluster decides
    left_out: list[tuple[str, str]] = field(default_factory=list)  # impossible jobs, each with the reason
    skips: bool = False  # whether impossible jobs are left out


@cache
def register_schemas() -> None:
    """Give Hydra the schema of a run and the choices of plugins, and our presets in place of its plugins' own."""
    Plugins.instance()  # registers them
    store = ConfigStore.instance()
    store.store(group="schema", name="run", node=make_schema(), package="_global_")
    for group, name, keys in _plugin_choices():
        store.store(group=group, name=name, node=keys)
    for group, name in _PRESETS:
        store.repo["hydra"].get(group, {}).pop(f"{name}.yaml", None)


def _plugin_choices() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Choices of pool=, data= and measure= that plugins add: what the YAML files are for our own."""
    for name, operator in OPERATORS.items():
        if operator.package:
            yield "pool", name, {"name": name} | {k: v for k, v in operator.defaults.items() if v is not None}
    for name, data in find_datasets().items():
        splits = {"train": data.train, "val": data.val, "test": data.test}
        yield "data", name, {"name": name, "source": name, **splits}
    for name in find_measurements():
        yield "measure", name, {"name": name}


def compose_runs(
    overrides: Sequence[str], multirun: bool = False, config_dir: str | None = None, most_jobs: int = MOST_JOBS
) -> Composed:
    """Compose and check every configuration that `poolscope train` would run for these overrides.

    Raises PoolscopeError with one sentence for the first one that can't be, or where there are more than most_jobs.
    """
    plain, groups = take_points(overrides)
    options = take_options(overrides)[1]
    with open_hydra(plain, config_dir) as (hydra, given):
        composed = _compose_runs(hydra, given, multirun, most_jobs, groups, options)
    if options != SweepOptions() and not composed.jobs:
        raise PoolscopeError("sweep.impossible, sweep.sample and sweep.seed go with a sweep of known jobs: add -m.")
    return composed


def compose_jobs(
    overrides: Sequence[str], jobs: Callable[[list[list[str]]], list[list[str]]], config_dir: str | None = None
) -> Composed:
    """Compose and check the jobs that a function makes of those that these overrides mean, as lists of overrides.

    It is given the jobs that sweep.sample draws; sweep.impossible=skip leaves out what can't be of those that it makes.
    Raises PoolscopeError as `compose_runs` does.
    """
    plain, groups = take_points(overrides)
    options = take_options(overrides)[1]
    with open_hydra(plain, config_dir) as (hydra, given):
        first = compose_one(hydra, given, True)
        if first.hydra.runtime.choices["hydra/sweeper"] != "basic":
            raise PoolscopeError("hydra/sweeper must be basic here: all jobs are known beforehand.")
        words = jobs(options.draw(multiply(_list_jobs(first, given, MOST_JOBS, groups), groups)))
        if len(words) > MOST_JOBS:
            raise PoolscopeError(f"This makes {len(words):,} jobs, and there may be at most {MOST_JOBS:,}.")
        return _check_jobs(first, given, words, options)


def read_written(overrides: Sequence[str], key: str, config_dir: str | None = None) -> Any:
    """Read a key's value as the files and the command line of a sweep have it, with references unresolved."""
    with open_hydra(take_points(overrides)[0], config_dir) as (hydra, given):
        section, _, name = key.rpartition(".")
        node = OmegaConf.select(compose_one(hydra, given, True), section)
        content = OmegaConf.to_container(node, resolve=False)
        assert isinstance(content, dict)
        return content[name]


@contextmanager
def _leave_no_trace() -> Iterator[None]:
    """Hide the configuration of a job that Hydra ran in this process before, to which `${hydra:...}` would refer."""
    hydra_config = HydraConfig.instance()
    former, hydra_config.cfg = hydra_config.cfg, None
    try:
        yield
    finally:
        hydra_config.cfg = former


@contextmanager
def open_hydra(
    overrides: Sequence[str], config_dir: str | None = None, composing: bool = True
) -> Iterator[tuple[Any, list[str]]]:
    """Open Hydra on the shipped configuration files and one's own; yields it and the overrides in a form that it reads.

    What Hydra and OmegaConf refuse in the meantime becomes a PoolscopeError of one sentence; where it is used for
    composing only, so does whatever else they and their parsers make of odd input.
    """
    register_schemas()
    hash_files.cache_clear()  # one's own images may have changed since the last command
    given = [quote_text(word) for word in take_rates(overrides)]
    if config_dir:
        if not Path(config_dir).is_dir():
            raise PoolscopeError(f"--config-dir must be a folder, not {config_dir}.")
        check_files(Path(config_dir))
        given.append(f"hydra.searchpath=[file://{Path(config_dir).resolve()}]")
    with (
        _leave_no_trace(),
        initialize_config_dir(str(shipped("configs")), job_name="poolscope", version_base="1.3"),
        in_one_sentence(given),
    ):
        try:
            hydra: Any = GlobalHydra.instance().hydra
            hydra.config_loader = ComposeOnce(hydra.config_loader)
            check_choices(_parse(given), hydra.config_loader)
            yield hydra, given
        except (PoolscopeError, HydraException, OmegaConfBaseException, yaml.YAMLError, UnicodeDecodeError):
            raise
        except BrokenPipeError:
            raise
        except Exception as error:
            if not composing:
                raise
            reason = " ".join(str(error).split())[:200].rstrip(".") or "a reference in it can't be resolved"
            if isinstance(error, (AttributeError, KeyError, TypeError)):
                reason = "a value in it has not the form that its key takes"
            raise PoolscopeError(f"{' '.join(overrides)[:200]} can't be composed: {reason}.") from error


def compose_one(
    hydra: Any,
    given: list[str],
    multirun: bool = False,
    remedy: str = "add -m for a sweep over them, or write a list as [..]",
) -> DictConfig:
    """Compose the configuration that these overrides mean, or what the jobs of a sweep have in common.

    remedy: what to do about several values of a key where this is no sweep. Raises PoolscopeError for those, and for a
    launcher or a sweeper that can't work.
    """
    for override in _parse(given):
        if override.is_sweep_override() and not multirun:
            raise PoolscopeError(f"{override.input_line} gives several values; {remedy}.")
        if override.is_sweep_override() and override.is_hydra_override():
            raise PoolscopeError(f"{override.input_line}: one sweep is launched in one way; give one value.")
    mode = RunMode.MULTIRUN if multirun else RunMode.RUN
    composed: DictConfig = hydra.compose_config("train", given, run_mode=mode, from_shell=False)
    OmegaConf.set_readonly(composed.hydra, False)
    if OmegaConf.select(composed, "hydra.launcher.n_jobs") == 0:
        raise PoolscopeError("hydra.launcher.n_jobs must be -1 (a process for each core) or at least 1, not 0.")
    _check_engines(composed)
    return composed


def compose_shown(hydra: Any, given: list[str]) -> DictConfig:
    """Compose one configuration to be shown, checked like one to be run; something in it may not be set yet."""
    composed = compose_one(hydra, given, remedy="one configuration can be shown: give one of them")
    if not OmegaConf.missing_keys(run := _without_hydra(composed)):
        to_config(run)
    return composed


def _compose_runs(
    hydra: Any,
    given: list[str],
    multirun: bool,
    most_jobs: int,
    groups: Sequence[Points],
    options: SweepOptions,
) -> Composed:
    first = compose_one(hydra, given, multirun)
    sweeps = multirun or first.hydra.mode == RunMode.MULTIRUN
    launcher = _name_launcher(first)
    if groups and (not sweeps or first.hydra.runtime.choices["hydra/sweeper"] != "basic"):
        raise PoolscopeError("zip(...) and points(...) make a sweep: add -m, and leave hydra/sweeper as it is.")
    if not sweeps:
        return Composed([to_config(_without_hydra(first))], False, launcher, True)
    if first.hydra.runtime.choices["hydra/sweeper"] != "basic":
        return Composed([to_config(_without_hydra(first))], True, launcher, False)
    jobs = options.draw(multiply(_list_jobs(first, given, most_jobs, groups), groups))
    if not jobs:
        raise PoolscopeError(f"{' '.join(given)[:200]} makes no job, because a sweep in it has no values.")
    return _check_jobs(first, given, jobs, options)


def _check_jobs(first: DictConfig, given: list[str], jobs: list[list[str]], options: SweepOptions) -> Composed:
    """The checked configuration of each job of a sweep; those that can't be are left out where that is asked for."""
    configs: list[RunConfig] = []
    refused: dict[int, PoolscopeError] = {}
    for place, job in enumerate(_compose_jobs(jobs, given, first)):
        try:
            configs.append(to_config(job))
        except PoolscopeError as error:
            if not options.skips:
                raise
            refused[place] = error
    if not configs:
        raise refused[0]
    kept = [job for place, job in enumerate(jobs) if place not in refused]
    left_out = [(describe_job(jobs[place], jobs), str(error)) for place, error in refused.items()]
    launcher = _name_launcher(first)
    workers = _count_workers(first, launcher)
    return Composed(configs, True, launcher, True, kept, workers, left_out, options.skips)


def describe_job(job: list[str], jobs: list[list[str]]) -> str:
    """Describe a job by its overrides that not all jobs have."""
    shared = set(job).intersection(*map(set, jobs))
    return " ".join(word for word in job if word not in shared) or " ".join(job)


def _name_launcher(first: DictConfig) -> str:
    """What launches the jobs, whatever the file is called that chooses it: local, slurm, ray, or the choice itself."""
    return _ENGINES.get(_find_plugin(first.hydra.launcher)) or str(first.hydra.runtime.choices["hydra/launcher"])


def _find_plugin(engine: Any) -> str:
    """The module of hydra_plugins that a launcher or sweeper comes from; "" for Hydra's own."""
    target = str((engine or {}).get("_target_", ""))
    return target.split(".")[1] if target.startswith("hydra_plugins.") else ""


def _count_workers(first: DictConfig, launcher: str) -> int | None:
    """How many runs a launcher has this machine do at a time; None where it isn't this machine's to say."""
    if launcher == "basic":
        return 1
    if launcher != "local":
        return None
    asked = int(first.hydra.launcher.n_jobs)
    return asked if asked > 0 else len(list_cores())


def _list_jobs(first: DictConfig, overrides: list[str], most: int, groups: Sequence[Points]) -> list[list[str]]:
    """The overrides of each job, as Hydra's basic sweeper makes them: the command line's over the experiment's grid.

    most: jobs that there may be, those of linked keys included.
    """
    linked = list_keys(groups)
    params = first.hydra.sweeper.params or {}
    if not isinstance(params, Mapping):
        raise PoolscopeError(
            f"hydra.sweeper.params must be keys with their values, as {{pool: 'max,avg'}}, not {params}."
        )
    grid = [f"{key}={value}" for key, value in params.items() if key not in linked]
    parsed = _parse([*grid, *overrides])
    check_choices(parsed, GlobalHydra.instance().config_loader())
    jobs = {override.key_or_group: _count_values(override) for override in parsed if override.is_sweep_override()}
    jobs |= {"zip(...)": float(math.prod(map(len, groups)))} if groups else {}
    total = math.prod(max(1.0, count) for count in jobs.values())  # a key without values hides no endless one
    if total > most:
        named = max(jobs, key=lambda key: jobs[key])
        raise PoolscopeError(
            f"This makes {total:.4g} jobs, and there may be at most {most:,}; {named} alone takes "
            f"{jobs[named]:.4g} values."
        )
    of_jobs = [override for override in parsed if not override.is_hydra_override()]
    return BasicSweeper.split_arguments(of_jobs, max_batch_size=None)[0]


def _compose_jobs(jobs: list[list[str]], given: list[str], first: DictConfig) -> Iterator[DictConfig]:
    """What Hydra composes for each job; jobs that differ in plain values only are composed once and changed.

    given: overrides of the whole sweep, of which all jobs have the folders where configuration files are looked for.
    first: what they have in common, which is the composition of jobs that choose no more files.
    """
    folders = [word for word in given if _key(word) == "hydra.searchpath"]
    shared = [word for word in _parse(given) if not word.is_sweep_override() and not word.is_hydra_override()]
    chosen = tuple(str(word.input_line) for word in shared if not is_value(word))
    composed = {chosen: _without_hydra(first)}
    parsed = {word: _parse([word])[0] for job in jobs for word in job}
    for job in jobs:
        values = [word for word in job if is_value(parsed[word])]
        rest = tuple(word for word in job if word not in values)
        try:
            if rest not in composed:
                composed[rest] = compose("train", [*folders, *rest])
            config = copy.deepcopy(composed[rest])
            for word in values:
                OmegaConf.update(config, parsed[word].key_or_group, parsed[word].value())
        except (HydraException, OmegaConfBaseException):
            config = compose("train", [*folders, *job])  # says what is wrong with it
        yield config


def _parse(words: list[str]) -> list[Override]:
    loader = GlobalHydra.instance().config_loader()
    return OverridesParser.create(config_loader=loader).parse_overrides(words)


def _key(word: str) -> str:
    return word.partition("=")[0]


def _check_engines(first: DictConfig) -> None:
    """Refuse a launcher or sweeper whose package is not installed."""
    for kind in ("launcher", "sweeper"):
        module = _find_plugin(first.hydra[kind])
        if module and (find_spec("hydra_plugins") is None or find_spec(f"hydra_plugins.{module}") is None):
            choice, extra = first.hydra.runtime.choices[f"hydra/{kind}"], _ENGINES.get(module)
            remedy = describe_install(extra) if extra else f"install {module.replace('_', '-')}"
            raise PoolscopeError(f"hydra/{kind}={choice} needs a package that is not installed: {remedy}.")


def _count_values(override: Override) -> float:
    """How many values a swept key takes, without making them."""
    value = override.value()
    if isinstance(value, RangeSweep):
        start, stop, step = value.start or 0, value.stop or 0, value.step
        return max(0.0, math.ceil((stop - start) / step)) if step else math.inf
    return sum(1 for _ in override.sweep_iterator())


def _without_hydra(composed: DictConfig) -> DictConfig:
    return OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
