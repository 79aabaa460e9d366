"""`poolscope pack`: a study as an artifact for reviewers, which checks itself by `make verify`."""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import yaml

from poolscope import __version__
from poolscope.commands.arguments import add_results, read_count
from poolscope.process.terminal import format_count
from poolscope.spec.command_line import write_command
from poolscope.spec.config import to_record
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import PACKAGE, shipped, study_folder
from poolscope.store.cells import read_config
from poolscope.store.environment import join_environments, list_environments, read_environment
from poolscope.store.files import write_text

SUMMARY = "Pack a study for reviewers: configurations, tables, code, pinned requirements, a checklist and make verify."
_HATCHLING = "hatchling==1.33.0"  # as in pyproject.toml


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `poolscope pack`."""
    parser.add_argument("study", help="the study's name")
    parser.add_argument("--out", help="folder to write, which must not exist or be empty (default: <study>-artifact)")
    parser.add_argument("--runs", type=read_count, default=3, help="how many make verify reruns (default: 3)")
    add_results(parser)


def run(options: argparse.Namespace) -> int:
    """Write the artifact; returns 0, or 1 where a damaged record is left out."""
    from poolscope.reports.checklist import write_checklist
    from poolscope.statistics.tables import collect, tabulate_run, write_tables

    folder = Path(options.out or f"{options.study}-artifact")
    tables = collect(options.results, options.study)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise PoolscopeError(f"{folder} exists and isn't an empty folder; choose another with --out.")
    for sentence in tables.damaged:
        print(f"Left out: {sentence}")
    commands, packages = _read_environment(options.results, options.study)
    _copy_code(folder / "source")
    write_tables(tables, folder / "results" / options.study / "tables")
    rows = {row["digest"]: tabulate_run(row) for row in tables.runs.to_dict("records")}
    for digest, row in rows.items():
        text = yaml.safe_dump(to_record(read_config(row)), sort_keys=False)
        write_text(f"# {write_command(row)}\n{text}", folder / "configs" / f"{digest}.yaml")
    environment = {"commands": list(commands), "packages": packages, "python": platform.python_version()}
    write_text(json.dumps(environment, indent=1) + "\n", folder / "environment.json")
    texts = {
        "CHECKLIST.md": write_checklist(options.study, tables, commands),
        "requirements.txt": "".join(f"{line}\n" for line in pin_requirements(packages)),
        "Makefile": _MAKEFILE.format(study=options.study, runs=options.runs),
        "Containerfile": _CONTAINER.format(python=".".join(platform.python_version_tuple()[:2])),
        "README.md": _README.format(
            study=options.study, runs=options.runs, count=format_count(len(tables.runs), "run")
        ),
    }
    for name, text in texts.items():
        write_text(text, folder / name)
    write_text("".join(_list_sums(folder)), folder / "SHA256SUMS")
    print(
        f"Written to {folder}: {format_count(len(rows), 'configuration')}, {format_count(len(tables.runs), 'run')}; "
        f"check it by make -C {folder} verify"
    )
    return 1 if tables.damaged else 0


def pin_requirements(packages: dict[str, str]) -> list[str]:
    """Pin all that poolscope needs, and what that needs, to the versions of the study, else to those installed here.

    packages: names with versions, as the study's environment has them.
    """
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    known = {canonicalize_name(name): number for name, number in packages.items()}
    pins: dict[str, str] = {}
    waiting = ["poolscope"]
    while waiting:
        try:
            needs = requires(waiting.pop()) or []
        except PackageNotFoundError:
            continue
        for need in map(Requirement, needs):
            name = canonicalize_name(need.name)
            if name in pins or name == "poolscope" or (need.marker and not need.marker.evaluate({"extra": ""})):
                continue
            try:
                pins[name] = known.get(name) or version(name)
            except PackageNotFoundError:
                continue
            waiting.append(name)
    return [f"{name}=={number}" for name, number in sorted(pins.items())]


def _read_environment(results: str, study: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """The commands of a study on all machines, and the versions of its last runs, as far as they are recorded."""
    from poolscope.spec.paths import runs_folder

    places = (study_folder(results, study) / "tables", runs_folder(results, study))
    known = (read_environment(place / "environment.json") for place in places)
    environments = list_environments(join_environments(*known))
    commands = dict.fromkeys(str(command) for one in environments for command in one.get("commands", ()))
    packages = environments[-1].get("packages", {}) if environments else {}
    return tuple(commands), {str(name): str(number) for name, number in packages.items()}


def _copy_code(folder: Path) -> None:
    """The package with its configurations and protocols, as a wheel has them, and what builds it."""
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc", "results")
    shutil.copytree(PACKAGE, folder / "poolscope", ignore=ignore)
    for name in ("configs", "experiments"):
        if not (folder / "poolscope" / name).is_dir():
            shutil.copytree(shipped(name), folder / "poolscope" / name, ignore=ignore)
    write_text(_PYPROJECT.format(version=__version__, hatchling=_HATCHLING), folder / "pyproject.toml")


def _list_sums(folder: Path) -> Iterator[str]:
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        yield f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n"


_PYPROJECT = """[build-system]
requires = ["{hatchling}"]
build-backend = "hatchling.build"

[project]
name = "poolscope"
version = "{version}"
requires-python = ">=3.11"

[project.scripts]
poolscope = "poolscope.cli:main"

[tool.hatch.build.targets.wheel]
packages = ["poolscope"]
"""

_MAKEFILE = """# make verify: checks the files, reruns {runs} runs as recorded, and compares them with the tables.
# make report: tables, figures and pages again. POOLSCOPE: another installation of it.
PYTHON ?= python3
POOLSCOPE ?= .venv/bin/poolscope
RUNS ?= {runs}
OWN := $(filter .venv/bin/poolscope,$(POOLSCOPE))

.PHONY: verify report
verify: $(OWN)
	sha256sum --quiet -c SHA256SUMS
	$(POOLSCOPE) reproduce {study} --runs $(RUNS) --results results

report: $(OWN)
	$(POOLSCOPE) report {study} --results results

.venv/bin/poolscope:
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet -r requirements.txt
	.venv/bin/python -m pip install --quiet --no-deps ./source
"""

_CONTAINER = """FROM docker.io/library/python:{python}-slim
RUN apt-get update && apt-get install -y --no-install-recommends make && rm -rf /var/lib/apt/lists/*
COPY . /artifact
WORKDIR /artifact
RUN make .venv/bin/poolscope
CMD ["make", "verify"]
"""

_README = """# {study}: artifact

{count}. `make verify` sets up, checks every file against `SHA256SUMS`, reruns {runs} of the runs as recorded and
compares them: bit for bit with the same versions and kind of processor, else within what two seeds differ by.

| file | what it holds |
| --- | --- |
| `CHECKLIST.md` | the reproducibility checklist, filled from the records |
| `results/{study}/tables/` | every run: configuration, results, curves, confusion |
| `configs/` | each configuration, with the command that trains it |
| `source/` | the code, with its configuration files |
| `requirements.txt`, `environment.json` | versions |
| `Containerfile` | `podman build -t {study} . && podman run {study}` does the same in a container |

`make report` draws tables and figures again. Sets of tensorflow-datasets have to be prepared first:
`.venv/bin/poolscope data prepare mnist --throwaway`.
"""
