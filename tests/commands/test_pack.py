"""`poolscope pack`: an artifact whose files are whole, and whose make verify reruns."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from processes import run_command

from poolscope.commands.pack import pin_requirements

TINY = ["data=digits", "model.width=2", "model.blocks=1", "model.pool_stages=1", "train.steps=2", "train.batch_size=8"]


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifact of a study that was really trained."""
    folder = tmp_path_factory.mktemp("packed")
    words = [*TINY, "pool=max,avg", "study=packed", f"results={folder}/results"]
    assert run_command("train", "-m", *words)[0] == 0
    place = ["--out", str(folder / "artifact"), f"results={folder}/results"]
    status, output, errors = run_command("pack", "packed", *place)
    assert (status, errors) == (0, "") and "2 configurations, 2 runs" in output
    assert run_command("pack", "packed", *place)[0] == 2  # nothing is overwritten
    return folder / "artifact"


def test_every_file_has_its_sum(artifact: Path) -> None:
    sums = dict(reversed(line.split("  ")) for line in (artifact / "SHA256SUMS").read_text().splitlines())
    files = {str(path.relative_to(artifact)) for path in artifact.rglob("*") if path.is_file()} - {"SHA256SUMS"}
    assert set(sums) == files >= {"CHECKLIST.md", "Containerfile", "Makefile", "README.md", "requirements.txt"}
    assert all(hashlib.sha256((artifact / name).read_bytes()).hexdigest() == sums[name] for name in files)
    for path in (artifact / "configs").glob("*.yaml"):
        assert yaml.safe_load(path.read_text())["train"]["steps"] == 2
        assert "poolscope train" in path.read_text().splitlines()[0]
    assert (artifact / "source" / "poolscope" / "configs" / "train.yaml").is_file()
    assert not list(artifact.rglob("*.pyc"))


def test_make_verify_reruns_and_finds_a_changed_file(artifact: Path) -> None:
    command = ["make", "verify", f"POOLSCOPE={sys.executable} -m poolscope", "RUNS=1"]
    done = subprocess.run(command, cwd=artifact, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "the same to the last bit" in done.stdout
    with (artifact / "CHECKLIST.md").open("a") as file:
        file.write(" ")
    done = subprocess.run(command, cwd=artifact, capture_output=True, text=True)
    assert done.returncode != 0 and "CHECKLIST.md: FAILED" in done.stdout


def test_requirements_are_what_is_needed_in_the_recorded_versions() -> None:
    pins = dict(line.split("==") for line in pin_requirements({"NumPy": "2.2.0", "pytest": "9.0"}))
    assert pins["numpy"] == "2.2.0" and {"jax", "jaxlib", "flax", "hydra-core"} <= set(pins)
    assert not {"poolscope", "pytest", "sphinx"} & set(pins)


def test_a_study_that_is_not_there_is_refused(results: Path, tmp_path: Path) -> None:
    status, _, errors = run_command("pack", "nosuch", "--out", str(tmp_path / "out"), f"results={results}")
    assert (status, "has no records" in errors, errors.count("\n")) == (2, True, 1)
    assert not (tmp_path / "out").exists()
