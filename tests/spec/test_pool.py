"""The keys of a pooling operator: their order in records, and the values that are refused before anything is built."""

from __future__ import annotations

import dataclasses
import pickle
import re
from typing import Any

import pytest

from poolscope.spec.config import RunConfig, check_config
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.operators import OPERATORS
from poolscope.spec.pool import PoolConfig, all_options, check_pool

COMMITTED = (
    *("name", "window", "stride", "padding", "p", "eps", "beta", "alpha", "filter_size", "dilation", "gradient"),
    *("count_include_pad", "learn", "depth", "full", "asymmetric", "smoothness", "overlapping", "pseudorandom"),
    *("grid", "norm", "hidden", "tau", "bands"),
)


def test_keys_stand_in_the_order_of_the_committed_tables_then_new_ones() -> None:
    names = tuple(field.name for field in dataclasses.fields(PoolConfig))
    assert names[: len(COMMITTED)] == COMMITTED
    assert set(names) == {*COMMITTED, *(option for operator in OPERATORS.values() for option in operator.options)}


def test_a_configuration_can_be_sent_to_another_process() -> None:
    config = PoolConfig(name="gem", p=2.5)
    assert pickle.loads(pickle.dumps(config)) == config
    assert all_options(config) == {**OPERATORS["gem"].defaults, "p": 2.5}


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("tree", {"depth": 30}, "pool.depth must be a whole number from 1 to 8 for pool=tree, not 30"),
        ("lp", {"p": 1e300}, "pool.p must be a number from 1 to 1000 for pool=lp, not 1e+300"),
        ("lp", {"p": 0.5}, "pool.p must be a number from 1 to 1000 for pool=lp, not 0.5"),
        ("gem", {"p": 0.0}, "pool.p must be a number above 0 and at most 1000 for pool=gem, not 0.0"),
        ("gem", {"eps": float("nan")}, "pool.eps must be a number above 0"),
        ("lse", {"beta": 0.0}, "and not 0 for pool=lse, not 0.0"),
        ("mixed", {"alpha": 1.5}, "pool.alpha must be a number from 0 to 1"),
        ("soft", {"gradient": "half"}, "pool.gradient must be one of full, truncated for pool=soft, not 'half'"),
        ("aps", {"norm": "l3"}, "pool.norm must be one of l2, l1, linf"),
        ("lift", {"bands": "high"}, "pool.bands must be one of low, sum"),
        ("lps", {"tau": -1.0}, "pool.tau must be a number above 0"),
        ("lps", {"hidden": 10**9}, "pool.hidden must be a whole number from 1 to 1000"),
        ("max", {"filter_size": 65}, "pool.filter_size must be a whole number from 1 to 64 for pool=max, not 65"),
        ("max", {"padding": 999_999_999}, "pool.padding must be"),
        ("max", {"window": 10_001}, "pool.window must be"),
        ("max", {"stride": [1, 10_001]}, "pool.stride must be"),
        ("max", {"dilation": 10_001}, "pool.dilation must be"),
        ("max", {"p": 2.0}, "pool 'max' takes window, stride, padding, filter_size, dilation; got p=2.0"),
        ("mux", {}, "pool.name must be one of max, avg"),
    ],
)
def test_what_an_operator_can_t_work_with_is_refused_by_key_and_value(
    name: str, options: dict[str, Any], sentence: str
) -> None:
    config = RunConfig(pool=PoolConfig(name=name, **options))
    config.data.name, config.data.source = "digits", "digits"
    with pytest.raises(PoolscopeError, match=re.escape(sentence)):
        check_config(config)


def test_every_default_fits() -> None:
    for name, operator in OPERATORS.items():
        check_pool(PoolConfig(name=name, **{k: v for k, v in operator.defaults.items() if v is not None}))
