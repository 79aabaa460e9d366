"""From overrides typed at the command line to checked configurations, every job of a sweep before the first one runs.

Hydra does the composing; its exceptions are turned into one sentence that names the key, the value and what would fit.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from poolscope.config import RunConfig, to_config
from poolscope.errors import PoolscopeError
from poolscope.paths import shipped


@dataclass(frozen=True)
class Composed:
    """What a command line means: one configuration for each job, and how Hydra would launch them."""

    configs: list[RunConfig]
    multirun: bool
    launcher: str
    complete: bool  # False where a sweeper chooses later jobs by the results of earlier ones


def register_schemas() -> None:
    """Make the dataclasses of config.py Hydra's schema of a run."""
    ConfigStore.instance().store(group="schema", name="run", node=RunConfig, package="_global_")


def compose_runs(overrides: Sequence[str], multirun: bool = False, config_dir: str | None = None) -> Composed:
    """Every configuration that `poolscope train` would run for these overrides, each checked.

    Raises PoolscopeError with one sentence for the first one that can't be.
    """
    register_schemas()
    given = list(overrides)
    if config_dir:
        if not Path(config_dir).is_dir():
            raise PoolscopeError(f"--config-dir must be a folder, and {config_dir!r} is none.")
        given.append(f"hydra.searchpath=[file://{Path(config_dir).resolve()}]")
    with initialize_config_dir(str(shipped("configs")), job_name="poolscope", version_base="1.3"), _one_sentence(given):
        mode = RunMode.MULTIRUN if multirun else RunMode.RUN
        composer = GlobalHydra.instance().hydra
        assert composer is not None
        first = composer.compose_config("train", given, run_mode=mode, from_shell=False)
        OmegaConf.set_readonly(first.hydra, False)
        sweeps = multirun or first.hydra.mode == RunMode.MULTIRUN
        launcher = str(first.hydra.runtime.choices["hydra/launcher"])
        if not sweeps:
            return Composed([_checked(first)], False, launcher, True)
        if first.hydra.runtime.choices["hydra/sweeper"] != "basic":
            return Composed([_checked(first)], True, launcher, False)
        jobs = [compose("train", job) for job in _jobs(first, given)]
    return Composed([to_config(job) for job in jobs], True, launcher, True)


def _jobs(first: DictConfig, overrides: list[str]) -> list[list[str]]:
    """The overrides of each job, as Hydra's basic sweeper makes them: the experiment's grid under the command line's."""
    parameters = OmegaConf.to_container(first.hydra.sweeper.params) if first.hydra.sweeper.params else {}
    assert isinstance(parameters, dict)
    loader = GlobalHydra.instance().config_loader()
    parsed = OverridesParser.create(config_loader=loader).parse_overrides(
        [*(f"{key}={value}" for key, value in parameters.items()), *overrides]
    )
    return BasicSweeper.split_arguments(parsed, max_batch_size=None)[0]


def _checked(composed: DictConfig) -> RunConfig:
    composed = OmegaConf.masked_copy(composed, [key for key in composed if key != "hydra"])
    return to_config(composed)


@contextmanager
def _one_sentence(overrides: list[str]) -> Iterator[None]:
    try:
        yield
    except OverrideParseException as error:
        raise PoolscopeError(
            f"The override {error.override!r} can't be read ({_first_line(error)}); write key=value, and quote values "
            "with spaces, commas or brackets for the shell."
        ) from error
    except MissingConfigException as error:
        raise PoolscopeError(_missing_choice(error, overrides)) from error
    except (HydraException, OmegaConfBaseException) as error:
        raise PoolscopeError(_bad_key_or_value(error, overrides)) from error


def _missing_choice(error: MissingConfigException, overrides: list[str]) -> str:
    group, _, choice = (error.missing_cfg_file or "").rpartition("/")
    if not group or not error.options:
        return f"{_first_line(error)}."
    near = difflib.get_close_matches(choice, error.options, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"{group}={choice} is not a choice{hint}; {group} must be one of {', '.join(sorted(error.options))}."


def _bad_key_or_value(error: Exception, overrides: list[str]) -> str:
    message = "\n".join(str(part) for part in _chain(error))
    several = re.search(r"Ambiguous value for argument '([^'=]+)=(.*)'", message)
    if several:
        return f"{several[1]}={several[2]} gives several values; add -m for a sweep over them, or write a list as [..]."
    could_not = re.search(r"Could not override '([^']+)'", message)
    named = re.search(r"full_key: (\S+)", message)
    key = (could_not or named)[1] if could_not or named else ""
    value = next((text.split("=", 1)[1] for text in overrides if text.lstrip("+~").startswith(f"{key}=")), "")
    group = re.search(r"Could not override '?([\w/@.]+)'?\.?\s*(?:No match|to)", message)
    unknown = re.search(r"Key '([^']+)' (?:is )?not in", message)
    if unknown and key:
        where, known = _nearest_section(key)
        near = difflib.get_close_matches(key.removeprefix(f"{where}.").partition(".")[0], known, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        return f"{key}={value}: there is no such key{hint}; {where} takes {', '.join(known)}."
    conversion = re.search(r"could not be converted to (\w+)", message)
    if conversion and key:
        return f"{key} must be {_article(conversion[1])}, not {value or _quoted(message)}."
    if "non-nullable" in message or "Incompatible value 'None'" in message:
        return f"{key} must have a value, not null."
    if group:
        return f"{_first_line(error)}; run `poolscope train --help` to see the keys and groups."
    return f"{key + ': ' if key else ''}{_first_line(error)}."


def _nearest_section(key: str) -> tuple[str, list[str]]:
    """The deepest section of a run that holds the start of a key, and the keys which that section takes."""
    kind: type = RunConfig
    path: list[str] = []
    for part in key.split(".")[:-1]:
        section = {entry.name: entry.default_factory for entry in dataclasses.fields(kind)}.get(part)
        if not isinstance(section, type) or not dataclasses.is_dataclass(section):
            break
        kind, path = section, [*path, part]
    return ".".join(path) or "a run", [entry.name for entry in dataclasses.fields(kind)]


def _chain(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__


def _article(kind: str) -> str:
    return {"Integer": "a whole number", "Float": "a number", "Boolean": "true or false"}.get(kind, f"of type {kind}")


def _quoted(message: str) -> str:
    found = re.search(r"Value '([^']*)'", message)
    return repr(found[1]) if found else "this"


def _first_line(error: BaseException) -> str:
    return " ".join(str(error).strip().splitlines()[0].split()).rstrip(".")
