"""`poolscope data prepare`: what it hands on, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from prepared_sets import make_images, write_prepared
from processes import run_command

from poolscope.commands import data


def test_the_name_and_the_folder_are_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr("poolscope.data.datasets.prepare_dataset", lambda *given: asked.append(given))
    assert run_command("data", "prepare", "mnist")[0] == 0
    assert run_command("data", "prepare", "cifar10", "--dir", "here")[0] == 0
    assert asked == [("mnist", None), ("cifar10", "here")]


def test_a_set_that_is_there_is_not_downloaded_again(tmp_path: Path) -> None:
    home = write_prepared(tmp_path, "tiny", dict.fromkeys(("train", "test"), make_images(4, (8, 8, 1))))
    before = {path: path.stat().st_mtime_ns for path in home.iterdir()}
    status, output, errors = run_command("data", "prepare", "tiny", "--dir", str(tmp_path))
    assert status == 0, errors
    assert str(home) in output + errors
    assert {path: path.stat().st_mtime_ns for path in home.iterdir()} == before


@pytest.mark.parametrize("words", [["prepare"], ["download", "mnist"], []])
def test_bad_arguments_get_one_sentence(words: list[str]) -> None:
    status, output, errors = run_command("data", *words)
    assert (status, output, errors.count("\n")) == (2, "", 1)


def test_the_action_is_completed() -> None:
    assert data.complete([""]) == ["prepare"]
    assert data.complete(["prepare", ""]) == []
