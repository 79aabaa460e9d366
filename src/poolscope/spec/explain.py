"""Errors of Hydra, OmegaConf and YAML in one sentence: the key, the value it got, and what would fit."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import get_type_hints

import yaml
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.types import ChoiceSweep, Glob, Override, QuotedString
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from poolscope.spec.config import SETTINGS, RunConfig
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.overrides import describe_mistake


@contextmanager
def in_one_sentence(overrides: Sequence[str]) -> Iterator[None]:
    """Raise PoolscopeError for whatever fails while these overrides are composed."""
    try:
        yield
    except OverrideParseException as error:
        raise PoolscopeError(f"{describe_mistake(error.override or '')}.") from error
    except MissingConfigException as error:
        raise PoolscopeError(_missing_choice(error, overrides)) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{mark.name}, line {mark.line + 1}" if mark else "a configuration file"
        raise PoolscopeError(f"{where}: not valid YAML ({error.problem}).") from error
    except yaml.reader.ReaderError as error:
        raise PoolscopeError(
            f"{error.name}: not valid YAML (character {error.position + 1}: {error.reason})."
        ) from error
    except UnicodeDecodeError as error:
        raise PoolscopeError(f"A configuration file is not UTF-8 text ({error.reason}).") from error
    except (HydraException, OmegaConfBaseException) as error:
        raise PoolscopeError(_bad_key_or_value(error, overrides)) from error


def check_choices(overrides: Sequence[Override], loader: ConfigLoader) -> None:
    """Refuse what is no name of a choice where a group takes one; Hydra would merge a list, and fail at the rest."""
    for override in overrides:
        key, line = override.key_or_group, override.input_line or ""
        if not key:
            raise PoolscopeError(f"The override {line!r} names no key; write key=value.")
        choices = [] if "." in key or key in SETTINGS else loader.get_group_options(key)
        if not choices:
            continue
        given = override.value()
        if override.is_delete():
            if given is not None and not _is_name(given):
                raise PoolscopeError(f"{line}: write ~{key}, or ~{key}=... with the choice that is taken away.")
        elif key == "experiment" and isinstance(given, list) and all(map(_is_name, given)):  # one over the other
            for name in map(str, given):
                if name not in choices:
                    raise PoolscopeError(_not_a_choice(key, name, choices))
        elif not isinstance(given, dict):
            values = given.list if isinstance(given, ChoiceSweep) else [given]
            if not all(map(_is_name, values)):
                text = line.partition("=")[2]
                sweep = f" (a sweep over several is written -m {key}={text[1:-1]})" if isinstance(given, list) else ""
                raise PoolscopeError(f"{key} must be one of {', '.join(choices)}, not {text}{sweep}.")


def _is_name(value: object) -> bool:
    return isinstance(value, (str, QuotedString, Glob))


def _missing_choice(error: MissingConfigException, overrides: Sequence[str]) -> str:
    missing = error.missing_cfg_file or ""
    keys = {text.partition("=")[0].lstrip("+") for text in overrides}
    group = next((key for key in keys if key and missing.startswith(f"{key}/")), missing.rpartition("/")[0])
    choice = missing.removeprefix(f"{group}/")
    if not group or not error.options:
        return f"{_first_line(error)}."
    return _not_a_choice(group, choice, error.options)


def _not_a_choice(group: str, choice: str, options: Sequence[str]) -> str:
    near = difflib.get_close_matches(choice, options, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    if group == "data" and not near:
        hint = f" (a set of the tensorflow-datasets catalogue is chosen by data=tfds data.name={choice})"
    return f"{group}={choice} is not a choice{hint}; {group} must be one of {', '.join(sorted(options))}."


def _bad_key_or_value(error: Exception, overrides: Sequence[str]) -> str:
    """The sentence for what Hydra and OmegaConf say in several lines, from the most to the least particular."""
    message = "\n".join(str(part) for part in _chain(error))
    if found := re.search(r"Multiple values for (\S+)\. To override|(\S+) appears more than once in the", message):
        group = found[1] or found[2]
        return f"{group} is chosen already; write {group}=... without the + to choose another."
    file = re.search(r"^In '([^']+)':", message)
    where = f"{file[1]}.yaml: " if file else ""
    merging = re.search(r"Error merging override \+*([^=\s]+)=(.*)", message)
    named = re.search(r"full_key: ([^\[\s]+)", message) or re.search(r"Could not override '([^']+)'", message)
    key = named[1] if named and named[1] != "_dummy_" else ""  # Hydra's own, for groups
    value = merging[2] if merging and merging[1] == key else _value(key, overrides, message)
    if key and key not in SETTINGS and re.search(r"Key '[^']+' not in '\w+Config'|Could not override", message):
        if file and key == "experiment":
            return f"{where}the file must begin with the line '# @package _global_' and set a key."
        section, known = _nearest_section(key)
        near = _find_near(key, section, known)
        hint = f" (did you mean {' or '.join(near)}?)" if near else ""
        given = key if value is None else f"{key}={value}"
        if key.startswith("hydra"):
            return f"{where}{given}: Hydra has no such key."
        return f"{where}{given}: there is no such key{hint}; {section} takes {', '.join(known)}."
    if "does not support deletion" in message:
        return f"{key} can't be taken away; give it another value."
    if (expected := _expected(key)) and "nterpolation" not in message:
        shown = "this" if value is None else value or "empty"
        return f"{where}{key} must be {expected}, not {shown}."
    if found := re.search(r"(\w+) is not a subclass of (\w+)Config\. value: (.*)", message):
        return f"{where}{found[2].lower()} must be a group of keys, not {found[3]}."
    if file and "Cannot merge DictConfig with ListConfig" in message:
        return f"{where}the file must hold keys with values, not a list."
    telling = (part for part in _chain(error) if not re.match(r"Error merging override|In '", str(part)))
    return f"{where}{key + ': ' if key else ''}{_first_line(next(telling, error))}."


def _value(key: str, overrides: Sequence[str], message: str) -> str | None:
    """What was given for a key: on the command line, else in a file."""
    given = [text.split("=", 1)[1] for text in overrides if text.lstrip("+").startswith(f"{key}=")]
    found = re.search(r"[Vv]alue:? '?(.+?)'?(?: of type| is not a valid|, expected|$)", message, re.MULTILINE)
    return given[-1] if given else found[1] if found else None


def _expected(key: str) -> str:
    """What fits a key of a run; "" for a section and for what is no key."""
    return SETTINGS[key].expected if key in SETTINGS else ""


def _find_near(key: str, section: str, known: Sequence[str]) -> list[str]:
    """Keys that may have been meant: those of that name in any section, else those that are spelt alike."""
    name = key.rpartition(".")[2]
    if same := [other for other in SETTINGS if other.rpartition(".")[2] == name]:
        return same
    near = difflib.get_close_matches(key.removeprefix(f"{section}.").partition(".")[0], known, n=1)
    return near or difflib.get_close_matches(key, SETTINGS, n=1, cutoff=0.75)


def _nearest_section(key: str) -> tuple[str, list[str]]:
    """The deepest section of a run that holds the start of a key, and the keys which that section takes."""
    kind: type = RunConfig
    path: list[str] = []
    for part in key.split(".")[:-1]:
        section = get_type_hints(kind).get(part)
        if not isinstance(section, type) or not dataclasses.is_dataclass(section):
            break
        kind, path = section, [*path, part]
    return ".".join(path) or "a run", [entry.name for entry in dataclasses.fields(kind)]


def _chain(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    line = " ".join(lines[0].split()).rstrip(".") if lines else type(error).__name__
    line = re.sub(r"^\w+ raised while resolving interpolation: ", "a reference in it can't be resolved: ", line)
    return re.sub(
        r"(\w+Exception|mismatched input|extraneous input|no viable|token recognition).*", "it is no value", line
    )
