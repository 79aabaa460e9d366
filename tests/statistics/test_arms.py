"""Factors, names of arms and settings, and what each arm is compared with."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from made_records import make_config, make_record, write_study

from poolscope.spec.config import RunConfig
from poolscope.spec.errors import PoolscopeError
from poolscope.statistics.arms import add_arms, check_baseline, factors, find_baselines, find_varying, show_value
from poolscope.statistics.tables import Tables, collect


def _runs(tmp_path: Any, *configs: RunConfig, seeds: tuple[int, ...] = (0, 1)) -> pd.DataFrame:
    write_study(tmp_path, [make_record(config, seed) for config in configs for seed in seeds])
    tables: Tables = collect(tmp_path, "made")
    return tables.runs


def _names(runs: pd.DataFrame) -> list[str]:
    return add_arms(runs)["arm"].drop_duplicates().tolist()


def test_only_what_varies_names_an_arm(tmp_path: Any) -> None:
    runs = _runs(tmp_path, make_config("avg"), make_config("max"))
    assert factors(runs) == ["pool.name"]
    assert _names(runs) == ["max", "avg"]  # in the order of the catalogue


def test_window_and_stride_are_written_like_a_fraction(tmp_path: Any) -> None:
    runs = _runs(tmp_path, make_config("max"), make_config("max", pool__window=3, pool__stride=2), make_config("avg"))
    assert _names(runs) == ["max 2", "max 3/2", "avg 2"]


def test_other_factors_are_named(tmp_path: Any) -> None:
    arms = [make_config(pool, model__blocks=blocks) for pool in ("max", "avg") for blocks in (10, 4)]
    runs = _runs(tmp_path, *arms)
    assert factors(runs) == ["pool.name", "model.blocks"]
    assert _names(runs) == ["max, blocks=4", "max, blocks=10", "avg, blocks=4", "avg, blocks=10"]


def test_where_the_operator_is_the_same_it_is_left_out(tmp_path: Any) -> None:
    rates = [make_config("max", optim__learning_rate=rate) for rate in (0.1, 0.02)]
    assert _names(_runs(tmp_path, *rates)) == ["lr=0.02", "lr=0.1"]


def test_what_follows_from_an_earlier_factor_is_none(tmp_path: Any) -> None:
    """An exponent that comes with its operator, and an image size that comes with its data set, add no name."""
    runs = _runs(
        tmp_path,
        make_config("max"),
        make_config("lp", pool__p=2.0),
        make_config("max", "cifar10", data__pad_to=40),
        make_config("lp", "cifar10", data__pad_to=40, pool__p=2.0),
    )
    assert factors(runs) == ["data.name", "pool.name"]
    assert find_varying(runs) == ["data.name", "data.pad_to", "pool.name", "pool.p"]
    assert sorted(set(add_arms(runs)["arm"])) == ["lp", "max"]
    assert add_arms(runs)["setting"].drop_duplicates().tolist() == ["cifar10", "mnist"]


def test_an_option_belongs_to_its_operator_alone(tmp_path: Any) -> None:
    runs = _runs(tmp_path, make_config("max"), make_config("lp", pool__p=2.0), make_config("lp", pool__p=3.0))
    assert _names(runs) == ["max", "lp, p=2", "lp, p=3"]
    assert find_baselines(add_arms(runs)) == {("mnist", arm): "max" for arm in ("max", "lp, p=2", "lp, p=3")}


def test_training_set_sizes_are_settings_not_arms(tmp_path: Any) -> None:
    runs = _runs(tmp_path, *(make_config(pool, data__train_size=n) for pool in ("max", "avg") for n in (500, 1000)))
    labelled = add_arms(runs)
    assert labelled["setting"].drop_duplicates().tolist() == ["mnist, train_size=500", "mnist, train_size=1000"]
    assert set(labelled["arm"]) == {"max", "avg"}


def test_keys_outside_of_the_digest_are_no_factors(tmp_path: Any) -> None:
    runs = _runs(tmp_path, make_config("max"), make_config("avg", train__eval_batch_size=100))
    assert factors(runs) == ["pool.name"]
    assert find_varying(runs) == ["pool.name"]


def test_baselines_share_all_but_the_operator(tmp_path: Any) -> None:
    runs = _runs(tmp_path, *(make_config(pool, pool__window=w) for pool in ("min", "avg", "max") for w in (2, 3)))
    baselines = find_baselines(add_arms(runs))
    assert baselines["mnist", "avg 3"] == "max 3"
    assert baselines["mnist", "min 2"] == "max 2"
    assert baselines["mnist", "max 3"] == "max 3"
    assert find_baselines(add_arms(runs), "avg")["mnist", "max 3"] == "avg 3"


def test_an_arm_without_partner_is_compared_with_the_first_baseline(tmp_path: Any) -> None:
    runs = _runs(tmp_path, make_config("avg"), make_config("max"), make_config("max", pool__window=3))
    assert find_baselines(add_arms(runs))["mnist", "max 3"] == "max 2"


def test_an_arm_s_own_name_is_everybody_s_baseline(tmp_path: Any) -> None:
    runs = _runs(tmp_path, *(make_config(pool, pool__window=w) for pool in ("avg", "max") for w in (2, 3)))
    assert set(find_baselines(add_arms(runs), "avg 3").values()) == {"avg 3"}
    with pytest.raises(PoolscopeError, match="There is no arm 'avg 4' to compare with; there are max 2, max 3, avg 2"):
        check_baseline(add_arms(runs), "avg 4")


def test_a_key_can_be_part_of_the_setting(tmp_path: Any) -> None:
    runs = _runs(tmp_path, *(make_config(pool, pool__window=w) for pool in ("avg", "max") for w in (2, 3)))
    labelled = add_arms(runs, by=["pool.window"])
    assert labelled["setting"].unique().tolist() == ["mnist, window=2", "mnist, window=3"]
    assert labelled["arm"].unique().tolist() == ["max", "avg"]
    assert find_baselines(labelled)["mnist, window=3", "avg"] == "max"


def test_without_the_wanted_operator_the_first_arm_is_the_baseline(tmp_path: Any) -> None:
    runs = _runs(tmp_path, make_config("min"), make_config("avg"))
    assert find_baselines(add_arms(runs)) == {("mnist", "avg"): "avg", ("mnist", "min"): "avg"}


@pytest.mark.parametrize(
    ("value", "text"),
    [(2.0, "2"), (0.05, "0.05"), (True, "True"), ("", "default"), (float("nan"), "default"), (3, "3")],
)
def test_values_are_written_as_people_write_them(value: Any, text: str) -> None:
    assert show_value(value) == text
