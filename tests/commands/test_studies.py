"""Every command that takes a study's name refuses the same names, before it reads or writes anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from poolscope.cli import main

COMMANDS = (["status"], ["reproduce"], ["report"], ["list", "runs"])


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("name", ["../elsewhere", "/abs", "a/b", "..", "latex", "runs", "gallery", "[/x]", "a" * 300])
def test_paths_and_reserved_names(
    command: list[str], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "analysis.py").write_text("raise SystemExit('was run')")
    monkeypatch.chdir(inside)
    with pytest.raises(SystemExit) as ended:
        main([*command, name])
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.startswith("poolscope: study must be a name of at most 100 letters") and said.count("\n") == 1
    assert repr(name) in said
    assert not list(inside.iterdir())
    assert sorted(path.name for path in (tmp_path / "elsewhere").iterdir()) == ["analysis.py"]
