"""Configuration files are read once for all jobs, and a job's configuration is what Hydra makes of files read anew."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hydra._internal.config_repository import ConfigRepository
from hydra.plugins.config_source import ConfigResult

from poolscope.spec import compose_once, config_files
from poolscope.spec.compose import compose_runs
from poolscope.spec.config_files import ReadOnce

SWEEP = ["pool=max,avg,lp", "optim=sgd,adam", "seeds=[0]"]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file was read."""
    counts: Counter[str] = Counter()
    load = ConfigRepository.load_config

    def count(self: ConfigRepository, config_path: str) -> ConfigResult | None:
        counts[config_path] += 1
        return load(self, config_path)

    monkeypatch.setattr(ConfigRepository, "load_config", count)
    monkeypatch.setattr(config_files, "_KEPT", {})
    monkeypatch.setattr(compose_once, "_COMPOSED", {})
    return counts


def test_each_file_is_read_once_for_all_jobs(read: Counter[str]) -> None:
    assert len(compose_runs(SWEEP, multirun=True).configs) == 6
    assert read["pool/lp"] == read["optim/adam"] == read["train"] == 1
    assert max(read.values()) == 1
    compose_runs(SWEEP, multirun=True)  # only what stands in no file is made anew
    assert read["pool/lp"] == read["optim/adam"] == read["train"] == 1


def test_jobs_are_the_same_where_files_are_read_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = compose_runs(SWEEP, multirun=True).configs
    monkeypatch.setattr(ReadOnce, "load_config", ConfigRepository.load_config)
    monkeypatch.setattr(compose_once, "_COMPOSED", {})
    assert compose_runs(SWEEP, multirun=True).configs == kept


def test_a_file_that_has_changed_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "pool").mkdir()
    file = tmp_path / "pool" / "mine.yaml"
    for window in (3, 4):
        new = file.with_suffix(".new")
        new.write_text(f"name: max\nwindow: {window}\n", encoding="utf-8")
        new.replace(file)
        for _ in range(2):
            (config,) = compose_runs(["pool=mine"], config_dir=str(tmp_path)).configs
            assert config.pool.window == window
