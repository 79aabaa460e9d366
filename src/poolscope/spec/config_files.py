"""Configuration files: Hydra's repository, which reads each once as long as it stays as it is; those it refuses."""

from __future__ import annotations

import copy
import math
import os
from pathlib import Path
from typing import Any

import yaml
from hydra._internal.config_repository import ConfigRepository
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult, ConfigSource

from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import shipped

_State = tuple[int, int, int]
_KEPT: dict[tuple[str, str], tuple[_State, ConfigResult]] = {}  # what was read from files, for all repositories


class ReadOnce(ConfigRepository):
    """A repository that keeps what it read; each composition gets a copy, because Hydra changes what it composes."""

    def __init__(self, repository: ConfigRepository) -> None:
        self.sources = repository.sources
        self._read: dict[tuple[str, ...], ConfigResult | None] = {}

    def __deepcopy__(self, memo: dict[int, Any]) -> ReadOnce:
        """Share what was read with the copy that Hydra makes for each composition, which may look in other folders."""
        other = ReadOnce(self)
        other._read = self._read
        return other

    def load_config(self, config_path: str) -> ConfigResult | None:
        """Load a configuration file, from the first folder of the search path that has it."""
        key = (config_path, *(source.full_path() for source in self.sources))
        if key not in self._read:
            self._read[key] = self._load(config_path)
        return copy.deepcopy(self._read[key])

    def _load(self, config_path: str) -> ConfigResult | None:
        source = self._find_object_source(config_path, ObjectType.CONFIG)
        state = _sign(source, config_path) if source else None
        if source is None or state is None:
            return super().load_config(config_path)
        key = source.full_path(), config_path
        if key not in _KEPT or _KEPT[key][0] != state:
            read = super().load_config(config_path)
            assert read is not None
            _KEPT[key] = state, read
        return _KEPT[key][1]


def _sign(source: ConfigSource, config_path: str) -> _State | None:
    """The state of a configuration file: inode, size and time of change; None where it is no file of a folder."""
    if source.scheme() == "pkg":
        return 0, 0, 0  # Hydra's own
    if source.scheme() != "file":
        return None
    found = os.stat(os.path.join(source.path, f"{config_path.removesuffix('.yaml')}.yaml"))
    return found.st_ino, found.st_size, found.st_mtime_ns


def check_files(folder: Path) -> None:
    """Refuse pathological configuration files of the user's: pipes, huge ones, aliases that expand without end."""
    groups = {path.parent.relative_to(shipped("configs")) for path in shipped("configs").rglob("*.yaml")}
    for path in sorted(path for group in groups for path in (folder / group).glob("*.yaml")):
        if not path.is_file() or path.stat().st_size > 2**20:
            raise PoolscopeError(f"{path} is no file, or too large for a configuration.")
        try:
            nodes = _count_nodes(yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader), {})
        except (yaml.YAMLError, UnicodeDecodeError):
            continue  # if it is chosen, Hydra will say where
        except RecursionError as error:
            raise PoolscopeError(f"{path} is nested too deeply.") from error
        if nodes > 10_000:
            raise PoolscopeError(f"{path} has more than 10,000 values, counted with its aliases.")


def _count_nodes(node: yaml.Node | None, known: dict[int, float]) -> float:
    """How many values a YAML document has once its aliases are written out; infinite where one holds itself."""
    if id(node) not in known:
        known[id(node)] = math.inf
        content: Any = getattr(node, "value", None)
        parts = [part for pair in content for part in pair] if isinstance(node, yaml.MappingNode) else content
        known[id(node)] = 1 + sum(_count_nodes(part, known) for part in parts) if isinstance(parts, list) else 1
    return known[id(node)]
