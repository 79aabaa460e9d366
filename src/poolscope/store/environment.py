"""The lockfile of a study: what was installed where its runs were trained, on what machine, by which commands."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from poolscope.spec.paths import runs_folder, study_folder
from poolscope.store.files import write_text
from poolscope.store.sweep import read_sweep

_NAME = "environment.json"


def describe_environment(results: str | Path, study: str) -> dict[str, Any]:
    """Python, machine, installed packages with versions, and the study's commands; no folder of this machine."""
    packages = {name: version for name, version in map(_read_package, distributions()) if name}
    return {
        "python": platform.python_version(),
        "machine": {
            "system": platform.system(),
            "architecture": platform.machine(),
            "processor": read_processor(),
            "cores": os.cpu_count(),
        },
        "commands": [_without_paths(command) for command in read_sweep(results, study).commands],
        "packages": dict(sorted(packages.items(), key=lambda item: item[0].lower())),
    }


def _read_package(package: Distribution) -> tuple[str, str | None]:
    """Name and version from the head of a package's description, which the library would parse to its end."""
    head = (package.read_text("METADATA") or "").partition("\n\n")[0]
    found = re.findall(r"^(Name|Version):[ \t]*(.*\S)", head, re.M)
    if sorted(key for key, _ in found) != ["Name", "Version"]:
        return package.metadata["Name"] or "", package.metadata["Version"]
    return dict(found)["Name"], dict(found)["Version"]


def write_environment(results: str | Path, study: str) -> None:
    """Keep the environment beside the study's records, with those of earlier runs elsewhere."""
    path = runs_folder(results, study) / _NAME
    known = read_environment(path)
    environment = join_environments(known, describe_environment(results, study))
    if environment != known:
        write_text(json.dumps(environment, indent=1) + "\n", path)


def publish_environment(results: str | Path, study: str) -> None:
    """Put the environment of the runs among the study's committed tables; one that is there without runs stays."""
    kept = read_environment(runs_folder(results, study) / _NAME)
    path = study_folder(results, study) / "tables" / _NAME
    if kept:
        write_text(json.dumps(join_environments(read_environment(path), kept), indent=1) + "\n", path)


def read_environment(path: Path) -> dict[str, Any]:
    """An environment that was written before; nothing where the file isn't there or holds none."""
    with suppress(OSError, ValueError, TypeError, AttributeError):
        content = json.loads(path.read_text(encoding="utf-8"))
        entries = list_environments(content)
        if all(
            isinstance(entry.get("packages"), dict) and isinstance(entry.get("commands"), list) for entry in entries
        ):
            return dict(content)
    return {}


def join_environments(*environments: Mapping[str, Any]) -> dict[str, Any]:
    """One environment of several, oldest first: the last one, and under "earlier" those of other machines or versions.

    Two are the same where Python, the machine and the versions of all packages that both have agree; their commands
    and packages are joined.
    """
    distinct: list[dict[str, Any]] = []
    for entry in (entry for whole in environments for entry in list_environments(whole)):
        same = next((known for known in distinct if _are_the_same(known, entry)), None)
        if same is not None:
            distinct.remove(same)
            commands = [*same.get("commands", ()), *entry.get("commands", ())]
            packages = {**same.get("packages", {}), **entry.get("packages", {})}
            packages = dict(sorted(packages.items(), key=lambda item: item[0].lower()))
            entry = entry | {"commands": list(dict.fromkeys(commands)), "packages": packages}
        distinct.append(entry)
    if not distinct:
        return {}
    return distinct[-1] | ({"earlier": distinct[:-1]} if distinct[1:] else {})


def list_environments(environment: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The environments of earlier runs, then that of the last ones; none of an empty one."""
    last = {key: value for key, value in environment.items() if key != "earlier"}
    return [*environment.get("earlier", ()), *([last] if last else [])]


def _are_the_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    mine, theirs = one.get("packages", {}), other.get("packages", {})
    versions = all(mine[name] == theirs[name] for name in mine.keys() & theirs.keys())
    return versions and all(one.get(key) == other.get(key) for key in ("python", "machine"))


def read_processor() -> str:
    """The model of this machine's processor, as its system calls it; "" where it doesn't say."""
    with suppress(OSError):
        if found := re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.M):
            return found[1]
    return platform.processor()


def _without_paths(command: str) -> str:
    return re.sub(r"(?<![\w.])~?/[^\s'\",\]]*", "PATH", command)
