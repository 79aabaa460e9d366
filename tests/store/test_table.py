"""Committed tables are read as they are, or refused with the file, the row and the column that no run writes."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from made_records import make_config, make_record, write_study

from poolscope.spec.errors import PoolscopeError
from poolscope.statistics.tables import collect, write_tables
from poolscope.store.checks import NAMES, count_right
from poolscope.store.table import read_committed, read_table

RESULTS = Path(__file__).parents[2] / "results"
STUDIES = sorted(path.parents[1].name for path in RESULTS.glob("*/tables/runs.csv"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables of a small study."""
    results = tmp_path_factory.mktemp("whole")
    write_study(results, [make_record(make_config(pool), seed) for pool in ("max", "avg") for seed in (0, 1)])
    write_study(results, [make_record(make_config("min"), 0, status="diverged", reason="not finite")])
    write_tables(collect(results, "made"), results / "made" / "tables")
    shutil.rmtree(results / "runs")
    return results


def edit(whole: Path, folder: Path, name: str, change: Callable[[list[dict[str, str]]], object]) -> Path:
    """Copy the study, with one table's rows changed; the path of that table."""
    shutil.copytree(whole, folder, dirs_exist_ok=True)
    path = folder / "made" / "tables" / f"{name}.csv"
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    change(rows)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.mark.parametrize("study", STUDIES)
def test_every_committed_table_is_read(study: str) -> None:
    tables = read_committed(RESULTS, study)
    assert set(tables) == set(NAMES) and len(tables["runs"]) >= 24


@pytest.mark.parametrize(
    ("name", "column", "text", "fitting"),
    [
        ("runs", "test_accuracy", "62.5", "from 0 to 1"),
        ("runs", "test_accuracy", "", "empty although the run is done"),
        ("runs", "test_accuracy", "0.5", "but test_correct has"),
        ("runs", "val_accuracy", "-0.1", "from 0 to 1"),
        ("runs", "val_accuracy", "0,81", "a finite number, with a decimal point"),
        ("runs", "test_loss", "inf", "a finite number"),
        ("runs", "test_loss", "-1", "at least 0"),
        ("runs", "test_loss", "much", "a finite number"),
        ("runs", "generalisation_gap", "8.5", "from -1 to 1"),
        ("runs", "parameters", "896.5", "a whole number, at least 0"),
        ("runs", "digest", "8.37E+56", "12 hexadecimal digits (a spreadsheet"),
        ("runs", "digest", "12345678901", "12 hexadecimal digits"),
        ("runs", "digest", "", "12 hexadecimal digits"),
        ("runs", "seed", "1" + "0" * 30, "a whole number from 0 to 4294967295"),
        ("runs", "seed", "4294967296", "a whole number from 0 to 4294967295"),
        ("runs", "seed", "\u0663", "a whole number from 0 to"),
        ("runs", "seed", "-1", "a whole number from 0 to"),
        ("runs", "seed", "1.0", "a whole number from 0 to"),
        ("runs", "status", "fine", "one of done, diverged, failed"),
        ("runs", "study", "other", "the study of the folder, 'made'"),
        ("runs", "pool.name", "", "a name of letters"),
        ("runs", "data.name", "a$b$c", "a name of letters"),
        ("runs", "data.train", "train$", "without '$' and control characters"),
        ("runs", "model.width", "3.5", "a whole number"),
        ("runs", "model.width", "0", "a whole number from 1 to"),
        ("runs", "optim.name", "sgdd", "one of sgd, adam, adamw"),
        ("runs", "model.dense", "-7", "True or False"),
        ("runs", "model.growth", "two", "a finite number"),
        ("runs", "pool.window", "2.5", "a whole number, a list or a word"),
        ("runs", "pool.window", "3", "its configuration has the digest"),
        ("runs", "test_correct", "200:AAAA", "<number of bits>:<base64>"),
        ("runs", "test_correct", "many", "<number of bits>:<base64>"),
        ("curves", "epoch", "", "a number, at least 0"),
        ("curves", "val_accuracy", "1.5", "from 0 to 1"),
        ("curves", "val_loss", "nan", "a finite number"),
        ("curves", "digest", "0123456789ab", "runs.csv has no run"),
        ("curves", "seed", "7", "runs.csv has no run"),
        ("confusion", "true", "-1", "a whole number, at least 0"),
        ("confusion", "true", "9", "no square matrix"),
        ("confusion", "counts", "1 2 3", "no square matrix"),
        ("confusion", "counts", "1 2  3", "whole numbers separated by single spaces"),
        ("confusion", "counts", "1 2 3 x", "whole numbers separated by single spaces"),
        ("confusion", "counts", "0 0 0 50", "right, test_accuracy in runs.csv says"),
        ("feature_maps", "moment", "later", "one of image, before, after"),
        ("feature_maps", "values", "0.1 0,2", "a finite number, with a decimal point"),
        ("feature_maps", "values", "", "numbers separated by single spaces"),
        ("feature_maps", "values", "0.5", "the rows of a feature map have different lengths"),
        ("feature_maps", "row", "99", "a row of a feature map is missing"),
        ("feature_maps", "channel", "x", "a whole number, at least 0"),
    ],
)
def test_a_cell_that_no_run_writes_is_refused(
    name: str, column: str, text: str, fitting: str, whole: Path, tmp_path: Path
) -> None:
    path = edit(whole, tmp_path, name, lambda rows: rows[0].update({column: text}))
    with pytest.raises(PoolscopeError) as refused:
        read_committed(tmp_path, "made")
    sentence = str(refused.value)
    assert fitting in sentence and str(path) in sentence and len(sentence.splitlines()) == 1
    assert "row" in sentence or "run " in sentence
    if (
        text
        and "runs.csv" not in fitting
        and not {"square", "map"} & set(fitting.split())
        and "its conf" not in fitting
    ):
        assert column in sentence


@pytest.mark.parametrize("name", NAMES)
def test_a_row_that_stands_twice_is_refused_with_both_places(name: str, whole: Path, tmp_path: Path) -> None:
    path = edit(whole, tmp_path, name, lambda rows: rows.append(dict(rows[0])))
    last = len(path.read_text().splitlines())
    with pytest.raises(PoolscopeError, match=rf"{name}\.csv is damaged, row {last}: \S+ 0.* stands in row 2 already"):
        read_table(tmp_path, "made", name)


def test_a_run_that_is_gone_takes_its_other_rows_with_it(whole: Path, tmp_path: Path) -> None:
    edit(whole, tmp_path, "runs", lambda rows: rows.pop(0))
    with pytest.raises(PoolscopeError, match=r"curves\.csv is damaged, row \d+: runs\.csv has no run with digest"):
        read_committed(tmp_path, "made")


@pytest.mark.parametrize(("text", "found"), [("1:gA==", (1, 1)), ("0:", (0, 0)), ("16:Af8=", (9, 16))])
def test_bits_are_counted(text: str, found: tuple[int, int]) -> None:
    assert count_right(text) == found


def test_rows_of_one_digest_have_one_configuration(whole: Path, tmp_path: Path) -> None:
    """Also where they are of another schema, so that the digest itself can't be checked."""

    def change(rows: list[dict[str, str]]) -> None:
        for row in rows:
            row["pool.of_another_schema"] = "1"
        rows[0]["pool.window"] = "3"

    edit(whole, tmp_path, "runs", change)
    with pytest.raises(PoolscopeError, match=r"runs\.csv is damaged: rows of the digest \w+ differ in pool\.window"):
        read_table(tmp_path, "made", "runs")
