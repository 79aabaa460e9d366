"""Printing for the person at the terminal: text as it is, never read as markup, and wide enough in a pipe or a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NoReturn

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

_WIDTH = 200  # of tables in a file or a pipe


class _Console(Console):
    """A console of a command: a reader that went away (`| head -1`) ends the command as it ends every other's."""

    def on_broken_pipe(self) -> NoReturn:
        """Raise what the command line takes for a normal end; Rich would exit with status 1."""
        raise BrokenPipeError


def open_console(stderr: bool = False) -> Console:
    """Open a console that prints brackets as brackets: names, paths and messages are text, not markup."""
    console = _Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = _WIDTH
    return console


def make_bars(console: Console, *more: TextColumn) -> Progress:
    """Make progress bars that vanish when they end, and that only a terminal shows."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        *more,
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def list_rows(rows: Sequence[Mapping[str, object]], left: Sequence[str] | None = None) -> Table:
    """Make a plain table, headed by the keys of the first row; columns not in `left` (default: all) align right."""
    table = Table(box=None, pad_edge=False)
    if not rows:
        table.add_column("nothing yet")
        return table
    for heading in rows[0]:
        table.add_column(heading, justify="left" if left is None or heading in left else "right", overflow="fold")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    return table


def format_count(number: int, noun: str, nouns: str = "") -> str:
    """Write a number of things: 1 run, 2,000 runs, 0 copies.

    Args:
        number: of things.
        noun: for one.
        nouns: for several; default: with an s.
    """
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def format_end(seconds: float) -> str:
    """Write the local time that many seconds from now: Thu 26 Nov, 14:35."""
    return (datetime.now() + timedelta(seconds=seconds)).strftime("%a %d %b, %H:%M")
