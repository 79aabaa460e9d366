"""The table of operators: the catalogue's names and defaults, and those of the YAML files."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path

import pytest
from hand_maps import close, normal
from omegaconf import OmegaConf

from poolscope.pooling import POOLS, adaptive_avg_pool, find_pool
from poolscope.spec.config import PoolConfig, check_pool
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.operators import OPERATORS

FOLDER = Path(__file__).parents[2] / "configs" / "pool"


def test_pools_are_the_catalogue_but_for_the_two_without_a_layer() -> None:
    assert set(POOLS) == set(OPERATORS) - {"none", "conv_stride"}
    assert len(POOLS) == len(OPERATORS) - 2
    with pytest.raises(KeyError):
        POOLS["none"]


def test_unknown_operator_lists_those_there_are() -> None:
    with pytest.raises(PoolscopeError, match=r"pool must be one of max, avg, .* not 'mux'"):
        find_pool("mux")


@pytest.mark.parametrize("name", POOLS)
def test_catalogue_defaults_are_the_functions_defaults(name: str) -> None:
    parameters = inspect.signature(POOLS[name]).parameters
    for option, default in OPERATORS[name].defaults.items():
        if default is not None and option in parameters and parameters[option].default is not inspect.Parameter.empty:
            assert parameters[option].default == default, option


@pytest.mark.parametrize("name", OPERATORS)
def test_yaml_file_holds_the_operator_s_defaults(name: str) -> None:
    text = (FOLDER / f"{name}.yaml").read_text()
    assert text.startswith("# ")
    given = OmegaConf.to_container(OmegaConf.create(text))
    assert given == {"name": name, **{k: v for k, v in OPERATORS[name].defaults.items() if v is not None}}
    known = {field.name for field in dataclasses.fields(PoolConfig)}
    assert set(OPERATORS[name].options) <= known
    check_pool(PoolConfig(**given))


def test_yaml_files_are_the_catalogue() -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} == {*OPERATORS, "max_overlap"}  # max by another name


def test_an_option_of_another_operator_is_refused_by_name() -> None:
    with pytest.raises(PoolscopeError, match=r"alpha.*lp.* takes .*\bp\b|lp.* takes .*\bp\b.*alpha"):
        check_pool(PoolConfig(name="lp", alpha=0.5))
    with pytest.raises(PoolscopeError, match=r"dilation.*aps.* takes .*norm|aps.* takes .*norm.*dilation"):
        check_pool(PoolConfig(name="aps", dilation=2))


def test_functions_on_a_window_have_honest_signatures() -> None:
    for name, function in POOLS.items():
        parameters = inspect.signature(function).parameters
        assert [*parameters][:4] == ["x", "window", "stride", "padding"], name
        assert not any(entry.kind is entry.VAR_KEYWORD for entry in parameters.values()), name


def test_an_operator_of_an_output_size_takes_a_window_in_the_table() -> None:
    x = normal(1, 7, 6, 2)
    close(POOLS["adaptive_avg"](x, 3, 2), adaptive_avg_pool(x, (3, 2)))
