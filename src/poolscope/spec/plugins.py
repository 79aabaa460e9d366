"""Other people's operators, data sets and measurements: where they are, found without importing them.

An installed package offers a module by an entry point in one of the groups below, the entry's value being the module's
dotted name. A single file is offered to one command by `poolscope --plugin FILE ...`, which stands in the environment
variable POOLSCOPE_PLUGINS so that worker processes see it as well; it may hold things of all three kinds.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from poolscope.spec.errors import PoolscopeError

GROUPS = ("poolscope.operators", "poolscope.datasets", "poolscope.measurements")
VARIABLE = "POOLSCOPE_PLUGINS"


@dataclass(frozen=True)
class Plugin:
    """A module that contributes to poolscope: its file and dotted name, and the package and version that it is from.

    Of a single file the package is its name and the version a digest of its text.
    """

    path: Path
    module: str
    package: str
    version: str


@cache
def find_plugins(group: str) -> tuple[Plugin, ...]:
    """The plugins of a group, installed ones first, then the files of POOLSCOPE_PLUGINS."""
    installed = (_locate(entry) for entry in sorted(entry_points(group=group), key=lambda entry: entry.name))
    return (*installed, *_files())


def use_files(paths: Sequence[str]) -> None:
    """Make Python files plugins of this process and of those that it starts."""
    known = filter(None, [os.environ.get(VARIABLE)])
    os.environ[VARIABLE] = os.pathsep.join([*known, *(str(Path(path).resolve()) for path in paths)])


def import_plugin(module: str) -> ModuleType:
    """Import a plugin's module by its dotted name, a single file by the path that goes with it."""
    for plugin in _files():
        if plugin.module == module and module not in sys.modules:
            spec = importlib.util.spec_from_file_location(module, plugin.path)
            assert spec is not None and spec.loader is not None
            sys.modules[module] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(sys.modules[module])
    return importlib.import_module(module)


def _files() -> Iterator[Plugin]:
    for text in filter(None, os.environ.get(VARIABLE, "").split(os.pathsep)):
        path = Path(text)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise PoolscopeError(f"--plugin {path} can't be read ({error.strerror}).") from error
        if path.suffix != ".py" or not path.stem.isidentifier():
            raise PoolscopeError(f"--plugin must name a Python file such as my_pools.py, not {path}.")
        yield Plugin(path, path.stem, path.name, hashlib.sha256(content).hexdigest()[:12])


def _locate(entry: EntryPoint) -> Plugin:
    """The file of an entry point's module; only its top-level package is looked up, so that nothing is imported."""
    package = entry.dist.name if entry.dist else entry.name
    top, *inner = entry.value.split(".")
    spec = importlib.util.find_spec(top)
    places = [Path(place).joinpath(*inner) for place in (spec.submodule_search_locations or [])] if spec else []
    files = [file for place in places for file in (place.with_suffix(".py"), place / "__init__.py")]
    if spec and not inner and spec.origin:
        files.insert(0, Path(spec.origin))
    for file in files:
        if file.is_file():
            return Plugin(file, entry.value, package, entry.dist.version if entry.dist else "")
    raise PoolscopeError(f"The package {package} offers {entry.value} to poolscope, which has no Python file.")
