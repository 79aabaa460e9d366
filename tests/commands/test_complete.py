"""Completion: what is offered at each place of a command line, and which shells there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from poolscope.cli import MODULES
from poolscope.commands.complete import complete, find_choices
from poolscope.spec.errors import PoolscopeError


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("", list(MODULES)),
        ("re", ["reproduce", "report"]),
        ("list ru", ["runs"]),
        ("list pools ", []),
        ("data ", ["prepare"]),
        ("data prepare ", []),
        ("bench tr", ["training"]),
        ("explore --o", ["--open"]),
        ("status ", ["made", "mine"]),
        ("report ma", ["made"]),
        ("list runs mi", ["mine"]),
        ("train pool=", None),
        ("compare pool=", None),
        ("nosuch x", None),
    ],
)
def test_choices(typed: str, found: list[str] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("made", "runs/mine"):
        (tmp_path / "results" / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert find_choices(typed.split(" "), MODULES) == found


def test_overrides_are_completed_without_the_commands_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COMP_LINE", "poolscope compare pool=max_")
    complete(["query=bash"], MODULES)
    assert capsys.readouterr().out.split() == ["pool=max_blur", "pool=max_overlap"]


@pytest.mark.parametrize("typed", ["pool=null model.", "pool=[1 model.", "'a model.", "=3 model.", "a model."])
def test_nothing_is_offered_or_said_after_what_can_t_be_composed(
    typed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COMP_LINE", f"poolscope train {typed}")
    complete(["query=bash"], MODULES)
    assert capsys.readouterr() == ("\n", "")


@pytest.mark.parametrize("words", [[], ["foo"], ["query"], ["query=tcsh"], ["a=b"], ["query=bash", "x"], ["-m"]])
def test_an_unknown_shell_is_refused(words: list[str]) -> None:
    with pytest.raises(PoolscopeError, match=r"-sc takes install=SHELL, .* one of bash, fish, zsh, not"):
        complete(words, MODULES)
