"""Processes whose contenders are those of fake_contenders.py."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from poolscope.benchmarks.bench import order_cores
from poolscope.benchmarks.rounds import Children, Contender


@contextmanager
def fake_children() -> Iterator[Children]:
    """Start contenders' processes in which the library "fake" is fake_contenders.py; end them with the block."""
    alias = "import sys, fake_contenders; sys.modules['poolscope.benchmarks.by_fake'] = fake_contenders\n"
    program = alias + "from poolscope.benchmarks.child import main; main(sys.argv[1])"
    start = subprocess.Popen

    def popen(command: list[str], **options: object) -> subprocess.Popen[str]:
        return start([sys.executable, "-c", program, command[-1]], **options)  # type: ignore[call-overload,no-any-return]

    with (
        patch("poolscope.benchmarks.rounds.subprocess.Popen", popen),
        patch.dict("os.environ", PYTHONPATH=str(Path(__file__).parent)),
    ):
        children = Children(order_cores(None))
        try:
            yield children
        finally:
            children.close()


def contend(name: str, kind: str, process: str = "", **options: object) -> Contender:
    return Contender(name, "fake", kind, options, process)
