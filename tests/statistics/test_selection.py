"""One quantity of some arms: numbers as the rest of the house has them, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from made_records import make_config, make_record, write_study

from poolscope.spec.errors import PoolscopeError
from poolscope.statistics.arms import add_arms
from poolscope.statistics.comparison import compare_arms
from poolscope.statistics.selection import select
from poolscope.statistics.tables import Tables, collect


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    results = tmp_path_factory.mktemp("results")
    configs = {"max": 0.0, "avg": -0.05, "blur": 0.02}
    records = [make_record(make_config(pool), seed, effect) for pool, effect in configs.items() for seed in range(4)]
    write_study(results, records[:-1])  # blur lacks its last seed
    return collect(results, "made")


def test_the_numbers_are_those_of_the_comparison(tables: Tables) -> None:
    found = select(tables).summary.set_index("arm")
    expected = compare_arms(add_arms(tables.runs)).set_index("arm")
    for arm in ("max", "avg", "blur"):
        assert found.loc[arm, "mean"] == pytest.approx(100 * expected.loc[arm, "test_accuracy"])
        assert found.loc[arm, "low"] == pytest.approx(100 * expected.loc[arm, "test_accuracy_low"])
        assert found.loc[arm, "difference_high"] == pytest.approx(expected.loc[arm, "difference_high"], nan_ok=True)
    assert (found["n"].to_dict(), found["pairs"].to_dict()) == (
        {"max": 4, "avg": 4, "blur": 3},
        {"max": 0, "avg": 4, "blur": 3},
    )
    assert set(found["level"]) == {0.95}


def test_the_values_behind_are_every_run_s(tables: Tables) -> None:
    values = select(tables, arms=["avg"]).values
    assert values.groupby("arm").size().to_dict() == {"avg": 4, "max": 4}  # with what it is compared with
    table = values.pivot(index="seed", columns="arm", values="value")
    difference = values[values["arm"] == "avg"].set_index("seed")["difference"]
    np.testing.assert_allclose(difference, table["avg"] - table["max"])


def test_any_arm_is_the_baseline_and_any_number_the_metric(tables: Tables) -> None:
    found = select(tables, "test_loss", baseline="avg")
    assert set(found.baselines.values()) == {"avg"}
    assert (found.scale, found.unit, found.words) == (1.0, "", "test loss")
    balanced = select(tables, "balanced_accuracy", where=["pool.name=max"])
    assert balanced.summary["mean"].tolist() == pytest.approx(select(tables, where=["pool.name=max"]).summary["mean"])


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"metric": "speed"}, r"have no 'speed'; they have .*test_accuracy, .*balanced_accuracy"),
        ({"metric": "test_correct"}, "have no 'test_correct'"),
        ({"metric": "seed"}, "have no 'seed'; they have test_accuracy"),
        ({"metric": "digest"}, "have no 'digest'"),
        ({"metric": "setting"}, "have no 'setting'"),
        ({"arms": ["lip"]}, "There is no arm 'lip'; there are max, avg, blur"),
        ({"baseline": "lip"}, "There is no arm 'lip' to compare with; there are max, avg, blur"),
        ({"where": ["pool.name"]}, "'pool.name' is no condition on these runs; write key=value"),
        ({"where": ["pool.size=2"]}, "'pool.size=2' is no condition"),
        ({"where": ["pool.name=lip"]}, "No run has pool.name=lip; pool.name is .*max"),
    ],
)
def test_what_fits_nothing_is_refused(tables: Tables, keys: dict[str, object], sentence: str) -> None:
    with pytest.raises(PoolscopeError, match=sentence):
        select(tables, **keys)  # type: ignore[arg-type]
