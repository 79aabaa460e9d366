"""Records and committed tables that were edited, copied, moved or damaged, drawn at random from a small study."""

from __future__ import annotations

import csv
import io
import json
import random
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from made_records import make_config, make_record, write_study

from poolscope.spec.errors import PoolscopeError
from poolscope.statistics.arms import add_arms
from poolscope.statistics.tables import NAMES, Tables, collect, read_map, sum_confusion, write_tables

Rows = list[dict[str, str]]
TEXTS = [
    *("", " ", "abc", "nan", "inf", "-inf", "1e999", "1e-999", "0,5", "0.5.", "--1", "-1", "1.5", "62.5", "1e3"),
    *("9" * 30, "0" * 12, "True", "False", "true", "None", "null", "[]", "[1,2]", "[[0,1],[2,3]]", "[[[", "{}", "3.0"),
    *("\u0663", "\uff11", "0x10", "1_000", "8.37E+56", "2026-11-23", "23. Nov", "=1+1", "#REF!", "$a$", "\\", "a\nb"),
    *("a\rb", "a\x00b", "\ud83d", "é", "x" * 3000, "../..", "done", "diverged", "failed", "max", "image", "1 2 3"),
    *("1  2", "0123456789ab", "8:/w==", "200:AAAA"),
]
VALUES: list[Any] = [
    *(None, True, False, 0, -1, 3, 1.5, 62.5, 10**30, -(10**30), 1e300, float("nan"), float("inf"), "", "x", "0.5"),
    *([], {}, [1], [[1]], [None], {"a": 1}, {"a": {"b": []}}, "\u0000", "\ud83d", [[[[1]]]], "x" * 3000, "\u0663"),
    *([True], "$a$"),
]


@cache
def whole() -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The bytes of a small study: its records, by path below the results folder, and its tables, by name."""
    with tempfile.TemporaryDirectory() as scratch:
        results = Path(scratch)
        configs = [make_config(), make_config("avg"), make_config("blur", pool__filter_size=3, pool__window=[2, 3])]
        write_study(results, [make_record(config, seed) for config in configs for seed in (0, 1)])
        write_study(results, [make_record(make_config("min"), 0, status="diverged", reason="not finite")])
        write_tables(collect(results, "made"), results / "made" / "tables")
        records = {str(path.relative_to(results)): path.read_bytes() for path in results.rglob("seed-*.json")}
        return records, {name: (results / "made" / "tables" / f"{name}.csv").read_bytes() for name in NAMES}


def try_table(draw: random.Random, folder: Path) -> str:
    """Change a committed table; returns what became of it: refused, unchanged, or taken as given.

    Raises AssertionError where a change was taken silently: another number of runs, or a table that is written back as
    something else than was read.
    """
    _, tables = whole()
    name = draw.choice(NAMES)
    kind = draw.choice(sorted(_TABLE_CHANGES))
    content = _TABLE_CHANGES[kind](tables[name], draw)
    home = _clear(folder) / "made" / "tables"
    home.mkdir(parents=True)
    for other in NAMES:
        (home / f"{other}.csv").write_bytes(content if other == name else tables[other])
    found = _collect(folder)
    if found is None:
        return "refused"
    assert len(found.runs) == 7, f"{len(found.runs)} runs instead of 7"
    given = _sort(_parse(content.decode("utf-8-sig")))
    written = write_back(found, folder)
    assert _sort(_parse(written[name].decode())) == given, "written back as something else"
    return "unchanged" if written == tables else "taken as given"


def try_record(draw: random.Random, folder: Path) -> str:
    """Change, copy or move a record; returns what became of it: refused, unchanged, or taken as given.

    Raises AssertionError where it was taken silently: more runs than there are, or tables that can't be read again.
    """
    records, tables = whole()
    path = draw.choice(sorted(records))
    kind = draw.choice(sorted(_RECORD_CHANGES))
    _clear(folder)
    for other, content in records.items():
        (folder / other).parent.mkdir(parents=True, exist_ok=True)
        (folder / other).write_bytes(content)
    _RECORD_CHANGES[kind](folder / path, draw)
    found = _collect(folder)
    assert found is not None, "the sound records are refused with it"
    files = len(list(folder.glob("runs/made/*/seed-*.json")))
    assert len(found.runs) + len(found.damaged) == files
    written = write_back(found, folder)
    if found.damaged:
        return "refused"
    return "unchanged" if written == tables else "taken as given"


def write_back(found: Tables, folder: Path) -> dict[str, bytes]:
    """The bytes of tables that are written, read and written again, which must be the same; runs what reports run."""
    home = folder / "made" / "tables"
    first = {path.stem: path.read_bytes() for path in write_tables(found, home)}
    shutil.rmtree(folder / "runs", ignore_errors=True)
    again = {path.stem: path.read_bytes() for path in write_tables(collect(folder, "made"), home)}
    assert again == first, "not the same when it is read again"
    labelled = add_arms(found.runs)
    for digest, seeds in labelled.groupby("digest")["seed"]:
        sum_confusion(found.confusion, digest, seeds)
        for stage in found.feature_maps["stage"].unique():
            for moment in ("image", "before", "after"):
                read_map(found.feature_maps, digest, stage, moment)
    return first


def _collect(folder: Path) -> Tables | None:
    try:
        found = collect(folder, "made")
        sentences = found.damaged
    except PoolscopeError as error:
        found, sentences = None, (str(error),)
    for sentence in sentences:
        assert len(sentence.splitlines()) == 1 and sentence.isprintable(), f"not one line: {sentence!r}"
    return found


def _clear(folder: Path) -> Path:
    for name in ("runs", "made"):
        shutil.rmtree(folder / name, ignore_errors=True)
    return folder


def _parse(text: str) -> Rows:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def _sort(rows: Rows) -> list[list[tuple[str, str]]]:
    """Rows whatever the order of rows and columns, numbers however they are written, without empty cells."""
    return sorted(sorted((name, _number(text)) for name, text in row.items() if text) for row in rows)


def _number(text: str) -> str:
    try:
        return repr(float(text))
    except ValueError:
        return text


def _edit(content: bytes, change: Callable[[Rows], object]) -> bytes:
    rows = _parse(content.decode())
    change(rows)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "surrogatepass")


def _set_cell(content: bytes, draw: random.Random) -> bytes:
    def change(rows: Rows) -> None:
        row = draw.choice(rows)
        row[draw.choice(list(row))] = draw.choice(TEXTS)

    return _edit(content, change)


def _set_key_cell(content: bytes, draw: random.Random) -> bytes:
    def change(rows: Rows) -> None:
        row = draw.choice(rows)
        row[draw.choice([name for name in list(row)[:7] if name in row])] = draw.choice(TEXTS)

    return _edit(content, change)


def _copy_cell(content: bytes, draw: random.Random) -> bytes:
    """As by dragging in a spreadsheet: one row's cells take another's."""

    def change(rows: Rows) -> None:
        first, second = draw.choice(rows), draw.choice(rows)
        names = list(first)
        start = draw.randrange(len(names))
        second.update({name: first[name] for name in names[start : start + draw.randrange(1, 4)]})

    return _edit(content, change)


def _swap_columns(content: bytes, draw: random.Random) -> bytes:
    """Sorting some columns of a spreadsheet without the others."""

    def change(rows: Rows) -> None:
        name = draw.choice(list(rows[0]))
        cells = sorted(row[name] for row in rows)
        for row, cell in zip(rows, cells, strict=True):
            row[name] = cell

    return _edit(content, change)


def _rename_column(content: bytes, draw: random.Random) -> bytes:
    header, _, rest = content.partition(b"\n")
    names = header.split(b",")
    names[draw.randrange(len(names))] = draw.choice([b"", b"x", b"digest", b"a b", b'"', b"pool", b"pool.", b"\xff"])
    return b",".join(names) + b"\n" + rest


def _replace(old: bytes, new: bytes) -> Callable[[bytes, random.Random], bytes]:
    return lambda content, draw: content.replace(old, new)


def _damage(content: bytes, draw: random.Random) -> bytes:
    """Cut off, flipped bits, bytes put in, a part doubled or taken out."""
    data = bytearray(content)
    for _ in range(draw.choice([1, 1, 2, 8])):
        place = draw.randrange(len(data) + 1)
        stretch = slice(place, place + draw.randrange(1, 200))
        way = draw.randrange(5)
        if way == 0:
            del data[place:]
        elif way == 1 and place < len(data):
            data[place] ^= 1 << draw.randrange(8)
        elif way == 2:
            data[place:place] = draw.choice([b"\0", b"\xff", b'"', b",", b"\n", b"9", b"<<<<<<< HEAD\n"])
        elif way == 3:
            data[place:place] = data[stretch]
        else:
            del data[stretch]
    return bytes(data)


_TABLE_CHANGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "a cell": _set_cell,
    "a leading cell": _set_key_cell,
    "cells of another row": _copy_cell,
    "a column sorted alone": _swap_columns,
    "a column's name": _rename_column,
    "bytes": _damage,
    "a row twice": lambda content, draw: _edit(content, lambda rows: rows.append(dict(draw.choice(rows)))),
    "a row gone": lambda content, draw: _edit(content, lambda rows: rows.pop(draw.randrange(len(rows)))),
    "rows shuffled": lambda content, draw: _edit(content, draw.shuffle),
    "semicolons": _replace(b",", b";"),
    "decimal commas": _replace(b".", b","),
    "carriage returns": _replace(b"\n", b"\r\n"),
    "byte-order mark": lambda content, draw: b"\xef\xbb\xbf" + content,
    "UTF-16": lambda content, draw: content.decode().encode("utf-16"),
    "no last newline": lambda content, draw: content[:-1],
    "a blank line": lambda content, draw: content + b"\n",
    "only a header": lambda content, draw: content.partition(b"\n")[0] + b"\n",
    "all twice": lambda content, draw: content + content.partition(b"\n")[2],
    "another study": _replace(b"made,", b"mine,"),
}


def _set_value(path: Path, draw: random.Random) -> None:
    """One value anywhere in the record, without a checksum, as in records of older versions."""
    content = json.loads(path.read_bytes())
    content["provenance"].pop("checksum")
    places: list[tuple[Any, Any]] = []

    def walk(value: Any, depth: int) -> None:
        keys = list(value) if isinstance(value, dict) else range(min(len(value), 3)) if isinstance(value, list) else ()
        for key in keys:
            places.append((value, key))
            walk(value[key], depth + 1)

    walk(content, 0)
    parent, key = draw.choice(places)
    parent[key] = draw.choice(VALUES)
    path.write_text(json.dumps(content), encoding="utf-8", errors="surrogatepass")


def _drop_value(path: Path, draw: random.Random) -> None:
    content = json.loads(path.read_bytes())
    content["provenance"].pop("checksum")
    part = draw.choice([content, *(value for value in content.values() if isinstance(value, dict) and value)])
    part.pop(draw.choice(list(part)))
    path.write_text(json.dumps(content))


def _copy_to(place: Callable[[Path, random.Random], Path]) -> Callable[[Path, random.Random], None]:
    def copy(path: Path, draw: random.Random) -> None:
        target = place(path, draw)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)

    return copy


_COPIES = ["seed-0 copy.json", "seed-0 (1).json", "seed-00.json", "seed-1e0.json", "seed-\u0663.json", "seed-7.json"]


_RECORD_CHANGES: dict[str, Callable[[Path, random.Random], object]] = {
    "a value": _set_value,
    "a value gone": _drop_value,
    "bytes": lambda path, draw: path.write_bytes(_damage(path.read_bytes(), draw)),
    "copied beside": _copy_to(lambda path, draw: path.with_name(draw.choice(_COPIES))),
    "copied to another folder": _copy_to(
        lambda path, draw: (
            path.parent.with_name(draw.choice(["0123456789ab", "x", path.parent.name + " copy"])) / path.name
        )
    ),
    "over another": _copy_to(
        lambda path, draw: draw.choice([other for other in path.parents[1].glob("*/seed-*.json") if other != path])
    ),
}
