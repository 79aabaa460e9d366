"""The environment beside a study's records names versions and commands, and no folder."""

from __future__ import annotations

import json
import re
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any

import pytest

from poolscope.store.environment import (
    _read_package,
    describe_environment,
    join_environments,
    list_environments,
    publish_environment,
    read_environment,
    write_environment,
)
from poolscope.store.sweep import write_sweep

COMMAND = "poolscope train -m pool=max,avg 'seeds=[0,1]' results=/elsewhere/results ~/x \"data.dir=/data/sets\""


def test_the_environment_names_versions_and_commands_and_no_folder(results: Path) -> None:
    write_sweep(results, "mine", [], COMMAND)
    write_environment(results, "mine")
    publish_environment(results, "mine")
    text = (results / "mine" / "tables" / "environment.json").read_text()
    kept = json.loads(text)
    assert kept == describe_environment(results, "mine")
    assert kept["packages"]["jax"] == version("jax") and kept["python"] and kept["machine"]["cores"] >= 1
    assert kept["commands"] == [
        "poolscope train -m pool=max,avg 'seeds=[0,1]' results=PATH PATH \"data.dir=PATH\"",
    ]
    assert not re.search(r"[\"= ']~?/\w", text)


@pytest.mark.parametrize(
    ("place", "text", "expected"),
    [
        (
            "a-1.dist-info/METADATA",
            "Name: a.b\nVersion: 1.0\n\nVersion: 9 in the body\n",
            ("a.b", "1.0"),
        ),
        ("a-1.dist-info/METADATA", "Version:\t2\nName: \t a\n\n", ("a", "2")),
        ("a-1.dist-info/METADATA", "Name: a\n\nVersion: 9 in the body\n", ("a", None)),
        ("a-1.dist-info/METADATA", "name: a\nVersion:\n 3\n\n", ("a", "3")),
        ("a-1.egg-info", "Name: a\nVersion: 4\n", ("a", "4")),
        ("a-1.egg-info/PKG-INFO", "Name: a\nVersion: 5\n", ("a", "5")),
        ("a-1.dist-info/RECORD", "", ("", None)),
    ],
)
def test_a_package_is_read_as_the_library_reads_it(
    place: str, text: str, expected: tuple[str, str | None], tmp_path: Path
) -> None:
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text(text)
    (package,) = distributions(path=[str(tmp_path)])
    name, version = _read_package(package)
    assert (name, version and version.strip()) == expected


def test_an_environment_that_is_published_without_runs_stays(results: Path) -> None:
    path = results / "mine" / "tables" / "environment.json"
    path.parent.mkdir(parents=True)
    path.write_text("kept")
    publish_environment(results, "mine")
    assert path.read_text() == "kept"


def make_environment(processor: str, commands: str, **packages: str) -> dict[str, Any]:
    machine = {"processor": processor}
    return {"python": "3.12", "machine": machine, "commands": commands.split(), "packages": packages}


def test_environments_of_other_machines_are_kept_once_each_and_their_commands_joined() -> None:
    first, second = make_environment("a", "x y", jax="1", ruff="9"), make_environment("b", "z", jax="1")
    joined = join_environments(first, second)
    assert joined == second | {"earlier": [first]}
    again = join_environments(joined, make_environment("a", "y w", jax="1", numpy="2"))
    assert again == make_environment("a", "x y w", jax="1", numpy="2", ruff="9") | {"earlier": [second]}
    assert join_environments(again, again) == again
    newer = make_environment("b", "z", jax="2")
    assert join_environments(second, newer) == newer | {"earlier": [second]}
    assert join_environments({}, {}) == {}
    assert list_environments(joined) == [first, second]


def test_what_trained_elsewhere_stays_when_a_study_goes_on_here(results: Path) -> None:
    elsewhere = make_environment("another", "train", jax="1")
    kept, published = results / "runs" / "mine" / "environment.json", results / "mine" / "tables" / "environment.json"
    for path in (kept, published):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(elsewhere))
    write_sweep(results, "mine", [], "poolscope train seeds=[7]")
    write_environment(results, "mine")
    publish_environment(results, "mine")
    here = describe_environment(results, "mine")
    assert json.loads(kept.read_text()) == json.loads(published.read_text()) == here | {"earlier": [elsewhere]}


@pytest.mark.parametrize(
    "text", ["", "[]", "3", '{"packages": []}', '{"earlier": 3}', '{"earlier": ["x"], "packages": {}}']
)
def test_a_file_that_holds_no_environment_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "environment.json").write_text(text)
    assert read_environment(tmp_path / "environment.json") == {}
    assert read_environment(tmp_path / "not_there.json") == {}
