"""The values of a configuration come back from a table's cells with the very types that went in."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_records import make_config

from poolscope.spec.config import PoolConfig, RunConfig, digest, to_dict
from poolscope.store.cells import CONFIG_KINDS, flatten, read_cell, read_config, show_statistic, to_cell

COMMITTED = sorted((Path(__file__).parents[2] / "results").glob("*/tables/runs.csv"))
WORDS = st.sampled_from(["VALID", "SAME", "early", "spread"])
WHOLE = st.integers(-(10**17), 10**17)
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: WHOLE,
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs"])),
}
NESTED = st.lists(WHOLE, min_size=1, max_size=4) | st.lists(st.lists(WHOLE, min_size=1, max_size=2), min_size=1)


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.parents[1].name)
def test_every_committed_row_has_the_digest_of_its_configuration(path: Path) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    configs = {row["digest"]: {tuple(row[key] for key in CONFIG_KINDS if key in row): row} for row in rows}
    found = {(name, digest(read_config(row))) for name, forms in configs.items() for row in forms.values()}
    assert found == {(name, name) for name in configs}


def test_the_committed_rows_are_all_894() -> None:
    """Beside them may be studies of one's own, as that of `make quickstart`."""
    rows = {path.parents[1].name: path.read_text(encoding="utf-8").count("\n") - 1 for path in COMMITTED}
    committed = {"label_noise": 40, "measures": 24, "no_convolution": 180, "pool_type": 200, "remedies": 90}
    committed |= {"strategies": 200, "strength": 120, "stride": 40}
    assert sum(committed.values()) == 894
    assert {study: rows.get(study) for study in committed} == committed


@pytest.mark.parametrize("plain", VALUES, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_a_value_comes_back_with_its_type(plain: Any, data: st.DataObject) -> None:
    value = data.draw(VALUES[plain] | st.none())
    back = read_cell(to_cell(value), plain)
    assert back == value and type(back) is type(value)


@given(st.integers(-(10**17), 10**17) | WORDS | NESTED | st.none())
def test_a_value_of_a_key_with_several_types_comes_back(value: Any) -> None:
    back = read_cell(to_cell(value), Any)
    assert back == value and type(back) is type(value)


@given(NESTED.filter(lambda value: isinstance(value[0], int)) | st.none())
def test_a_list_comes_back(value: Any) -> None:
    assert read_cell(to_cell(value), list[int]) == value


def test_a_configuration_comes_back_whatever_its_keys_hold() -> None:
    full = {int: 3, float: 0.1, bool: False, str: "x", Any: [[0, 1], [2, 3]]}
    for key, kind in get_type_hints(PoolConfig).items():
        plain = next(part for part in full if part in (kind, *getattr(kind, "__args__", ())))
        for value in (full[plain], *([None] if type(None) in getattr(kind, "__args__", ()) else [])):
            config = make_config(**{f"pool__{key}": value})
            back = read_config(flatten({"pool": to_dict(config)["pool"], "data": to_dict(config)["data"]}))
            assert to_dict(back)["pool"] == to_dict(config)["pool"], key
            assert digest(back) == digest(config)


def test_an_absent_column_has_its_default() -> None:
    assert to_dict(read_config({})) == to_dict(RunConfig())


@pytest.mark.parametrize(
    ("text", "kind", "fitting"),
    [
        ("3.5", int, "a whole number"),
        ("1e3", int, "a whole number"),
        ("9" * 30, int, "a whole number"),
        ("true", bool, "True or False"),
        ("2", bool, "True or False"),
        ("0,62", float, "a finite number, with a decimal point"),
        ("inf", float, "a finite number"),
        ("nan", float, "a finite number"),
        ("1e999", float, "a finite number"),
        ("1_000", float, "a finite number"),
        (" 1", float, "a finite number"),
        ("[1,x]", list[int], "a list of whole numbers"),
        ("[]", list[int], "a list of whole numbers"),
        ("{}", list[int], "a list of whole numbers"),
        ("[true]", Any, "a list of whole numbers"),
        ("[" * 9999, Any, "a list of whole numbers"),
        ("2.5", Any, "a whole number, a list or a word"),
        ("{a: 1}", Any, "a whole number, a list or a word"),
    ],
)
def test_what_is_no_value_of_its_type_is_refused(text: str, kind: Any, fitting: str) -> None:
    with pytest.raises(ValueError, match=f"^{fitting}$"):
        read_cell(text, kind)
    with pytest.raises(ValueError, match=r"^model\.width must be a whole number, not 'x'$"):
        read_config({"model.width": "x"})


def test_whole_numbers_of_older_tables_are_whole() -> None:
    assert read_cell("32.0", int) == 32 and isinstance(read_cell("2.0", Any), int)


def test_a_computed_number_is_written_to_twelve_digits() -> None:
    assert show_statistic(0.1 + 0.2) == "0.3"
    assert show_statistic(1 / 3) == "0.333333333333"
    assert show_statistic(1e-20) == "1e-20"
    assert to_cell(float("nan"), show_statistic) == ""
