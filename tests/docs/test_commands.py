from __future__ import annotations

from pathlib import Path

import pytest

from building.commands import CommandError, run_commands, split_commands


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("a\n\nb c\n", ["a", "b c"]),
        ("# why\na \\\n  b\n", ["a b"]),
        ("", []),
    ],
)
def test_a_block_is_split_into_its_commands(text: str, commands: list[str]) -> None:
    assert split_commands(text) == commands


def test_a_session_shows_each_command_with_all_that_it_printed(tmp_path: Path) -> None:
    session = run_commands(["echo one > kept; cat kept", "echo bad >&2"], tmp_path / "new")
    assert session == "$ echo one > kept; cat kept\none\n\n$ echo bad >&2\nbad"


def test_another_status_than_expected_is_a_failure_with_the_output(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"status 3, not 0:\nwhy"):
        run_commands(["echo why; exit 3"], tmp_path)
    with pytest.raises(CommandError, match="status 0, not 2"):
        run_commands(["true"], tmp_path, status=2)
    assert run_commands(["exit 2"], tmp_path, status=2) == "$ exit 2"
