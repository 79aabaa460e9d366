"""The rates file: how arms are named, what `rates=FILE` becomes, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from poolscope.spec.compose import compose_runs
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.rates import find_pattern, name_arm, nest, take_rates, write_rates

SMALL = ["data=digits", "pool=max,avg", "study=mine"]


@pytest.mark.parametrize(
    ("rate", "pattern"),
    [
        ("${oc.select:rates.${data.name}.${pool.name}_${pool.window}}", "${data.name}.${pool.name}_${pool.window}"),
        ("${oc.select: rates.stride_${pool.stride}}", "stride_${pool.stride}"),
        ("${rates.${pool.name}}", "${pool.name}"),
        ("${rates.max}", "max"),
        ("${train.epochs}", None),
        ("${oc.env:RATE}", None),
        (0.05, None),
        (None, None),
    ],
)
def test_a_learning_rate_that_is_looked_up_has_a_pattern(rate: object, pattern: str | None) -> None:
    assert find_pattern(rate) == pattern


def test_the_shipped_studies_are_read() -> None:
    for study in ("ladder", "strategies", "stride"):
        content = yaml.safe_load(Path("configs/experiment", f"{study}.yaml").read_text())
        assert find_pattern(content["optim"]["learning_rate"])


def test_names_are_omegaconf_s() -> None:
    values = {"pool.name": "lp", "pool.stride": None, "pool.p": 2.5, "model.dense": False, "pool.window": [2, 3]}
    assert name_arm("${pool.name}_${pool.stride}_${pool.p}_${model.dense}", values) == "lp_None_2.5_False"
    for pattern, word in (("${pool.width}", "no key"), ("${pool.name}_${pool.window}", "can't name"), ("a..b", "a..b")):
        with pytest.raises(PoolscopeError, match=word):
            name_arm(pattern, values)
    with pytest.raises(PoolscopeError, match="a part of it"):
        nest({"max": 0.1, "max.2": 0.2})


def test_a_written_file_gives_each_arm_its_rate(tmp_path: Path) -> None:
    file = tmp_path / "rates.yaml"
    file.write_text(write_rates("${pool.name}_${pool.p}", {"max_None": 0.25, "lp_2.5": 0.125}, ["made"]))
    words = ["data=digits", "zip(pool=max,lp pool.p=null,2.5)", "study=mine", f"rates={file}"]
    assert [config.optim.learning_rate for config in compose_runs(words, True).configs] == [0.25, 0.125]
    given = compose_runs([*words, "optim.learning_rate=0.5"], True).configs  # the command line wins
    assert {config.optim.learning_rate for config in given} == {0.5}


def test_rates_and_references_can_be_typed() -> None:
    words = [*SMALL, "rates={max: 0.25, avg: 0.5}"]
    for reference in ("${rates.${pool.name}}", "${oc.select:rates.${pool.name}}"):
        configs = compose_runs([*words, f"optim.learning_rate={reference}"], True).configs
        assert [config.optim.learning_rate for config in configs] == [0.25, 0.5]
    configs = compose_runs(
        ["data=digits", "train.epochs=3,5", "optim.warmup=0.5", "optim.momentum=${optim.warmup}"], True
    )
    assert [config.optim.momentum for config in configs.configs] == [0.5, 0.5]


@pytest.mark.parametrize("reference", ["${rates.${pool.name}}", "${oc.select:rates.${pool.name}}"])
def test_an_arm_without_a_rate_is_named(reference: str, tmp_path: Path) -> None:
    with pytest.raises(PoolscopeError, match=r"rates\.avg"):
        compose_runs([*SMALL, "rates={max: 0.25}", f"optim.learning_rate={reference}"], True)
    file = tmp_path / "rates.yaml"
    file.write_text(write_rates("${pool.name}", {"max": 0.25}, []))
    with pytest.raises(PoolscopeError, match=r"rates\.avg, and rates has max; tune that arm"):
        compose_runs([*SMALL, f"rates={file}"], True)


@pytest.mark.parametrize(
    "text",
    ["", "1", "[", "rates: {max: 0.1}", "optim: {learning_rate: 0.1}\nrates: {max: 0.1}", "a: &a [*a]", "\0"]
    + [
        f"optim: {{learning_rate: '${{rates.x}}'}}\nrates: {rates}"
        for rates in ("{}", "1", "{x: y}", "{'x y': 1}", "{x: true}")
    ],
)
def test_a_file_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "rates.yaml"
    file.write_text(text)
    with pytest.raises(PoolscopeError, match="must be a file as `poolscope tune` writes it"):
        take_rates([f"rates={file}"])
    with pytest.raises(PoolscopeError, match="can't be read"):
        take_rates([f"rates={tmp_path}/nosuch.yaml"])
