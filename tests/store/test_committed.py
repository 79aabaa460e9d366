"""Committed tables are read as they are, or refused with the file, the row and the column that no run writes."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from made_records import make_config, make_record, write_study

from poolscope.spec.errors import PoolscopeError
from poolscope.statistics.tables import collect, write_tables
from poolscope.store.checks import NAMES
from poolscope.store.committed import read_committed, read_table

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
    assert set(tables) == set(NAMES) and len(tables["runs"]) > 0


@pytest.mark.parametrize(
    ("name", "column", "text", "sentence"),
    [
        ("runs", "test_accuracy", "62.5", "row 2: test_accuracy must be from 0 to 1, not '62.5'"),
        ("curves", "val_loss", "0,5", "row 2: val_loss must be a finite number, with a decimal point, not '0,5'"),
        ("curves", "seed", "7", r"row 2: runs.csv has no run with digest \w+ and seed 7"),
        ("confusion", "counts", "1 2 3", r"rows of \w+ 0: its rows make no square matrix"),
        ("feature_maps", "row", "99", r"rows of \w+ 0 0 image 0: a row of a feature map is missing"),
    ],
)
def test_what_no_run_writes_is_refused_by_file_row_and_column(
    name: str, column: str, text: str, sentence: str, whole: Path, tmp_path: Path
) -> None:
    path = edit(whole, tmp_path, name, lambda rows: rows[0].update({column: text}))
    expected = rf"^The table {re.escape(str(path))} is damaged, {sentence}; restore it from git or delete it\.$"
    with pytest.raises(PoolscopeError, match=expected):
        read_committed(tmp_path, "made")


@pytest.mark.parametrize("name", NAMES)
def test_a_row_that_stands_twice_is_refused_with_both_places(name: str, whole: Path, tmp_path: Path) -> None:
    path = edit(whole, tmp_path, name, lambda rows: rows.append(dict(rows[0])))
    last = len(path.read_text().splitlines())
    with pytest.raises(PoolscopeError, match=rf"{name}\.csv is damaged, row {last}: it has the same .* as row 2;"):
        read_table(tmp_path, "made", name)


def test_a_run_that_is_gone_takes_its_other_rows_with_it(whole: Path, tmp_path: Path) -> None:
    edit(whole, tmp_path, "runs", lambda rows: rows.pop(0))
    with pytest.raises(PoolscopeError, match=r"curves\.csv is damaged, row \d+: runs\.csv has no run with digest"):
        read_committed(tmp_path, "made")


def test_rows_of_one_digest_have_one_configuration(whole: Path, tmp_path: Path) -> None:
    """Also where they are of another schema, so that the digest itself can't be checked."""

    def change(rows: list[dict[str, str]]) -> None:
        for row in rows:
            row["pool.of_another_schema"] = "1"
        rows[0]["pool.window"] = "3"

    edit(whole, tmp_path, "runs", change)
    with pytest.raises(PoolscopeError, match=r"runs\.csv is damaged: rows of the digest \w+ differ in pool\.window"):
        read_table(tmp_path, "made", "runs")
