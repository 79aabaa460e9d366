"""The table of all operators after an epoch: a row each, with what the runs and the other tables say."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from poolscope.reports.operator_tables import read_tables
from poolscope.reports.trained_operators import show_trained
from poolscope.spec.operators import OPERATORS

RESULTS = Path(__file__).resolve().parents[2] / "results"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("results")
    for path in ("one_epoch/tables/runs.csv", "operators/tables/cost.csv"):
        (folder / path).parent.mkdir(parents=True)
        shutil.copy(RESULTS / path, folder / path)
    section = show_trained(folder, read_tables(RESULTS / "operators")["operators"])
    assert section and section.table is not None
    assert "39,000 images of cifar10 and 55,000 images of mnist" in section.text[0] and "n = 1" in section.text[1]
    return section.table.set_index("operator")


def test_every_operator_has_a_row(table: pd.DataFrame) -> None:
    assert list(table.index) == [name for name, operator in OPERATORS.items() if not operator.package]
    assert (
        (table[["mnist: test accuracy (%)", "cifar10: test accuracy (%)", "parameters", "MACs"]] != "").to_numpy().all()
    )
    assert (table.filter(like="consistency") != "").to_numpy().all()


def test_a_row_says_what_the_tables_say(table: pd.DataFrame) -> None:
    runs = pd.read_csv(RESULTS / "one_epoch" / "tables" / "runs.csv").set_index(["data.name", "pool.name"])
    run = runs.loc[("cifar10", "avg")]
    row = table.loc["avg"]
    assert row["cifar10: test accuracy (%)"] == f"{100 * run['test_accuracy']:.1f}"
    assert row["cifar10: consistency, zeros"] == f"{run['consistency_zero_1']:.3f}"
    assert row["cifar10: aliasing"] == "0.017"
    assert float(row["speed"]) > 1 and table.loc["max", "speed"] == "1"
    assert table.loc["aps", "mnist: aliasing"] == "" and table.loc["conv_stride", "speed"] == ""


def test_every_run_trained(table: pd.DataFrame) -> None:
    """Above chance by more than three standard errors of guessing, as the protocol asks."""
    assert (table.filter(like="accuracy").astype(float) > 10.9).to_numpy().all()


def test_without_runs_there_is_no_table(tmp_path: Path) -> None:
    assert show_trained(tmp_path, pd.DataFrame()) is None
