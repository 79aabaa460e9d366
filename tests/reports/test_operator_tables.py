"""Tables of operators are continued: an operator's new rows replace its earlier ones, others stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from poolscope.reports.operator_tables import continue_tables, read_table, show_invariance, show_rows


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


def test_untrained_networks_are_continued_and_shown_by_what_moves_them_least(tmp_path: Path) -> None:
    def make(pool: str, network: str, moved: float) -> dict[str, object]:
        shifts = {
            f"{name}_{shift}": moved for name in ("consistency", "stability") for shift in ("circular", "subpixel")
        }
        exact = {"exact_circular": moved == 0, "exact_subpixel": False}
        key = {"data": "noise", "pool": pool, "window": "2", "stride": "2", "network": network}
        return key | shifts | exact | {"sampling_bias": 0.5, "seeds": 5, "images": 9}

    continue_tables(tmp_path, {"invariance": [make("max", "strided", 0.3), make("max", "a-trous", 0.0)]})
    tables = continue_tables(tmp_path, {"invariance": [make("aps", "strided", 0.1), make("max", "a-trous", 0.2)]})
    shown = show_invariance(tables["invariance"])
    assert [(row["pool"], row["network"], row["exact"]) for row in shown] == [
        ("aps", "strided", ""),
        ("max", "a-trous", ""),
        ("max", "strided", ""),
    ]
    assert (
        show_invariance(continue_tables(tmp_path, {"invariance": [make("aps", "strided", 0.0)]})["invariance"])[0][
            "exact"
        ]
        == "whole"
    )
