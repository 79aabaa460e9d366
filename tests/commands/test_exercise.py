"""`poolscope exercise`: right and wrong answers, explanations, and what can't be asked."""

from __future__ import annotations

import shlex
import sys

import numpy as np
import pytest

from poolscope.cli import main
from poolscope.commands.exercise import draw_exercise, solve
from poolscope.commands.routing import make_grid
from poolscope.process.terminal import open_console

TIED = "--matrix '1 1 2 / 0 1 5'"


def run(capsys: pytest.CaptureFixture[str], line: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(["exercise", *shlex.split(line)])
    printed = capsys.readouterr()
    return int(end.value.code or 0), printed.out, printed.err


@pytest.mark.parametrize(
    ("line", "status", "printed"),
    [
        (f"forward pool=max pool.window=2 pool.stride=1 {TIED} --answer '1 5'", 0, "Right.\noutput:"),
        (f"forward pool=max pool.window=2 pool.stride=1 {TIED} --answer '1 2'", 1, "Not right: y[0,1] isn't 2."),
        (f"forward pool=max pool.window=2 pool.stride=1 {TIED} --answer '1 2'", 1, "y[0,1] = max of 1 2 1 5 = 5"),
        (f"forward pool=avg pool.window=2 pool.stride=1 {TIED} --answer '.75 2.25'", 0, "Right."),
        (f"backward pool=max pool.window=2 pool.stride=1 {TIED} --answer '1/2'", 1, "has 2x3 numbers, not 2x1"),
        (f"backward pool=max pool.window=2 pool.stride=1 {TIED} --solution", 0, "are equal (1); x[0,0], the first"),
        (f"indices pool=max pool.window=2 pool.stride=1 {TIED} --answer '0 5'", 0, "Right."),
        (
            "size pool.window=3 pool.stride=2 pool.padding=1 pool.dilation=2 --matrix '1 2 3 4' --answer 1x1",
            2,
            "larger",
        ),
        (
            "size pool=avg pool.window=2 pool.stride=2 --matrix '1 2 3 / 4 5 6' --answer 1x1",
            0,
            "floor((3 + 0 - 2) / 2)",
        ),
        ("forward --seed 3", 0, "Check an answer by --answer"),
        ("sideways", 2, "An exercise is on forward, backward, indices, size, not 'sideways'."),
        ("pool=lip", 2, "pool=lip can't be worked out by hand"),
        ("indices pool=avg", 2, "Outputs of pool=avg aren't copies of cells; ask about max or min."),
        ("forward --matrix '1 nan' --solution", 2, "--matrix must hold numbers from -1,000,000 to 1,000,000"),
        ("backward pool=avg --matrix '1e38 3e38' --answer 1", 2, "for a backward pass, not 1e+38."),
        ("forward --answer 'a b'", 2, "--answer must hold numbers only; got 'a'."),
    ],
)
def test_answers(line: str, status: int, printed: str, capsys: pytest.CaptureFixture[str]) -> None:
    found, out, err = run(capsys, line)
    assert found == status
    assert printed in (err if status == 2 else out)


def test_a_seed_gives_one_exercise_and_another_seed_another() -> None:
    drawn = [draw_exercise(seed, [], [], None) for seed in (4, 4, 5)]
    np.testing.assert_array_equal(drawn[0].matrix, drawn[1].matrix)
    assert drawn[0].pool == drawn[1].pool
    assert drawn[0].matrix.shape != drawn[2].matrix.shape or (drawn[0].matrix != drawn[2].matrix).any()


def test_what_is_drawn_fits_what_is_given() -> None:
    for seed in range(6):
        exercise = draw_exercise(seed, ["size"], ["pool=median,lp", "pool.window=7"], None)
        assert exercise.pool.name in ("median", "lp")
        assert (solve(exercise) >= 1).all()


def test_on_a_terminal_it_asks_until_it_can_read_the_answer(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = solve(draw_exercise(8, ["size"], [], None))
    said = iter(["what?", "{:g} x {:g}".format(*right[0]), "0 0"])
    monkeypatch.setattr(sys, "stdin", type("Terminal", (), {"isatty": lambda self: True})())
    monkeypatch.setattr("rich.console.Console.input", lambda self, prompt: next(said))
    status, out, _ = run(capsys, "size --seed 8 --count 2")
    assert status == 1
    assert "An answer must hold numbers only; got 'what?'." in out
    assert out.count("Right.") == 1 and out.endswith("1 of 2 right\n")


def test_the_grid_of_an_answer_shows_no_negative_zero(capsys: pytest.CaptureFixture[str]) -> None:
    open_console().print(make_grid(np.array([[-0.0, 1.5]])))
    assert capsys.readouterr().out.rstrip() == "0  1.5"
