"""The environment beside a study's records names versions and commands, and no folder."""

from __future__ import annotations

import json
import re
from importlib.metadata import distributions, version
from pathlib import Path

import pytest

from poolscope.store.environment import _read_package, describe_environment, publish_environment, write_environment
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


def test_the_environment_of_earlier_runs_on_another_machine_is_kept(results: Path) -> None:
    path = results / "mine" / "tables" / "environment.json"
    write_sweep(results, "mine", [], "poolscope train seeds=[7]")
    write_environment(results, "mine")
    here = describe_environment(results, "mine")
    elsewhere = here | {"machine": {"processor": "another"}, "commands": ["poolscope train seeds=[0]"]}
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(elsewhere))
    for _ in range(2):
        publish_environment(results, "mine")
        assert json.loads(path.read_text()) == here | {"earlier": [elsewhere]}
    path.write_text(json.dumps(here | {"commands": ["poolscope train seeds=[6]"]}))
    publish_environment(results, "mine")
    assert json.loads(path.read_text())["commands"] == ["poolscope train seeds=[6]", "poolscope train seeds=[7]"]
