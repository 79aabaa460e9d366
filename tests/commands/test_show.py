"""`poolscope show`: the network's plan as a table."""

from __future__ import annotations

import pytest
from processes import run_command

SMALL = ("data=synthetic", "data.shape=[9,8,1]", "model.blocks=2", "model.pool_stages=1", "model.width=4")


def printed_rows(*words: str) -> dict[str, list[str]]:
    """The cells of each row of the printed table, by its first."""
    status, output, errors = run_command("show", *words)
    assert status == 0, errors
    cells = ([cell.strip() for cell in line.strip("│┃").split("│")] for line in output.splitlines() if "│" in line)
    return {first: rest for first, *rest in cells}


def test_layers_are_printed_with_their_counts_and_fields() -> None:
    rows = printed_rows(*SMALL, "pool=max")
    assert list(rows) == ["input", "conv1", "relu1", "pool1", "conv2", "relu2", "avg_head", "head", "total"]
    assert rows["conv1"] == ["(9, 8, 4)", "40", "2,592", "0", "3", "1", ""]
    assert rows["pool1"] == ["(4, 4, 4)", "0", "0", "192", "4", "2", "1 row"]
    assert rows["conv2"][-3:-1] == ["8", "2"]
    assert rows["head"][-3:] == ["all", "", ""]
    assert rows["total"][1] == str(40 + (9 * 4 * 8 + 8) + (8 + 1) * 4)


def test_the_atrous_form_has_the_same_fields_without_strides() -> None:
    strided, dense = (printed_rows(*SMALL, "pool=max", f"model.dense={dense}") for dense in ("false", "true"))
    assert [row[-3] for row in dense.values()] == [row[-3] for row in strided.values()]
    assert {row[-2] for row in dense.values()} == {"1", ""}
    assert dense["pool1"][-1] == ""


def test_every_job_is_printed_with_a_note_on_what_is_left_out() -> None:
    status, output, _ = run_command("show", *SMALL, "pool=max,none")
    assert status == 0
    assert "synthetic (9, 8, 1), pool max 2/2, head avg" in output
    assert "synthetic (9, 8, 1), pool none, head avg" in output
    assert output.count("note: pool1 never reads the last 1 row of its 9x8 input") == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("pool.window=20",), "pool.window=20 is larger than its 9x8 input"),
        (("pool=nosuch",), "pool"),
        (("model.width=0",), "model.width must be a whole number from 1"),
    ],
)
def test_what_has_no_network_is_refused(words: tuple[str, ...], sentence: str) -> None:
    status, output, errors = run_command("show", *SMALL, *words)
    assert (status, output, errors.count("\n")) == (2, "", 1)
    assert sentence in errors
