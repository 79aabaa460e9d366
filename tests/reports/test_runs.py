"""The runs behind a report: every seed, the command that trains it again, and values for any baseline."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_records import make_config, make_record, write_study
from scipy import stats

from poolscope.reports.runs import list_arm_runs, list_values
from poolscope.statistics.arms import add_arms
from poolscope.statistics.tables import collect


@pytest.fixture
def labelled(tmp_path) -> pd.DataFrame:
    configs = [make_config(pool, data) for data in ("mnist", "cifar10") for pool in ("max", "avg")]
    write_study(tmp_path, [make_record(config, seed) for config in configs for seed in range(3)])
    return add_arms(collect(tmp_path, "made").runs)


def test_every_arm_has_its_command_and_its_seeds(labelled: pd.DataFrame) -> None:
    arms = list_arm_runs(labelled)
    assert sorted(arm.name for arm in arms) == ["cifar10: avg", "cifar10: max", "mnist: avg", "mnist: max"]
    for arm in arms:
        assert arm.command.startswith("poolscope train data=")
        assert arm.command.endswith("'seeds=[0,1,2]'")
        assert f"pool={arm.name.split()[1]}" in arm.command
        assert arm.runs["seed"].tolist() == ["0", "1", "2"]


def test_values_are_those_of_the_finished_runs(labelled: pd.DataFrame) -> None:
    labelled.loc[0, "status"] = "failed"
    values = list_values(labelled)
    assert values["metrics"][0] == "test accuracy (%)"
    listed = {
        (setting, arm, int(seed)): numbers[0]
        for setting, arms in values["settings"].items()
        for arm, runs in arms.items()
        for seed, numbers in runs.items()
    }
    done = labelled.iloc[1:].set_index(["setting", "arm", "seed"])["test_accuracy"]
    assert set(listed) == set(done.index)
    assert all(listed[key] == pytest.approx(100 * done[key], abs=1e-4) for key in listed)
    assert np.allclose(values["t"], stats.t.ppf(0.975, [1, 2]), atol=1e-6)


def test_a_run_without_a_value_leaves_the_metric_out(labelled: pd.DataFrame) -> None:
    labelled["generalisation_gap"] = np.nan
    assert list_values(labelled)["metrics"] == ["test accuracy (%)"]
