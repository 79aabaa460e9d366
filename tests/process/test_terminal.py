"""What is printed is text: brackets stay, and tables are wide enough where there is no terminal."""

from __future__ import annotations

import pytest
from rich.table import Table

from poolscope.process.terminal import format_count, list_rows, make_bars, open_console

ODD = ["r[/x]", "[bold]x[/bold]", "[red]", "\\[x]", ":smile:", "[/]", "%s {}"]


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("stderr", [False, True])
def test_brackets_are_printed_as_they_are(text: str, stderr: bool, capsys: pytest.CaptureFixture[str]) -> None:
    console = open_console(stderr)
    console.print(text, style="yellow", soft_wrap=True)
    table = Table(title=text)
    table.add_column(text)
    table.add_row(text)
    console.print(table)
    console.print(list_rows([{text: text}]))
    printed = capsys.readouterr()
    assert (printed.err if stderr else printed.out).count(text) == 6


def test_long_sentences_and_rows_stay_on_their_line(capsys: pytest.CaptureFixture[str]) -> None:
    console = open_console()
    console.print("x" * 500, soft_wrap=True)
    console.print(list_rows([{"name": "y" * 150, "n": 3}], left=["name"]))
    sentence, _, row = capsys.readouterr().out.splitlines()
    assert sentence == "x" * 500
    assert row.split() == ["y" * 150, "3"]


def test_a_narrow_terminal_breaks_words_and_leaves_none_out(capsys: pytest.CaptureFixture[str]) -> None:
    console = open_console()
    console.width = 12
    console.print(list_rows([{"data set": "emnist/balanced", "images": "112,800"}]))
    printed = capsys.readouterr().out
    assert "\N{HORIZONTAL ELLIPSIS}" not in printed
    assert [character for character in printed if character.isdigit()] == list("112800")


def test_no_rows_are_said_to_be_none(capsys: pytest.CaptureFixture[str]) -> None:
    open_console().print(list_rows([]))
    assert "nothing yet" in capsys.readouterr().out


def test_bars_are_for_terminals_only() -> None:
    assert make_bars(open_console()).disable


@pytest.mark.parametrize(
    ("number", "words", "text"),
    [
        (0, ("run",), "0 runs"),
        (1, ("run",), "1 run"),
        (2000, ("run",), "2,000 runs"),
        (1, ("copy", "copies"), "1 copy"),
        (3, ("copy", "copies"), "3 copies"),
    ],
)
def test_one_is_no_plural(number: int, words: tuple[str, ...], text: str) -> None:
    assert format_count(number, *words) == text
