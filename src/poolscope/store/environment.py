"""The lockfile of a study: what was installed where its runs were trained, on what machine, by which commands."""

from __future__ import annotations

import json
import os
import platform
import re
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
    """Keep the environment beside the study's records."""
    text = json.dumps(describe_environment(results, study), indent=1) + "\n"
    path = runs_folder(results, study) / _NAME
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_text(text, path)


def publish_environment(results: str | Path, study: str) -> None:
    """Put the environment of the runs among the study's committed tables; one that is there without runs stays.

    One that is there of another machine, Python or packages, where earlier runs were trained, is kept under "earlier".
    """
    kept, published = runs_folder(results, study) / _NAME, study_folder(results, study) / "tables" / _NAME
    environment, before = _read(kept), _read(published)
    if not environment:
        return
    earlier = before.pop("earlier", [])
    if before and all(before.get(key) == environment.get(key) for key in ("python", "machine", "packages")):
        commands = [*before.get("commands", ()), *environment.get("commands", ())]
        environment["commands"] = list(dict.fromkeys(commands))
    elif before:
        earlier = [*earlier, before]
    if earlier:
        environment["earlier"] = earlier
    write_text(json.dumps(environment, indent=1) + "\n", published)


def _read(path: Path) -> dict[str, Any]:
    """An environment that was written before; nothing where the file isn't there or holds none."""
    with suppress(OSError, ValueError):
        content = json.loads(path.read_text(encoding="utf-8"))
        return content if isinstance(content, dict) else {}
    return {}


def read_processor() -> str:
    """The model of this machine's processor, as its system calls it; "" where it doesn't say."""
    with suppress(OSError):
        if found := re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.M):
            return found[1]
    return platform.processor()


def _without_paths(command: str) -> str:
    return re.sub(r"(?<![\w.])~?/[^\s'\",\]]*", "PATH", command)
