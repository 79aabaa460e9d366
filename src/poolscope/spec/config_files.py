"""Hydra's repository of configuration files, which reads each file once for all jobs that are composed of them."""

from __future__ import annotations

import copy
from typing import Any

from hydra._internal.config_repository import ConfigRepository
from hydra.plugins.config_source import ConfigResult


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
            self._read[key] = super().load_config(config_path)
        return copy.deepcopy(self._read[key])
