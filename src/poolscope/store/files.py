"""Files written whole or not at all, and the one way of reading and writing CSV."""

from __future__ import annotations

import csv
import errno
import io
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

from poolscope.spec.errors import PoolscopeError
from poolscope.store.cells import Cells, to_cell

RESTORE = "restore it from git or delete it"
_FIRST_ROW = 2  # as spreadsheets count: the header is row 1


@contextmanager
def open_whole(path: Path, durable: bool = True) -> Iterator[IO[bytes]]:
    """Write a binary file that replaces `path` when the block ends, or leaves no trace if the block or the disk fails.

    A symbolic link at `path` is replaced; what it points to stays as it was. The umask decides who may read the file,
    unlike for the files of `tempfile`. durable: wait until the disk has it, so that it also survives a power cut.

    Raises:
        OSError: naming `path`, not the scratch file beside it.
    """
    scratch = path.with_name(f".{path.name.removeprefix('.')}.{secrets.token_hex(4)}")
    try:
        with scratch.open("xb") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(scratch, path)
    except BaseException as error:
        with suppress(OSError):
            scratch.unlink()
        if isinstance(error, OSError) and error.errno:
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
        raise


def check_writable(folder: Path) -> None:
    """Refuse a folder that can't be written, or made, before anything is computed for it; nothing is created.

    Raises:
        PoolscopeError: naming the folder and the reason.
    """
    try:
        there = next(path for path in (folder, *folder.parents) if path.exists())
    except OSError as error:
        raise PoolscopeError(f"The folder {str(folder)[:200]} can't be made ({error.strerror}).") from error
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        reason = f"{there} is no folder" if not there.is_dir() else f"{os.strerror(errno.EACCES)}: {there}"
        raise PoolscopeError(f"The folder {folder} can't be written ({reason}); choose another.")


def write_text(text: str, path: Path) -> None:
    """Write a UTF-8 text file whole or not at all; missing folders are created."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_whole(path) as file:
        file.write(text.encode())


def write_csv(
    columns: Sequence[str],
    rows: Iterable[Mapping[str, Any]],
    path: Path,
    show_number: Callable[[float], str] = repr,
) -> None:
    """Write a table as CSV, whole or not at all.

    Args:
        columns: the header, in order.
        rows: a value for each column; what is missing, None or not finite becomes an empty cell.
        path: the file.
        show_number: text of a float; by default the shortest that reads back the same.
    """
    lines: list[str] = []
    target = SimpleNamespace(write=lambda line: lines.append(line.removesuffix("\r\n") + "\n"))
    writer = csv.writer(target, lineterminator="\r\n")  # so that a carriage return in a cell is quoted
    writer.writerow(columns)
    writer.writerows([to_cell(row.get(column), show_number) for column in columns] for row in rows)
    write_text("".join(lines), path)


def read_csv(path: Path, required: Sequence[str] = ()) -> list[Cells]:
    """Read the rows of a CSV file as texts by column; an absent file has none. A byte-order mark is skipped.

    Raises:
        PoolscopeError: naming the file, and the row and column where there is one, if it is not UTF-8 or not CSV, is
            cut off, has rows of another length than its header, a column twice, or lacks a required column.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        csv.field_size_limit(max(csv.field_size_limit(), len(text)))  # a cell may hold a score for each of many images
        header, *lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise PoolscopeError(f"The table {path} can't be read ({error.strerror}); {RESTORE}.") from error
    except UnicodeDecodeError as error:
        raise PoolscopeError(f"The table {path} is damaged (not UTF-8 text); {RESTORE}.") from error
    except (ValueError, csv.Error) as error:
        raise PoolscopeError(f"The table {path} is damaged (not CSV); {RESTORE}.") from error
    if absent := [column for column in required if column not in header]:
        separator = next((mark for mark in ";\t" if len(header) == 1 and mark in header[0]), None)
        hint = f" (its cells are separated by {separator!r}, not by commas)" if separator else ""
        raise PoolscopeError(f"The table {path} lacks the column {absent[0]}{hint}; {RESTORE}.")
    if twice := [column for column in header if header.count(column) > 1 or not column.strip()]:
        raise PoolscopeError(f"The table {path} has the column {twice[0]!r} twice or without a name; {RESTORE}.")
    for number, line in enumerate(lines, start=_FIRST_ROW):
        if len(line) != len(header):
            raise PoolscopeError(
                f"The table {path} is damaged: row {number} has {len(line)} cells, its header {len(header)}; {RESTORE}."
            )
    if not text.endswith("\n"):
        raise PoolscopeError(f"The table {path} is damaged (it ends early, in row {len(lines) + 1}); {RESTORE}.")
    return [dict(zip(header, line, strict=True)) for line in lines]


def number_rows(rows: Iterable[Cells]) -> Iterator[tuple[int, Cells]]:
    """Pair each row of a table with its number as spreadsheets count them, the header being row 1."""
    return enumerate(rows, start=_FIRST_ROW)
