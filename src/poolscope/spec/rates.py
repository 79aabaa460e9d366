"""Tuned learning rates: how a study looks up the rate of an arm, and the file that `rates=FILE` reads.

A study's files may set optim.learning_rate to ${oc.select:rates.<name>}, where <name> is made of the arm's own keys,
such as ${pool.name}_${pool.window}; a dot in it goes one level deeper. `poolscope tune` writes what stands under rates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from poolscope.spec.errors import PoolscopeError

RATE = "optim.learning_rate"
_REFERENCE = re.compile(r"\$\{(?:oc\.select:)?\s*rates\.((?:[\w.-]|\$\{[\w.]+\})+)\s*\}")
_KEY = re.compile(r"\$\{([\w.]+)\}")
_NAME = re.compile(r"[\w.-]+", re.ASCII)


def find_pattern(rate: object) -> str | None:
    """Find the pattern of names in a learning rate as a file has it; None where it isn't looked up under rates.

    Example:
        >>> find_pattern("${oc.select:rates.${pool.name}_${pool.window}}")
        '${pool.name}_${pool.window}'
    """
    found = _REFERENCE.fullmatch(rate.strip()) if isinstance(rate, str) else None
    return found[1] if found else None


def name_arm(pattern: str, values: Mapping[str, Any]) -> str:
    """Name an arm by its own keys, as OmegaConf does.

    Args:
        pattern: from `find_pattern`, or made of keys in the same way.
        values: of the run's keys ("pool.name").

    Raises:
        PoolscopeError: where a key is none of a run, or its value can't be part of a name.

    Example:
        >>> name_arm("${pool.name}_${pool.window}", {"pool.name": "max", "pool.window": 2})
        'max_2'
    """
    if unknown := [key for key in _KEY.findall(pattern) if key not in values]:
        raise PoolscopeError(f"{unknown[0]} is no key of a run; name arms by keys such as pool.name,pool.window.")
    name = _KEY.sub(lambda found: str(values[found[1]]), pattern)
    if not _NAME.fullmatch(name) or "" in name.split("."):
        raise PoolscopeError(f"{name!r} can't name an arm's learning rate; name arms by other keys.")
    return name


def nest(rates: Mapping[str, float]) -> dict[str, Any]:
    """Nest names with dots: {"mnist.max": 0.1} to {"mnist": {"max": 0.1}}."""
    tree: dict[str, Any] = {}
    for name, rate in rates.items():
        *path, last = name.split(".")
        branch = tree
        for part in path:
            branch = branch.setdefault(part, {})
            if not isinstance(branch, dict):
                raise PoolscopeError(f"{name!r} and a part of it can't both name an arm; name arms by other keys.")
        branch[last] = rate
    return tree


def write_rates(pattern: str, rates: Mapping[str, float], about: Sequence[str]) -> str:
    """Write the text of a file for `rates=FILE`, which is also one that Hydra can compose over a study's own.

    Args:
        pattern: of the arms' names.
        rates: {name: learning rate}.
        about: lines of comment.
    """
    section, _, key = RATE.partition(".")
    content = {section: {key: f"${{oc.select:rates.{pattern}}}"}, "rates": nest(rates)}
    comments = "".join(f"# {line}\n" for line in about)
    return f"# @package _global_\n{comments}{yaml.safe_dump(content, sort_keys=False, width=1000)}"


def take_rates(words: Sequence[str]) -> list[str]:
    """Replace rates=FILE by overrides: the rates in it and, unless another is given, the learning rate that reads them.

    Rates that are typed, as rates={max: 0.1} or rates.max=0.1, are made ones that Hydra takes.

    Raises:
        PoolscopeError: where the file can't be read, or isn't one that `poolscope tune` writes.
    """
    taken: list[str] = []
    for word in words:
        key, _, file = word.partition("=")
        if key != "rates" or file.startswith(("{", "$")):
            typed = key == "rates" or key.startswith("rates.")
            taken.append(f"++{word}" if typed else word)  # which adds to a group that has no keys of its own
            continue
        rate, rates = _read_rates(file)
        if not any(re.search(rf"(^|[\s(])[+]*{re.escape(RATE)}=", other) for other in words):
            taken.append(f"{RATE}={rate}")
        taken += [f"++rates.{name}={value!r}" for name, value in rates.items()]
    return taken


def check_rate(optim: Any, select: Callable[[str], Any]) -> None:
    """Refuse an arm that has no learning rate under rates, by its name.

    Args:
        optim: the section as the files have it, with references unresolved.
        select: gives what a composed run has at a key, None for nothing.
    """
    if (pattern := find_pattern(optim.get("learning_rate"))) is None:
        return
    name = name_arm(pattern, {key: select(key) for key in _KEY.findall(pattern)})
    if select(f"rates.{name}") is None:
        known = ", ".join(_flatten(select("rates") or {})) or "nothing"
        raise PoolscopeError(
            f"{RATE} is looked up as rates.{name}, and rates has {known}; tune that arm with `poolscope tune`, add it "
            f"to the rates, or give {RATE}."
        )


def _read_rates(file: str) -> tuple[str, dict[str, float]]:
    try:
        content = yaml.safe_load(Path(file).expanduser().read_text(encoding="utf-8"))
        rate, rates = content["optim"]["learning_rate"], _flatten(dict(content["rates"]))
    except OSError as error:
        raise PoolscopeError(f"rates={file}: it can't be read ({error.strerror}).") from error
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, TypeError, KeyError, RecursionError):
        rate, rates = None, {}
    numbers = all(type(value) in (int, float) for value in rates.values())
    if find_pattern(rate) is None or not rates or not numbers or not all(map(_NAME.fullmatch, rates)):
        raise PoolscopeError(f"rates={file} must be a file as `poolscope tune` writes it, with optim and rates.")
    return rate, {name: float(value) for name, value in rates.items()}


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        flat |= _flatten(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return flat
