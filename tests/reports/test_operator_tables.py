"""Tables of operators are continued: an operator's new rows replace its earlier ones, others stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from poolscope.reports.operator_tables import continue_tables, read_table, show_rows


def make_row(pool: str, aliasing: float, window: str = "2", data: str = "mnist") -> dict[str, object]:
    return {"data": data, "pool": pool, "window": window, "stride": window, "options": "", "aliasing": aliasing}


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ([make_row("max", 0.3)], [("max", "2", 0.3), ("avg", "2", 0.1)]),
        ([make_row("avg", 0.4, "10")], [("max", "2", 0.2), ("avg", "2", 0.1), ("avg", "10", 0.4)]),
        ([], [("max", "2", 0.2), ("avg", "2", 0.1)]),
    ],
)
def test_new_rows_replace_those_of_the_same_operator(tmp_path: Path, second: list, expected: list) -> None:
    continue_tables(tmp_path, {"operators": [make_row("avg", 0.1), make_row("max", 0.2)]})
    frame = continue_tables(tmp_path, {"operators": second})["operators"]
    assert list(zip(frame["pool"], frame["window"], frame["aliasing"], strict=True)) == expected
    assert read_table(tmp_path / "tables" / "operators.csv")["aliasing"].tolist() == [row[2] for row in expected]


def test_rows_are_shown_by_aliasing() -> None:
    committed = Path(__file__).resolve().parents[2] / "results" / "operators" / "tables" / "operators.csv"
    rows = show_rows(read_table(committed))
    first = [
        float(row["aliasing"]) for row in rows if row["data"] == "mnist" and row["window"] == "2" and row["aliasing"]
    ]
    assert first == sorted(first)
    assert "nan" not in {cell for row in rows for cell in row.values()}
