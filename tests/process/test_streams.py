"""A command whose input or output is closed, full, or read by nobody: it ends in words and with a status."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

APPLY = "apply pool=max"


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("--help >&-", 0, ""),
        pytest.param(f"{APPLY} >&-", 0, "", marks=pytest.mark.long),
        ("nosuch 2>&-", 2, ""),
        (f"{APPLY} --matrix - <&-", 2, "--matrix must have rows of equal length"),
        pytest.param("exercise size <&- | cat", 0, "", marks=pytest.mark.long),
        (f"{APPLY} <&- >&- 2>&-", 0, ""),
        ("--help >/dev/full", 1, "No space left on device"),
        pytest.param(f"{APPLY} >/dev/full", 1, "No space left on device", marks=pytest.mark.long),
        ("--help >&$W", 141, ""),
        pytest.param(f"{APPLY} >&$W", 141, "", marks=pytest.mark.long),
    ],
)
def test_it_ends_in_words_and_with_a_status(line: str, status: int, said: str) -> None:
    read, write = os.pipe()
    os.close(read)  # nobody reads what is written to it
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {sys.executable} -m poolscope {line}"],
        capture_output=True,
        text=True,
        pass_fds=[write],
        env={**os.environ, "W": str(write)},
        check=False,
    )
    os.close(write)
    assert done.returncode == status, done.stderr
    assert said in done.stderr
    assert done.stderr.count("\n") == bool(said)
