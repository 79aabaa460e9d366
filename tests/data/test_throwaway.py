"""Preparing apart: a real environment that sees this one's packages, is deleted, and whose failures are told."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest
from prepared_sets import make_images, write_prepared
from processes import run_command

from poolscope.data import throwaway
from poolscope.data.throwaway import list_requirements, make_environment, prepare_apart
from poolscope.spec.errors import PoolscopeError


def test_the_requirements_are_those_of_the_extra() -> None:
    assert [line.partition(">")[0] for line in list_requirements()] == ["importlib-resources", "tensorflow-cpu"]


def test_the_environment_has_a_place_of_its_own_and_this_one_s_packages(tmp_path: Path) -> None:
    python = make_environment(tmp_path / "apart", [])
    program = "import sys, numpy, poolscope; print(sys.prefix, numpy.__file__)"
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True)
    prefix, numpy = done.stdout.split()
    assert prefix == str(tmp_path / "apart")
    assert not numpy.startswith(prefix)


@pytest.mark.long
def test_a_failure_is_told_and_the_environment_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throwaway, "list_requirements", lambda: [])
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(PoolscopeError, match="Preparing mnist failed in the temporary environment"):
        prepare_apart("mnist", str(tmp_path / "sets"), lambda sentence: None)  # there is no TensorFlow in it
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(PoolscopeError, match=r"The temporary environment can't be made: .*no-such-package"):
        make_environment(tmp_path / "apart", ["./no-such-package"])


def test_a_set_that_is_there_needs_no_environment(tmp_path: Path) -> None:
    write_prepared(tmp_path, "tiny", {"train": make_images(4, (4, 4, 1))})
    status, output, _ = run_command("data", "prepare", "tiny", "--throwaway", "--dir", str(tmp_path))
    assert (status, "tiny is prepared already: 4 train images" in output) == (0, True)
