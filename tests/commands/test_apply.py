"""`poolscope apply`: NumPy and the layers print the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from poolscope.cli import main


@pytest.mark.parametrize("option", ["", "pool.padding=1", "pool.stride=1", "pool.dilation=2", "pool.window=3"])
def test_numpy_and_the_layer_print_the_same(
    option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = []
    for cells in (1024, 0):
        monkeypatch.setattr("poolscope.commands.apply._MOST_IN_NUMPY", cells)
        with pytest.raises(SystemExit):
            main(["apply", "pool=max,avg", *([option] if option else [])])
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] and "max" in printed[0]


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(["apply", *words])
    printed = capsys.readouterr()
    return int(end.value.code or 0), printed.out, printed.err


def test_the_backward_pass_of_a_tie_padding_and_dropped_cells(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    views = ("--gradient", "--indices", "--windows", "--bins", "--figure", str(tmp_path / "drawn.svg"))
    matrix = "7 7 1 / 2 3 1 / 1 1 9"
    status, out, _ = run(capsys, "pool=max", "pool.padding=[[1,0],[0,0]]", "--matrix", matrix, *views)
    assert status == 0
    for line in (
        "windows, rows: p 0 | 1 2",
        "windows, columns: 0 1",
        "p  p  p\n1  1  ·\n1  1  ·\n1  1  ·",
        "bins, rows: 0 | 1-2",
        "0,0 (0)\n1,1 (4)",
        "1  0  ·\n0  1  ·\n0  0  ·\n  y[0,0] -> x[0,0]\n  y[1,0] -> x[1,1]",
        "tie: for y[0,0], x[0,0] and x[0,1] are equal (7); x[0,0], the first in reading order, gets all",
        "· 3 cells that no output reads",
    ):
        assert line in out
    assert "max, window 2" in (tmp_path / "drawn.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("pool=avg", "--cotangent", "1 2 / 3 4"), "0.25  0.25  0.5  0.5\n0.25  0.25  0.5  0.5\n0.75"),
        (("pool=max", "--cotangent", "1,0"), "y[1,0] -> x[3,1]"),
        (("pool=none", "--gradient"), "y[0,0] -> x[0,0]"),
        (("pool=space_to_depth", "--gradient"), "y[0,0,3] -> x[1,1]"),
        (("pool=adaptive_max", "--windows"), "windows: none, since adaptive_max divides the map into bins"),
        (("pool=avg", "--indices"), "indices: none, since its outputs aren't copies of single cells"),
    ],
)
def test_views(words: tuple[str, ...], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, *words)
    assert status == 0 and expected in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--cotangent", "1 2 3"), "--cotangent must be 2x2, as the output of max is, not 1x3; or name one output as"),
        (("--cotangent", "2,0"), "--cotangent 2,0 is no output of max: rows are 0 to 1, columns 0 to 1."),
        (("--cotangent", "a b"), "--cotangent must hold numbers only; got 'a'."),
        (("--figure", "drawn.jpg"), "--figure must be a file that ends in .svg or .png, not 'drawn.jpg'."),
        (("--gradient", "--matrix", "/".join(["1 " * 40] * 40)), "--matrix must have at most 1024 cells"),
        (("--gradient", "--matrix", "1 nan / 2 3"), "--matrix must hold numbers from -1,000,000 to 1,000,000"),
        (("--bins", "--matrix", "1 2 / inf 3"), "for a backward pass, not inf."),
        (("--windows", "--matrix", "1e30 2 / 3 4"), "for a backward pass, not 1e+30."),
        (("--cotangent", "1e30 0 / 0 0"), "--cotangent must hold numbers from"),
        (("--figure", "tests/data.svg/../nosuch"), "--figure must be a file that ends in .svg or .png"),
        (("--figure", "README.md/drawn.svg"), "The folder README.md can't be written (README.md is no folder)"),
    ],
)
def test_what_can_not_be_shown_is_refused(
    words: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(capsys, "pool=max", *words)
    assert (status, out) == (2, "") and sentence in err
