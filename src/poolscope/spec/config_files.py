"""Hydra's repository of configuration files, which reads each file once, as long as it stays as it is."""

from __future__ import annotations

import copy
import os
from typing import Any

from hydra._internal.config_repository import ConfigRepository
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult, ConfigSource

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
