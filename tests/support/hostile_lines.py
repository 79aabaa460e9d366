"""Whole command lines of every command, drawn at random, and what each may end with."""

from __future__ import annotations

import contextlib
import io
import os
import random
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import yaml
from made_records import make_config, make_record, write_study
from pretend import PRETENDED, pretending

from poolscope.cli import MODULES, main
from poolscope.spec.errors import PoolscopeError
from poolscope.statistics.tables import collect, write_tables

_WORDS = [  # of parsers and libraries, which no sentence for a person may hold
    *(
        "Traceback",
        "Lexer",
        "mismatched input",
        "extraneous input",
        "full_key",
        "object_type",
        "omegaconf",
        "_internal",
    ),
    *("NoneType", "object has no attribute", "ValueError", "KeyError", "TypeError", "AssertionError", "dataclass"),
]
_STUDIES = [
    *(
        "made",
        "made",
        "made",
        "nosuch",
        "pool_type",
        "all",
        "ledger",
        "latex",
        "runs",
        "../made",
        "a/b",
        "",
        " ",
        "[/x]",
    ),
    *("é", "-x", "--help", "a" * 300, "made\n", ".", "..", "%s", "{}", "results=.", "results=nosuch", "\udcff", "\0"),
]
_FOLDERS = [".", "results", "results", "nosuch", "made.txt", "", "r[/x]", "a" * 300, "\0", "../..", "~", "results/made"]
_MATRICES = [
    *("1 2 / 3 4", "1", "1,2/3,4", "", "/", "a", "1 2 / 3", "nan inf / 1e400 -1", "1e-400", "1 2 3 4 5 6 7 8 9", "-"),
    *("1 2 / 3 4 / 5 6 / 7 8", " ".join(["1"] * 2000), "[/x]", "0x10", "1_0", "٣", "\0"),
]
_NUMBERS = ["0", "1", "2", "-1", "1.5", "nan", "inf", "1e400", "", "x", "٣", "9" * 30, "4294967295", "4294967296", "²"]
_LINES = [
    *(
        ["-sc"],
        ["-sc", "foo"],
        ["-sc", "query=bash"],
        ["-sc", "query=zsh"],
        ["-sc", "install=bash"],
        ["-sc", "a=b", "c"],
    ),
    *([], ["--help"], ["help"], ["--version"], ["-h", "x"], ["trian"], [""], ["--plugin"], ["--plugin", "nosuch.py"]),
    *(["train", "--plugin", "made.txt"], ["\udcff"], ["--shell-completion"], ["train", "-m", "-sc"], ["list", "-sc"]),
]
_LINKED = (
    r"""zip(pool=max,avg optim.learning_rate=0.1,0.2)|zip(pool=max,avg train.epochs=1)|zip()|zip(|zip(a=b c)|points()|
zip(pool=range(1,1e308))|zip(pool=max,avg study=a,b)|zip(seeds=[0],[1])|zip(pool=[/x],max)|points(made.txt)|points(.)|
points(nosuch.csv)|points(points.csv)|points(points.csv|zip(é=1)""".replace("\n", "")
).split("|")
_COMPLETED = [
    "poolscope ",
    "poolscope tr",
    "poolscope train pool=",
    "x",
    "",
    "poolscope report ",
    "poolscope list runs ",
]


def draw_line(draw: random.Random, overrides: list[str]) -> list[str]:
    """A command line; overrides: as drawn for `train`."""
    if draw.random() < 0.05:
        return draw.choice(_LINES)
    command = draw.choice(["train"] * 6 + ["show"] * 3 + ["compare", "apply", "exercise"] + list(MODULES))
    words = [word for word in overrides if not word.lstrip("+~").startswith(("hydra/launcher", "hydra.launcher._"))]
    flags = _draw_flags(command, draw)
    if command in ("train", "tune", "show", "compare") and draw.random() < 0.1:
        words = [*words, draw.choice(_LINKED)]
    if command in ("train", "tune", "show", "apply", "measure", "compare"):
        given = words + flags + ["pool=max"] * (command == "measure")  # all of them are many
        draw.shuffle(given) if draw.random() < 0.3 else None
        return [command, *given]
    if command == "exercise":
        return [command, draw.choice(["forward", "backward", "size", "indices", "nosuch", ""]), *words[:2], *flags]
    if command == "export":
        return [command, draw.choice(_STUDIES), *draw.choice([["--to", "csv"], ["--to", "markdown"], []]), *flags]
    if command == "predict":
        return [command, draw.choice(_STUDIES), draw.choice(["max", "lip", ""]), draw.choice(_FOLDERS), *flags]
    if command in ("status", "reproduce", "report", "pack"):
        return [command, draw.choice(_STUDIES), *flags]
    if command == "list":
        what = draw.choice(["pools", "heads", "data", "measures", "studies", "runs", "runs", "nosuch", ""])
        return [command, what, *draw.choices(_STUDIES, k=draw.choice([0, 1, 1, 2])), *flags]
    if command == "data":
        return [
            command,
            draw.choice(["prepare", "prepare", "nosuch"]),
            draw.choice(["mnist", "", "a/b:1", "[/x]"]),
        ]
    others = ["training", "pools", "nosuch", "[/x]", "", "page.html", "results/page.html", "nosuch/\0.html", "max.html"]
    return [command, *draw.choices(others, k=draw.choice([0, 1, 1, 2])), *flags]


def _draw_flags(command: str, draw: random.Random) -> list[str]:
    number, folder = draw.choice(_NUMBERS), draw.choice(_FOLDERS)
    shared = {"--nosuch": [""], "--help": [""], "--version": [""]}
    jobs = {"-m": [""] * 4, "--config-dir": [folder]}
    own = {
        "train": jobs
        | {"--dry-run": [""] * 2, "--probe": [""]}
        | {"--cfg": ["job", "job", "all", "nosuch", ""], "--info": ["config", "defaults", "nosuch"], "--resolve": [""]}
        | {"--package": ["model", "nosuch", "", "pool.name", "[/x]"], "--run": [""]},
        "show": jobs,
        "export": {"--to": ["csv", "nosuch"], "--metric": ["val_loss", "nosuch", "seed", ""], "--force": [""]}
        | {"--arm": ["max", "[/x]", ""], "--baseline": ["avg", "nosuch"], "--where": ["seed=0", "x", "=", "seed=x"]}
        | {"--figure": ["none", "curves", "pie"], "--width": ["page", *_NUMBERS], "--font": ["sans", "nosuch"]}
        | {"--out": [folder], "--results": [folder]},
        "apply": jobs
        | {"--matrix": _MATRICES, "--seed": [number], "--train": [""], "--cotangent": [*_MATRICES, "0,1", "9,9"]}
        | {flag: [""] for flag in ("--gradient", "--indices", "--windows", "--bins")}
        | {"--figure": ["drawn.svg", folder, ""]},
        "exercise": {"--matrix": _MATRICES, "--answer": _MATRICES, "--seed": [number], "--solution": [""]},
        "tune": jobs
        | {"--rates": [*_NUMBERS, "0.1,0.2", "0.1,0.1", ","], "--seeds": [*_NUMBERS, "1,2", ",", "0"]}
        | {"--by": ["pool.name", "pool.nme", "", "[/x]", "pool.window,pool.p"], "--out": [folder]}
        | {"--recorded": [""], "--dry-run": [""]},
        "compare": {"--delta": [number], "--no-run": [""]},
        "reproduce": {"--runs": [number], "--results": [folder]},
        "bench": {"--rounds": [number], "--core": [number], "--quick": [""], "--redraw": [""], "--results": [folder]},
        "data": {"--dir": [folder]},
    }.get(command, {"--results": [folder]})
    words: list[str] = []
    for flag in draw.sample(sorted(own), k=min(len(own), draw.choice([0, 0, 1, 1, 2]))):
        words += [flag, *filter(None, [draw.choice(own[flag])])]
    if draw.random() < 0.03:
        words.append(draw.choice(sorted(shared)))
    return words


def try_line(words: list[str], folder: Path) -> None:
    """Run a command line in its own folder; raises PoolscopeError where it was refused in one sentence.

    Raises AssertionError where it ended in any other way than well, with a failed run (1) or refused (2), or said
    something in the words of a library.
    """
    printed, told = io.StringIO(), io.StringIO()
    with _own_folder(folder), pretending(), contextlib.redirect_stdout(printed), contextlib.redirect_stderr(told):
        try:
            main(words)
        except SystemExit as ended:
            status = ended.code or 0
    refusals = [line for line in told.getvalue().splitlines() if line.startswith("poolscope: ")]
    assert status in (0, 1, 2), f"status {status}"
    found = [word for word in _WORDS if word in told.getvalue()]
    assert not found, f"{found[0]} in: {told.getvalue()[-300:]}"
    if status == 2:
        assert len(refusals) == 1, f"not one sentence: {told.getvalue()[-300:]!r}"
        assert told.getvalue().endswith(refusals[0] + "\n"), f"more than one line: {told.getvalue()[-300:]!r}"
        raise PoolscopeError(refusals[0])
    if status == 1 and refusals and PRETENDED not in refusals[0]:
        raise PoolscopeError(refusals[0])


@contextlib.contextmanager
def _own_folder(folder: Path) -> Iterator[None]:
    """A deep folder that holds a small study, as current folder and home; anything may be written in it."""
    former, arguments = Path.cwd(), sys.argv
    place = folder / "a" / "b" / "c"
    if not place.is_dir():
        place.mkdir(parents=True)
        records = [make_record(make_config(pool, data="digits", data__source="digits"), 0) for pool in ("max", "avg")]
        write_study(place / "results", records)
        write_tables(collect(place / "results", "made"), place / "results" / "made" / "tables")
        (place / "made.txt").write_text("[/x]", encoding="utf-8")
        (place / "points.csv").write_text("pool,train.epochs\nmax,1\navg,2\n", encoding="utf-8")
    places = {"HOME": str(place), "POOLSCOPE_CACHE": str(place / "cache"), "TFDS_DATA_DIR": str(place / "sets")}
    places["COMP_LINE"] = random.Random(str(sys.argv)).choice(_COMPLETED)
    try:
        os.chdir(place)
        with patch.dict(os.environ, places), patch.object(sys, "stdin", io.StringIO("1 2\n3 4\n")):
            yield
    finally:
        os.chdir(former)
        sys.argv = arguments
        if sum(1 for _ in place.rglob("*")) > 2000:
            shutil.rmtree(folder / "a")


def check_meaning(word: str, value: object) -> None:
    """Assert that a plain override means what it says: a number that number, a text that text, true and false."""
    text = word.partition("=")[2]
    if value is None or isinstance(value, list) or any(mark in text for mark in "$'\"\\,()[]{}"):
        return
    if isinstance(value, bool):
        assert yaml.safe_load(text) is value, f"{word} was taken for {value}"
    elif isinstance(value, int | float):
        assert float(text) == value or value != value, f"{word} was taken for {value}"
    else:
        assert str(value) == text.strip() or text.lower() == str(value).lower(), f"{word} was taken for {value!r}"
