"""Hostile inputs, drawn at random: for scripts/fuzz.py by the thousand, for the tests by the hundred."""

from __future__ import annotations

import dataclasses
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from hostile_lines import check_meaning, draw_line, try_line
from made_records import make_config, make_record, write_study

from poolscope.data.cache import read_cached
from poolscope.data.splits import Split
from poolscope.spec.compose import compose_runs
from poolscope.spec.config import SETTINGS, RunConfig
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.operators import OPERATORS
from poolscope.spec.paths import shipped
from poolscope.statistics.tables import NAMES, collect, write_tables
from poolscope.store.finished import open_finished
from poolscope.store.record import read_record
from poolscope.store.sweep import PlannedRun, read_sweep, write_sweep
from poolscope.training.checkpoint import Checkpoint

_KEYS = [
    f"{section.name}.{entry.name}" if dataclasses.is_dataclass(section.type) else section.name
    for section in dataclasses.fields(RunConfig)
    for entry in (
        dataclasses.fields(getattr(RunConfig(), section.name)) if "Config" in str(section.type) else [section]
    )
] + [
    f"{section.name}.{entry.name}"
    for section in dataclasses.fields(RunConfig)
    if "Config" in str(section.type)
    for entry in dataclasses.fields(getattr(RunConfig(), section.name))
]
_GROUPS = ["data", "model", "pool", "optim", "measure", "experiment", "arm", "scale", "hydra/launcher", "hydra/sweeper"]
_ODD_KEYS = [
    *("hydra.sweeper.params", "hydra.mode", "hydra.searchpath", "hydra.sweep.dir", "hydra.launcher.n_jobs", "hydra"),
    *(
        "rates",
        "rates.x",
        "defaults",
        "schema/run",
        "",
        " ",
        ".",
        "pool.",
        ".pool",
        "pool..name",
        "pool@data",
        "@",
        "a",
    ),
    *("pool.name.x", "model.width.0", "seeds.0", "hydra.job.chdir", "hydra/job_logging", "study", "results", "--help"),
]
_VALUES = [
    *("", "null", "true", "3", "0", "-1", "1.5", "1e400", "-inf", "nan", "9" * 30, "1" * 4400, "0x10", "1_000", "08"),
    *(
        "max",
        "avg",
        "none",
        "SAME",
        "[2,3]",
        "[0,1,2]",
        "[[1,1],[2,2]]",
        "[]",
        "{}",
        "{a:1}",
        "{a:{b:[1]}}",
        "[1",
        "1]",
    ),
    *("a,b", "max,avg", "2,3", "1,", ",", ",,", "range(1,4)", "range(1,1e9)", "range(0,3000000000)", "glob(*)", "*"),
    *("range(1,5,0)", "range(5,1)", "range(1,1e308)", "choice(1,2)", "interval(0,1)", "shuffle(1,2)", "sort(3,1)"),
    *("choice()", "tag(t,choice(1,2))", "int(3.5)", "str(3)", "bool(x)", "float(1e400)", "extend_list(1)", "glob(m*)"),
    *("${pool.window}", "${model.width}", "${nosuch}", "${oc.env:NOSUCH}", "${oc.env:HOME}", "${", "${}", "$", "${.}"),
    *(
        "${oc.decode:'['}",
        "${oc.create:{a:1}}",
        "${hydra:job.num}",
        "${now:%Y}",
        "${oc.select:a,${b}}",
        "???",
        "'",
        '"',
    ),
    *(
        "'a b'",
        '"x\\"y"',
        "a=b",
        "=",
        "a:b",
        "a b",
        "\\",
        "\\,",
        "\t",
        "\n",
        "\0",
        "\udcff",
        "é",
        "🙂",
        "(",
        ")",
        "#",
        "!",
    ),
    *("&a", "*a", "!!python/object:os.system", "../..", "/etc/passwd", "a" * 5000, "[" * 200, "[" * 50 + "]" * 50, "~"),
]
_BOMB = ["a0: &a0 [x]", *(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9))]
_YAML = [
    *("a: &a [1]\nb: *a", "a: &a [*a]", "!!python/object/apply:os.system ['true']", "{", "- 1", "3", "", "\0", "\t"),
    *("? [1]\n: 2", "pool: max", "pool: {name: max, window: 9}", "defaults: 3", "defaults: [nosuch]", "a: b: c"),
    *("defaults:\n  - override /pool: nosuch", "hydra: 3", "defaults:\n  - _self_", "model: {width: ${model.width}}"),
    *("hydra: {mode: MULTIRUN, sweeper: {params: null}}", "seeds: 3", "seeds: {a: 1}", "study: [1]", "rates: 1"),
    *("hydra: {mode: MULTIRUN, sweeper: {params: {pool: 'max,,'}}}", "a: 2026-11-23", "'': 1", "true: 1", "1: 2"),
    *("model: null", "train: {epochs: .inf}", "\n".join(_BOMB), "[" * 3000, "\ufeffa: 1", "<<: *x", "? ? ? a"),
    *("%YAML 9.9\n---\na: 1", "---\na: 1\n---\nb: 2", "# @package nosuch.x\na: 1", "pool: {window: [1, [2, [3]]]}"),
]


@dataclass(frozen=True)
class Kind:
    """One way in: how to draw an input, and how to try it in a folder (for itself, kept from input to input)."""

    describe: Callable[[random.Random], Any]
    attempt: Callable[[Any, Path], None]


def try_input(kind: str, draw: random.Random, folder: Path) -> str:
    """Draw an input and try it: "taken" or "refused"; anything else that it raises is a failure."""
    given = KINDS[kind].describe(draw)
    try:
        KINDS[kind].attempt(given, folder)
    except PoolscopeError as error:
        if len(str(error).splitlines()) != 1 or not str(error).strip():
            raise AssertionError(f"not one line: {error!r}") from error
        return "refused"
    return "taken"


def _draw_fitting(key: str, draw: random.Random) -> str:
    """A value that fits a key, or one just outside."""
    known = SETTINGS[key]
    if known.names:
        return draw.choice(known.names)
    if known.kind is bool:
        return draw.choice(["true", "false", "true", "false", "1"])
    if known.kind in (int, float) and known.within:
        least, most = known.within.least, known.within.most
        return str(draw.choice([least, most, least + 1, least + 2, least - 1, most * 2, (least + most) / 2]))
    options = {"data.train": ["train[:80%]", "train[:1]", "train[100:200]"], "data.val": ["train[80%:]", "test[:5]"]}
    options |= {"seeds": ["[0]", "[1,2]", "[4294967295]"], "model.pool_after": ["early", "late", "[1]", "0", "[1,2,3]"]}
    options |= {"study": ["mine", "a-b"], "results": ["results", "r[/x]", "a b"]}
    return draw.choice(options.get(key, ["1", "2", "3", "[2,3]", "SAME", "0.5", "true", "null", "l1", "sum"]))


def _draw_command(draw: random.Random) -> tuple[list[str], bool]:
    fitting_only = draw.random() < 0.4

    def value(key: str) -> str:
        if fitting_only and key in SETTINGS:
            return _draw_fitting(key, draw)
        fitting = {"pool": list(OPERATORS), "pool.name": list(OPERATORS)}.get(key)
        if fitting_only or draw.random() < 0.3:
            folder = shipped("configs") / key
            files = [path.stem for path in folder.glob("*.yaml")] if key in _GROUPS else []
            return draw.choice(fitting or files or ["1", "2", "0.5", "true"])
        if draw.random() < 0.1:
            return "".join(chr(draw.choice([draw.randrange(32, 127), draw.randrange(0x2FFF)])) for _ in range(9))
        return draw.choice(_VALUES)

    words = []
    for _ in range(draw.choice([1, 1, 2, 3, 6])):
        key = draw.choice(draw.choice([_KEYS, _GROUPS] if fitting_only else [_KEYS, _KEYS, _GROUPS, _ODD_KEYS]))
        mark = "" if fitting_only else draw.choice(["", "", "", "", "", "+", "++", "~"])
        words.append(f"{mark}{key}" + f"={value(key)}" * (draw.random() < 0.97))
    return words, draw.random() < 0.5


def _try_command(given: tuple[list[str], bool], folder: Path) -> None:
    configs = compose_runs(*given).configs
    last = {word.lstrip("+").partition("=")[0]: word for word in given[0]}
    for key, word in last.items() if len(configs) == 1 else ():
        section, _, name = key.rpartition(".")
        if key in SETTINGS:
            check_meaning(word, getattr(getattr(configs[0], section) if section else configs[0], name))


def _draw_line(draw: random.Random) -> list[str]:
    return draw_line(draw, _draw_command(draw)[0])


def _draw_yaml(draw: random.Random) -> tuple[str, bytes]:
    group = draw.choice(["experiment", "experiment", "pool", "data", "model", "arm"])
    if draw.random() < 0.5:
        text = draw.choice(_YAML) + "\n" + draw.choice(["", draw.choice(_YAML)])
        return group, (draw.choice(["", "# @package _global_\n"]) + text).encode("utf-8", "surrogateescape")
    files = sorted((shipped("configs") / group).glob("*.yaml"))
    return group, _damage(draw.choice(files).read_bytes(), draw)


def _try_yaml(given: tuple[str, bytes], folder: Path) -> None:
    group, content = given
    (folder / group).mkdir(exist_ok=True)
    (folder / group / "mine.yaml").write_bytes(content)
    compose_runs([f"{group}=mine"], True, str(folder))


def _damage(content: bytes, draw: random.Random) -> bytes:
    """Cut off, flipped bits, bytes put in, a part doubled or taken out."""
    data = bytearray(content)
    for _ in range(draw.choice([1, 1, 2, 8])):
        place = draw.randrange(len(data) + 1)
        stretch = slice(place, place + draw.randrange(1, 200))
        way = draw.randrange(6)
        if way == 0:
            del data[place:]
        elif way == 1 and place < len(data):
            data[place] ^= 1 << draw.randrange(8)
        elif way == 2:
            data[place:place] = draw.choice(
                [b"\0", b"\xff", b'"', b",", b"\n", b"9", b"[", b"{", b"NaN", b"<<<<<<< HEAD\n"]
            )
        elif way == 3:
            data[place:place] = data[stretch]
        elif way == 4:
            del data[stretch]
        elif way == 5 and place < len(data):
            data[place] = draw.choice(b"0123456789,.-e")
    return bytes(data)


@cache
def _whole() -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The bytes of a small study's records, by path below its folder, and of its tables, by name."""
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        results = Path(scratch)
        records = [make_record(make_config(), seed) for seed in (0, 1)]
        write_study(results, [*records, make_record(make_config("avg"), 0)])
        write_tables(collect(results, "made"), results / "made" / "tables")
        paths = {str(path.relative_to(results)): path.read_bytes() for path in results.rglob("seed-*.json")}
        tables = {name: (results / "made" / "tables" / f"{name}.csv").read_bytes() for name in NAMES}
    return paths, tables


def _draw_record(draw: random.Random) -> tuple[str, bytes]:
    paths, _ = _whole()
    path = draw.choice(sorted(paths))
    return path, _damage(paths[path], draw)


def _try_record(given: tuple[str, bytes], folder: Path) -> None:
    """A damaged record is refused, or read as what it was; the tables then are those of the others."""
    paths, _ = _whole()
    shutil.rmtree(folder / "runs", ignore_errors=True)
    for path, content in {**paths, given[0]: given[1]}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    tables = collect(folder, "made")
    assert len(tables.runs) + len(tables.damaged) == len(paths)
    good = folder / "good.json"
    good.write_bytes(paths[given[0]])
    assert read_record(folder / given[0]) == read_record(good)


def _draw_table(draw: random.Random) -> tuple[str, bytes]:
    _, tables = _whole()
    name = draw.choice(NAMES)
    return name, _damage(tables[name], draw)


def _try_table(given: tuple[str, bytes], folder: Path) -> None:
    _, tables = _whole()
    home = folder / "made" / "tables"
    home.mkdir(parents=True, exist_ok=True)
    for name, content in {**tables, given[0]: given[1]}.items():
        (home / f"{name}.csv").write_bytes(content)
    open_finished(str(folder), "made")
    collected = collect(folder, "made")
    assert len(collected.runs) <= 4


def _draw_cache(draw: random.Random) -> tuple[str, int]:
    return draw.choice(["images.npy", "labels.npy", "json"]), draw.getrandbits(32)


def _try_cache(given: tuple[str, int], folder: Path) -> None:
    """A damaged cache is refused, or gives the images that were kept."""
    part, seed = given
    split = Split(np.arange(48, dtype=np.uint8).reshape(3, 4, 4, 1), np.arange(3, dtype=np.int32))
    former, os.environ["POOLSCOPE_CACHE"] = os.environ.get("POOLSCOPE_CACHE"), str(folder)
    try:
        for path in folder.glob("set/*"):
            path.unlink()
        read_cached("set/train", lambda: split)
        path = folder / "set" / f"train.{part}"
        path.write_bytes(_damage(path.read_bytes(), random.Random(seed)))
        found = read_cached("set/train", lambda: split)
        np.testing.assert_array_equal(found.images, split.images)
        np.testing.assert_array_equal(found.labels, split.labels)
    finally:
        os.environ.pop("POOLSCOPE_CACHE")
        if former is not None:
            os.environ["POOLSCOPE_CACHE"] = former


_TREE = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": [np.int32(4)]}


def _try_checkpoint(seed: int, folder: Path) -> None:
    """A damaged checkpoint is not taken, or gives what was kept; one sentence either way."""
    said: list[str] = []
    path = folder / "checkpoint"
    Checkpoint(path, "mine", 1, said.append).save(_TREE, {"epoch": 1.0})
    path.write_bytes(_damage(path.read_bytes(), random.Random(seed)))
    if kept := Checkpoint(path, "mine", 1, said.append).load(_TREE):
        np.testing.assert_array_equal(kept[0]["a"], _TREE["a"])
    assert len(said) == 1


def _try_sweep(seed: int, folder: Path) -> None:
    (folder / "runs" / "made").mkdir(parents=True, exist_ok=True)
    write_sweep(folder, "made", [PlannedRun("0123456789ab", 0, "digits max seed 0")], "poolscope train")
    path = folder / "runs" / "made" / "sweep.json"
    path.write_bytes(_damage(path.read_bytes(), random.Random(seed)))
    read_sweep(folder, "made")


KINDS = {
    "command": Kind(_draw_command, _try_command),
    "line": Kind(_draw_line, try_line),
    "yaml": Kind(_draw_yaml, _try_yaml),
    "record": Kind(_draw_record, _try_record),
    "table": Kind(_draw_table, _try_table),
    "cache": Kind(_draw_cache, _try_cache),
    "checkpoint": Kind(lambda draw: draw.getrandbits(32), _try_checkpoint),
    "sweep": Kind(lambda draw: draw.getrandbits(32), _try_sweep),
}
