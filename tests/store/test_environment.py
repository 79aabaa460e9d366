"""The environment beside a study's records names versions and commands, and no folder."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from pathlib import Path

from poolscope.store.environment import describe_environment, publish_environment, write_environment
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


def test_an_environment_that_is_published_without_runs_stays(results: Path) -> None:
    path = results / "mine" / "tables" / "environment.json"
    path.parent.mkdir(parents=True)
    path.write_text("kept")
    publish_environment(results, "mine")
    assert path.read_text() == "kept"
