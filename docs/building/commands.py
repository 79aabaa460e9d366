"""Run the commands of a page and keep what they print, so that a page shows no output that nobody got."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

_COLUMNS = 96  # characters of a line, which Rich folds its tables to
_LONGEST = 300  # seconds


class CommandError(Exception):
    """A command ended with another status than the page expects."""


def split_commands(text: str) -> list[str]:
    """The commands of a block: one a line, or several lines that end in a backslash; comments are left out."""
    joined = re.sub(r"\s*\\\n\s*", " ", text)
    return [line.strip() for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def run_commands(commands: Sequence[str], folder: Path, status: int = 0) -> str:
    """Run commands one after the other and return the session: each after a prompt, with all that it printed.

    Args:
        commands: shell commands; `poolscope` is the one of this interpreter.
        folder: where they run; made if it isn't there.
        status: the exit status that each must have.

    Raises:
        CommandError: where one ends with another status, with its output.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return "\n\n".join(_run(commands, folder, status))


def _run(commands: Sequence[str], folder: Path, status: int) -> Iterator[str]:
    for command in commands:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_LONGEST,
        )
        if done.returncode != status:
            raise CommandError(f"`{command}` ended with status {done.returncode}, not {status}:\n{done.stdout}")
        yield "\n".join([f"$ {command}", *(line.rstrip() for line in done.stdout.rstrip().splitlines())])


def _environment() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    plain = {"COLUMNS": str(_COLUMNS), "NO_COLOR": "1", "TERM": "dumb", "JAX_PLATFORMS": "cpu", "PATH": path}
    return {**os.environ, **plain}
