"""What is composed once and changed is what Hydra composes of all overrides at once, and so is what it raises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import OmegaConf

from poolscope.spec import compose_once
from poolscope.spec.compose import compose_runs, open_hydra
from poolscope.spec.compose_once import ComposeOnce


@pytest.fixture(scope="module")
def loaders() -> tuple[ConfigLoaderImpl, ComposeOnce]:
    """Hydra's own and ours."""
    with open_hydra([]) as (hydra, _):
        ours = hydra.config_loader
        return ConfigLoaderImpl(ours.get_search_path()), ours


def compose(loader: ConfigLoaderImpl, words: list[str], mode: RunMode) -> Any:
    """The whole configuration, with what Hydra notes of how it came about; or the error's text."""
    try:
        return OmegaConf.to_container(loader.load_configuration("train", words, mode, from_shell=False))
    except HydraException as error:
        return [type(error).__name__, str(error), str(error.__cause__)]


@pytest.mark.parametrize(
    ("line", "sweeps"),
    [
        ("", False),
        ("pool=avg train.steps=7 train.epochs=null study=mine", False),
        ("pool=lp pool.p=3.5 data.path='a b' seeds=[1,2] pool.padding=[[0,1],[1,0]]", False),
        ("train.steps=1 train.steps=2 optim=adam data=mnist_padded model.width=3", False),
        ("results=${study}/x hydra.mode=RUN +scale=full", False),
        ("experiment=quickstart train.steps=3 ~arm", False),
        ("pool=max,avg train.steps=2,3 seeds=[0]", True),
        ("experiment=strategies hydra/launcher=local train.batch_size=8", True),
        ("train.steps=x", False),
        ("pool=nosuch train.steps=3", False),
        ("train.nosuch=3", False),
        ("train.steps=1,2", False),
        ("hydra.verbose=1,2", True),
        ("train.steps=${nosuch}", False),
    ],
)
def test_it_is_what_hydra_composes(line: str, sweeps: bool, loaders: tuple[ConfigLoaderImpl, ComposeOnce]) -> None:
    mode, (hydras, ours) = RunMode.MULTIRUN if sweeps else RunMode.RUN, loaders
    expected = compose(hydras, line.split(), mode)
    assert compose(ours, line.split(), mode) == expected
    assert compose(ours, line.split(), mode) == expected  # from what was kept


def test_what_one_changes_is_not_in_the_next(loaders: tuple[ConfigLoaderImpl, ComposeOnce]) -> None:
    hydras, ours = loaders
    assert compose(ours, ["train.steps=7", "seeds=[5]"], RunMode.RUN)["train"]["steps"] == 7
    assert compose(ours, [], RunMode.RUN) == compose(hydras, [], RunMode.RUN)


def test_the_folder_is_the_present_one(
    loaders: tuple[ConfigLoaderImpl, ComposeOnce], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaders[1].load_configuration("train", [], RunMode.RUN)
    monkeypatch.chdir(tmp_path)
    assert loaders[1].load_configuration("train", [], RunMode.RUN).hydra.runtime.cwd == str(tmp_path)


def test_files_are_composed_once_and_no_more_is_kept_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[Any, Any] = {}
    monkeypatch.setattr(compose_once, "_COMPOSED", kept)
    monkeypatch.setattr(compose_once, "_MOST", 2)
    for steps in (1, 2, 3):
        compose_runs(["pool=avg", f"train.steps={steps}"])
    assert len(kept) == 1
    for pool in ("max", "lp", "gem"):
        compose_runs([f"pool={pool}"])
        assert len(kept) <= 2
