"""Preparing a set of tensorflow-datasets where TensorFlow isn't installed: in an environment that is deleted again."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from poolscope.data.tfds import data_folder, find_prepared, open_prepared, prepare_dataset
from poolscope.spec.errors import PoolscopeError


def prepare_apart(name: str, folder: str | None = None, notify: Callable[[str], object] = print) -> Path:
    """Prepare a set as `prepare_dataset` does, with what writing needs installed in a temporary environment.

    Raises:
        PoolscopeError: where that environment can't be made, or preparing fails in it.
    """
    if find_prepared(name, folder):
        return prepare_dataset(name, folder, notify)
    requirements = list_requirements()
    notify(f"Installing {', '.join(requirements)} in a temporary folder, which is deleted afterwards.")
    with tempfile.TemporaryDirectory(prefix="poolscope-prepare-") as place:
        python = make_environment(Path(place), requirements)
        words = ["-m", "poolscope", "data", "prepare", name, "--dir", str(data_folder(folder))]
        if subprocess.run([python, *words], check=False).returncode:
            raise PoolscopeError(f"Preparing {name} failed in the temporary environment, for the reason above.")
    return Path(open_prepared(name, folder).where)


def list_requirements() -> list[str]:
    """List what the extra "prepare" names."""
    every = importlib.metadata.requires("poolscope") or []
    return [line.partition(";")[0].strip() for line in every if "extra ==" in line and "prepare" in line]


def make_environment(place: Path, requirements: Sequence[str]) -> str:
    """Make an environment with these packages, and with all that this process can import; returns its interpreter.

    Raises:
        PoolscopeError: with the last line that the installer wrote.
    """
    pip = [] if requirements else ["--without-pip"]
    _run([sys.executable, "-m", "venv", *pip, str(place)])
    python = str(Path(sysconfig.get_path("scripts", "venv", {"base": str(place)})) / Path(sys.executable).name)
    if requirements:
        _run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements])
    own = Path(sysconfig.get_path("purelib", "venv", {"base": str(place), "platbase": str(place)}))
    shared = [entry for entry in sys.path if entry and Path(entry).is_dir()]
    (own / "poolscope-shared.pth").write_text("\n".join(shared) + "\n", encoding="utf-8")
    return python


def _run(words: Sequence[str]) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()] or ["it says nothing"]
        raise PoolscopeError(f"The temporary environment can't be made: {lines[-1].strip()}")
