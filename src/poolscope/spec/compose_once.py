"""Hydra's composition, done once for command lines and jobs that choose the same files and differ in plain values."""

from __future__ import annotations

import copy
import os
from functools import lru_cache

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from poolscope.spec.config import SETTINGS
from poolscope.spec.config_files import ReadOnce

_MOST = 128  # compositions that are kept in a process
_COMPOSED: dict[tuple[object, ...], DictConfig] = {}


class ComposeOnce(ConfigLoaderImpl):
    """A loader that composes what chooses files once, and sets plain values in a copy.

    What comes out, and what is raised, is what Hydra makes of all overrides at once.
    """

    def __init__(self, loader: ConfigLoader) -> None:
        super().__init__(loader.get_search_path())
        self.repository = ReadOnce(self.repository)

    def load_configuration(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        """Compose the configuration that these overrides mean."""

        def load(words: list[str]) -> DictConfig:
            return super(ComposeOnce, self).load_configuration(
                config_name, words, run_mode, from_shell, validate_sweep_overrides
            )

        try:
            parsed = [_parse(word) for word in overrides]
            if validate_sweep_overrides:
                self.validate_sweep_overrides_legal(parsed, run_mode, from_shell)
            values = [override for override in parsed if is_value(override) and not override.is_sweep_override()]
            rest = [override for override in parsed if not is_value(override) and not override.is_sweep_override()]
            if any(override.get_key_element() == "hydra.searchpath" for override in rest):
                return load(overrides)  # files of one's own may change
            words = tuple(str(override.input_line) for override in rest)
            key = (config_name, words, run_mode, *(source.full_path() for source in self.repository.get_sources()))
            if key not in _COMPOSED:
                if len(_COMPOSED) >= _MOST:
                    _COMPOSED.clear()
                _COMPOSED[key] = load(list(words))
            composed = copy.deepcopy(_COMPOSED[key])
            self._apply_overrides_to_config(values, composed)
        except (HydraException, OmegaConfBaseException):
            return load(overrides)  # says what is wrong
        typed = [override for override in parsed if not override.is_hydra_override()]
        composed.hydra.overrides.task = [override.input_line for override in typed]
        rule = composed.hydra.job.config.override_dirname
        composed.hydra.job.override_dirname = get_overrides_dirname(
            overrides=typed, exclude_keys=rule.exclude_keys, item_sep=rule.item_sep, kv_sep=rule.kv_sep
        )
        composed.hydra.runtime.cwd = os.getcwd()
        return composed


def is_value(override: Override) -> bool:
    """Whether an override changes a plain value and chooses no file."""
    return override.type is OverrideType.CHANGE and override.key_or_group in SETTINGS


@lru_cache(maxsize=1000)
def _parse(word: str) -> Override:
    return OverridesParser.create().parse_overrides([word])[0]
