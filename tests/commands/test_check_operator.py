"""`poolscope check-operator`."""

from __future__ import annotations

import pytest

from poolscope import cli
from poolscope.commands import check_operator
from poolscope.pooling import contract


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["check-operator", *arguments])
    return int(stopped.value.code)


def test_each_check_is_a_line_and_a_broken_one_the_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(name: str) -> None:
        """A promise."""
        raise AssertionError(f"{name} is not so")

    monkeypatch.setattr(contract, "CHECKS", {"size": contract.check_size})
    assert run("max") == 0
    monkeypatch.setattr(contract, "CHECKS", {"size": contract.check_size, "promise": broken})
    assert run("max") == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].endswith("ok") or "ok" in lines[-2]
    assert "max is not so" in lines[-1]


@pytest.mark.parametrize("name", ["mux", "none", "conv_stride"])
def test_what_has_no_layer_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(name) == 2
    assert "check-operator takes one of max, avg, min, lp," in capsys.readouterr().err


def test_completion_names_the_operators() -> None:
    assert check_operator.complete([""])[:2] == ["max", "avg"]
    assert check_operator.complete(["max", ""]) == []
