"""Overrides to configurations: what is taken as typed, what is refused in which words, sweeps job by job."""

from __future__ import annotations

import re

import pytest
from hydra import compose
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from poolscope.spec.compose import compose_runs, open_hydra
from poolscope.spec.config import to_config
from poolscope.spec.errors import PoolscopeError


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("data.train=train[:80%]", ["train[:80%]"]),
        ('data.train="train[:80%]"', ["train[:80%]"]),
        ("-m data.train=train[:80%],train[:50%]+test[:3]", ["train[:80%]", "train[:50%]+test[:3]"]),
        ("-m data.train=train[:80%]", ["train[:80%]"]),
        ("train.flip=yes", [True]),
        ("train.flip=False", [False]),
        ("pool=gem pool.learn=true", [True]),
        ("optim.learning_rate=1", [1.0]),
        ("-m model.width=range(1,4)", [1, 2, 3]),
        ("-m pool.window=2,[3,2]", [2, [3, 2]]),
    ],
)
def test_values_are_taken_as_they_are_typed(words: str, values: list) -> None:
    given = words.split()
    section, name = given[-1].partition("=")[0].split(".")
    configs = compose_runs([word for word in given if word != "-m"], "-m" in given).configs
    found = [getattr(getattr(config, section), name) for config in configs]
    assert found == values
    assert list(map(type, found)) == list(map(type, values))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("train.flip=2", "train.flip must be true or false, not 2."),
        ("model.dense=-7", "model.dense must be true or false, not -7."),
        ("train.flip='1'", "train.flip must be true or false, not '1'."),
        ("optim.nesterov=0.0", "optim.nesterov must be true or false, not 0."),
        ("pool.learn=1 pool=gem", "pool.learn must be null, true or false, not 1."),
        ("train.epochs=true", "train.epochs must be a whole number from 1 to 100000, not true."),
        ("train.epochs=2.5", "train.epochs must be a whole number from 1 to 100000, not 2.5."),
        ("train.epochs=", "train.epochs must be a whole number from 1 to 100000, not empty."),
        ("optim.momentum=true", "optim.momentum must be a number from 0 to below 1, not true."),
        ("seeds=[true]", "seeds must be a list of whole numbers"),
        ("window=3", "window=3: there is no such key (did you mean pool.window?); a run takes data, model"),
        ("epochs=3", "(did you mean train.epochs?)"),
        ("pools=max", "(did you mean pool?)"),
        ("pool.windw=3", "(did you mean window?); pool takes name, window"),
        ("nosuch=3", "nosuch=3: there is no such key; a run takes"),
        ("hydra.nosuch=3", "hydra.nosuch=3: Hydra has no such key."),
        ("data=some/path", "data=some/path is not a choice (a set of the tensorflow-datasets catalogue is chosen by"),
        ("data=cifar", "data=cifar is not a choice (did you mean cifar10?); data must be one of"),
        ("pool=max,avg", "pool=max,avg gives several values; add -m"),
        ("-m hydra.sweeper.params=${pool.window}", "hydra.sweeper.params must be keys with their values"),
        ("seeds=range(1,3)", "seeds=range(1,3) gives several values; add -m"),
        ("-m hydra/launcher=basic,local", "hydra/launcher=basic,local: one sweep is launched in one way"),
        ("seeds=[0,1", "'seeds=[0,1' has a value that can't be read: ']' is missing."),
        ("mnist", "'mnist' is no override: write key=value."),
        ("study=all", "study must be a name"),
        ("study=../up", "not '../up'"),
        ("pool=tree pool.depth=30", "pool.depth must be a whole number from 1 to"),
        ("pool=lp pool.p=1e300", "pool.p must be a number from 1 to 1000 for pool=lp, not 1e+300."),
        ("pool.padding=999999999", "pool.padding must be one or more whole numbers from 0 to 10000, not 999999999."),
        ("data.classes=99999999", "data.classes must be null or a whole number from 2"),
        ("-m model.width=range(1,99999)", "This makes 1e+05 jobs, and there may be at most 10,000; model.width alone"),
        ("-m model.width=range(5,1) model.blocks=range(1,1e308)", "model.blocks alone takes 1e+308 values"),
        ("-m model.width=range(1,200) model.blocks=range(1,200)", "This makes 3.96e+04 jobs"),
    ],
)
def test_what_is_refused_is_named_with_what_would_fit(words: str, sentence: str) -> None:
    given = words.split()
    with pytest.raises(PoolscopeError, match=re.escape(sentence)):
        compose_runs([word for word in given if word != "-m"], "-m" in given)


@pytest.mark.parametrize(
    "grid",
    [
        ["pool=max,avg", "model.width=4,5", "pool.window=[2,3],2"],
        ["optim=sgd,adam", "optim.learning_rate=0.1,0.2", "seeds=[1,2]"],
        ["pool=gem", "pool.learn=true,false", "++train.flip=true,false", "data.pad_to=null,9"],
        ["arm=max_one,avg_two", "model.width=2,3"],
        ["pool=avg", "model.width=4", "model.blocks=1,2", "optim.learning_rate=0.1,0.2"],
        ["scale=full", "data=mnist", "++train.flip=true", "seeds=[1]", "model.width=4,5,6,7"],
    ],
)
def test_jobs_that_share_a_composition_are_what_hydra_composes(grid: list[str]) -> None:
    swept = compose_runs(grid, multirun=True).configs
    with open_hydra(grid):
        by_hydra = [to_config(compose("train", _values(grid, job))) for job in range(len(swept))]
    assert len(swept) >= 4
    assert swept == by_hydra


def _values(grid: list[str], job: int) -> list[str]:
    """The overrides of one job; the last key's values change fastest, as in Hydra's sweeper."""
    chosen: list[str] = []
    for word in reversed(grid):
        key, _, text = word.partition("=")
        options = re.findall(r"\[[^\]]*\]|[^,]+", text)
        chosen.insert(0, f"{key}={options[job % len(options)]}")
        job //= len(options)
    return chosen


def test_a_command_can_take_fewer_jobs() -> None:
    with pytest.raises(PoolscopeError, match="This makes 3 jobs, and there may be at most 2"):
        compose_runs(["model.width=1,2,3"], True, most_jobs=2)


def test_what_hydra_ran_in_this_process_before_is_nothing_to_refer_to() -> None:
    hydra_config = HydraConfig.instance()
    former, job = hydra_config.cfg, OmegaConf.create({"hydra": {"job": {"num": 3}}})
    hydra_config.cfg = job
    try:
        with pytest.raises(PoolscopeError, match=r"model.kernel: .*HydraConfig was not set"):
            compose_runs(["model.kernel=${hydra:job.num}"], True)
        assert hydra_config.cfg is job
    finally:
        hydra_config.cfg = former
