"""What a row of a table may hold, cell by cell, and the cells that must agree with each other."""

from __future__ import annotations

import pytest
from made_records import make_config, make_record, write_study

from poolscope.statistics.tables import NAMES, collect, write_tables
from poolscope.store.cells import Cells
from poolscope.store.checks import count_right, find_false_part, find_problem
from poolscope.store.committed import group_rows, read_committed

Study = dict[str, list[Cells]]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The tables of one finished run, as rows."""
    results = tmp_path_factory.mktemp("study")
    write_study(results, [make_record(make_config(), 0)])
    write_tables(collect(results, "made"), results / "made" / "tables")
    return read_committed(results, "made")


def test_what_a_run_writes_passes(study: Study) -> None:
    for name in NAMES:
        assert [find_problem(name, row, "made") for row in study[name]] == [None] * len(study[name])
        groups = group_rows(name, study[name]).values()
        assert [find_false_part(name, study["runs"][0], rows) for rows in groups] == [None] * len(groups)


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
        ("runs", "image_scores.consistency_zero_3", "200:AAAA", "<number of images>:<base64>"),
        ("runs", "image_scores.consistency_zero_3", "0.97", "<number of images>:<base64>"),
        ("runs", "image_scores.consistency_zero_3", "2:gP8=", "but consistency_zero_3 is empty"),
        ("runs", "image_scores.test_accuracy", "2:AAA=", "has the mean 0.0000, but test_accuracy is 0."),
        ("curves", "epoch", "", "a number, at least 0"),
        ("curves", "val_accuracy", "1.5", "from 0 to 1"),
        ("curves", "val_loss", "nan", "a finite number"),
        ("confusion", "true", "-1", "a whole number, at least 0"),
        ("confusion", "counts", "1 2  3", "whole numbers separated by single spaces"),
        ("confusion", "counts", "1 2 3 x", "whole numbers separated by single spaces"),
        ("feature_maps", "moment", "later", "one of image, before, after"),
        ("feature_maps", "values", "0.1 0,2", "a finite number, with a decimal point"),
        ("feature_maps", "values", "", "numbers separated by single spaces"),
        ("feature_maps", "channel", "x", "a whole number, at least 0"),
    ],
)
def test_a_cell_that_no_run_writes_is_named(name: str, column: str, text: str, fitting: str, study: Study) -> None:
    problem = find_problem(name, study[name][0] | {column: text}, "made")
    assert problem is not None and fitting in problem and len(problem.splitlines()) == 1
    assert column in problem or "configuration" in fitting


@pytest.mark.parametrize(
    ("name", "column", "text", "fitting"),
    [
        ("confusion", "true", "9", "no square matrix"),
        ("confusion", "counts", "1 2 3", "no square matrix"),
        ("confusion", "counts", "0 0 0 50", "right, test_accuracy in runs.csv says"),
        ("feature_maps", "values", "0.5", "the rows of a feature map have different lengths"),
        ("feature_maps", "row", "99", "a row of a feature map is missing"),
    ],
)
def test_rows_that_do_not_fit_together_are_named(name: str, column: str, text: str, fitting: str, study: Study) -> None:
    first, *others = next(iter(group_rows(name, study[name]).values()))
    problem = find_false_part(name, study["runs"][0], [first | {column: text}, *others])
    assert problem is not None and fitting in problem


@pytest.mark.parametrize("name", NAMES)
def test_a_row_without_a_required_cell_is_named(name: str, study: Study) -> None:
    row = {column: text for column, text in study[name][0].items() if column != "seed"}
    assert find_problem(name, row, "made") == "it lacks seed"


@pytest.mark.parametrize(("text", "found"), [("1:gA==", (1, 1)), ("0:", (0, 0)), ("16:Af8=", (9, 16))])
def test_bits_are_counted(text: str, found: tuple[int, int]) -> None:
    assert count_right(text) == found
