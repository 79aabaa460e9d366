"""A configuration as the shortest command line that composes it, from the shipped configuration files."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping
from functools import cache
from typing import Any

import yaml

from poolscope.spec.config import RESULT_KEYS, SETTINGS, RunConfig, to_dict
from poolscope.spec.paths import shipped

_GROUPS = {"data": "digits", "model": "cnn", "pool": "max", "optim": "sgd", "measure": "basic"}  # as in train.yaml


def write_command(values: Mapping[str, Any]) -> str:
    """The command that trains this configuration, for a POSIX shell, without seeds and study.

    Args:
        values: the keys of a run ("pool.name") with their values; null, empty text and NaN mean null, and keys that
            change no result are left out.
    """
    given = {key: _plain(key, values[key]) for key in RESULT_KEYS if key in values}
    given |= {key: None for key in RESULT_KEYS if key not in values and SETTINGS[key].optional}
    known: dict[str, Any] = {key: _plain(key, value) for key, value in _flatten(to_dict(RunConfig())).items()}
    words = []
    for group, usual in _GROUPS.items():
        choice, content = _choose(group, given, usual)
        known |= content
        if group in ("data", "pool") or choice != usual:
            words.append(f"{group}={choice}")
    for key, value in given.items():
        if value != known.get(key):
            text = "null" if value is None else value
            words.append(f'{key}="{text}"' if isinstance(value, str) and _needs_quotes(text) else f"{key}={text}")
    return " ".join(["poolscope train", *(shlex.quote(word) for word in words)])


def _choose(group: str, given: Mapping[str, Any], usual: str) -> tuple[str, dict[str, Any]]:
    """The group's file that leaves the fewest keys to be given, of those with the right name."""
    files = {
        name: content
        for name, content in _read_group(group).items()
        if content.get(f"{group}.name", given.get(f"{group}.name")) == given.get(f"{group}.name")
    }
    if not files:
        fallback = "tfds" if group == "data" else usual
        return fallback, _read_group(group)[fallback]
    wrong = {name: sum(given.get(key) != value for key, value in content.items()) for name, content in files.items()}
    best = min(files, key=lambda name: (wrong[name], -len(files[name]), name != usual, name))
    return best, files[best]


@cache
def _read_group(group: str) -> dict[str, dict[str, Any]]:
    """{choice: {key: value}} of the shipped files of a group."""
    files = {}
    for path in sorted((shipped("configs") / group).glob("*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        if "defaults" not in content:
            flat = {f"{group}.{name}": value for name, value in content.items()}
            files[path.stem] = {key: _plain(key, value) for key, value in flat.items() if key in SETTINGS}
    return files


def _plain(key: str, value: Any) -> Any:
    """A value as the command line writes it: text, or None."""
    if value is None or value == "" or value == "???" or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, str) and value in ("True", "False"):
        value = value == "True"
    if isinstance(value, bool) or SETTINGS[key].kind is bool:
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return json.dumps(value, separators=(",", ":"))
    if isinstance(value, str) and SETTINGS[key].kind is str:
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value).replace(" ", "")
    return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)


def _needs_quotes(text: str) -> bool:
    """Whether Hydra would take the text for more than a word; lists are meant as lists."""
    return not text.startswith("[") and any(letter in text for letter in "[]{}(),:=%'\" ")


def _flatten(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in content.items():
        flat |= _flatten(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return {key: value for key, value in flat.items() if prefix or key in SETTINGS}
