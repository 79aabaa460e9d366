"""A study's rows are rerun as recorded and compared; its environment names versions and commands, and no folder."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
from made_records import make_config, make_record, write_study

from poolscope.cli import main
from poolscope.commands.reproduce import reproduce_study
from poolscope.spec.compose import compose_runs
from poolscope.spec.config import digest
from poolscope.spec.errors import PoolscopeError
from poolscope.statistics.tables import collect, tabulate_run, write_tables
from poolscope.store.cells import read_config
from poolscope.store.environment import describe_environment, publish_environment
from poolscope.store.record import read_record, write_record

QUICK = ["train.steps=4", "model.width=2", "data.train_eval_size=50", "study=mine", "seeds=[0,1]"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small study of two runs on real digits."""
    results = tmp_path_factory.mktemp("results")
    with pytest.raises(SystemExit) as ended:
        main(["train", *QUICK, f"results={results}"])
    assert ended.value.code == 0
    return results


def reproduce(results: Path, runs: int | None) -> tuple[bool, list[str]]:
    said: list[str] = []
    return reproduce_study(str(results), "mine", runs, said.append), said


def test_a_study_comes_out_the_same_from_its_committed_table(trained: Path, tmp_path: Path) -> None:
    write_tables(collect(trained, "mine"), tmp_path / "mine" / "tables")
    agrees, said = reproduce(tmp_path, 1)
    assert agrees and len(said) == 2
    assert said[0] == "digits max seed 0: the same to the last bit"
    assert said[1] == "Reproduced: 1 of 2 runs of mine were rerun; 1 came out the same to the last bit."
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine"]


def test_a_changed_result_is_noticed(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    path = next(tmp_path.rglob("seed-1.json"))
    record = read_record(path)
    write_record(replace(record, scalars={**record.scalars, "test_loss": record.scalars["test_loss"] + 1e-9}), path)
    agrees, said = reproduce(tmp_path, None)
    assert not agrees and said[-1] == "Not reproduced: 2 of 2 runs of mine were rerun; 1 differ by more than they may."
    elsewhere = {**record.provenance, "processor": "another"}
    for off, expected in ((0.0, True), (0.5, False)):
        accuracy = record.scalars["test_accuracy"] - off
        scalars = {**record.scalars, "test_loss": 1.0, "test_accuracy": accuracy}
        write_record(replace(record, scalars=scalars, provenance=elsewhere), path)
        other = next(tmp_path.rglob("seed-0.json"))
        kept = read_record(other)
        write_record(replace(kept, scalars={**kept.scalars, "test_accuracy": accuracy + 0.01}), other)
        agrees, said = reproduce(tmp_path, None)
        assert "another revision or class of machine" in said[1]
        assert said[1].startswith("digits max seed 1: test accuracy")
        assert ("+50.00%" in said[1]) is not expected


@pytest.mark.parametrize(
    "words",
    [
        ["experiment=pool_type", "data=mnist_padded", "pool=blur"],
        ["pool=max", "pool.padding=[[0,1],[0,1]]", "pool.window=[2,3]", "data.train_size=null", "optim.clip_norm=1"],
        ["model.pool_after=[1,3]", "data.label_noise=0.1", "pool=gated", "train.steps=7", "optim=adamw"],
    ],
)
def test_a_row_holds_its_whole_configuration(words: list[str], results: Path) -> None:
    (config, *_) = compose_runs(words).configs
    config.study = "made"
    write_study(results, [make_record(config, 0)])
    (row,) = collect(results, "made").runs.to_dict("records")
    assert digest(read_config(tabulate_run(row))) == digest(config) == row["digest"]


def test_rows_of_another_schema_and_studies_without_rows_are_refused(results: Path) -> None:
    record = make_record(make_config(), 0)
    write_study(results, [replace(record, study="mine", digest="0123456789ab")])
    with pytest.raises(PoolscopeError, match="another version's schema"):
        reproduce(results, None)
    write_study(results, [make_record(make_config(), 0, status="failed", reason="no")])
    with pytest.raises(PoolscopeError, match="no finished runs"):
        reproduce_study(str(results), "made", None, print)


def test_the_environment_names_versions_and_commands_and_no_folder(trained: Path) -> None:
    publish_environment(trained, "mine")
    text = (trained / "mine" / "tables" / "environment.json").read_text()
    kept = json.loads(text)
    assert kept == describe_environment(trained, "mine")
    assert kept["packages"]["jax"] == version("jax") and kept["python"] and kept["machine"]["cores"] >= 1
    assert kept["commands"] == [
        "poolscope train " + " ".join(QUICK).replace("[0,1]", "[0,1]'").replace("seeds", "'seeds") + " results=PATH"
    ]
    assert not re.search(r"[\"= ']~?/\w", text)
