"""A recorded configuration as the command that composes it again."""

import shlex
from pathlib import Path

import pandas as pd
import pytest

from poolscope.spec.command_line import write_command
from poolscope.spec.compose import compose_runs
from poolscope.spec.config import digest, to_dict
from poolscope.statistics.tables import collect

RESULTS = Path(__file__).resolve().parents[2] / "results"
STUDIES = sorted(path.parent.parent.name for path in RESULTS.glob("*/tables/runs.csv"))
WORDS = {
    "quickstart": ("data=digits pool=avg train.epochs=15", []),
    "own": ("data=digits pool=max", ["model.pool_after=[1,3]", "model.blocks=3", "data.train_size=100"]),
    "quoted": ("data=digits pool=max", ['data.train="train[:40%]"', "pool.window=[2,3]"]),
    "null": ("data=mnist_padded pool=avg", ["data.pad_to=null"]),
    "options": ("data=digits pool=mixed", ["pool.alpha=0.25", "pool.learn=false", "optim.learning_rate=1e-3"]),
}


def split(command: str) -> list[str]:
    words = shlex.split(command)
    assert words[:2] == ["poolscope", "train"]
    return words[2:]


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.long)])
@pytest.mark.parametrize("study", STUDIES)
def test_the_command_of_a_committed_run_composes_its_digest(study: str, whole: bool) -> None:
    runs = collect(RESULTS, study).runs.drop_duplicates("digest")
    for row in (runs if whole else runs.iloc[[-1]]).to_dict("records"):
        (config,) = compose_runs(split(write_command(row))).configs
        assert digest(config) == row["digest"], write_command(row)


@pytest.mark.parametrize("name", WORDS)
def test_a_configuration_survives_the_way_through_its_command(name: str) -> None:
    words, more = WORDS[name]
    (config,) = compose_runs([*words.split(), *more]).configs
    row = pd.json_normalize(to_dict(config)).iloc[0].to_dict()
    (again,) = compose_runs(split(write_command(row))).configs
    assert digest(again) == digest(config), write_command(row)


def test_the_command_is_short() -> None:
    (config,) = compose_runs(["data=mnist_padded", "pool=blur", "pool.window=3"]).configs
    row = pd.json_normalize(to_dict(config)).iloc[0].to_dict()
    assert write_command(row) == "poolscope train data=mnist_padded pool=blur pool.window=3"
