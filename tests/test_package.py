"""The built wheel, installed and used as a stranger would: as real processes, away from the checkout."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
import yaml

from poolscope import __version__

CHECKOUT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(CHECKOUT)]
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def bin_folder(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of a new environment that has the wheel installed and sees this environment's other packages."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home)
    install = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "install", "--quiet"]
    subprocess.run([*install, "--no-deps", "--no-index", str(wheel)], check=True)
    (packages,) = home.glob("lib/python*/site-packages")
    packages.joinpath("dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return home / "bin"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that has nothing to do with the checkout."""
    return tmp_path_factory.mktemp("elsewhere")


def run(command: list[str | Path], folder: Path) -> subprocess.CompletedProcess[str]:
    """A process as a user starts it: without the strictness that the tests put on themselves."""
    strict = ("JAX_NUMPY_DTYPE_PROMOTION", "PYTHONPATH", "PYTHONWARNINGS")
    environment = {key: value for key, value in os.environ.items() if key not in strict} | {"NO_COLOR": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def test_the_wheel_holds_the_package_its_protocols_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = {
        f"poolscope/{path.relative_to(root)}"
        for root, folder in (
            *((CHECKOUT, "configs"), (CHECKOUT, "experiments"), (CHECKOUT, "results/explorer")),
            (CHECKOUT / "src/poolscope", "."),
        )
        for path in (root / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "poolscope/configs/train.yaml" in shipped
    assert {name for name in names if ".dist-info/" not in name} == shipped
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_version_stands_in_one_place(wheel: Path) -> None:
    assert wheel.name.startswith(f"poolscope-{__version__}-")
    citation = yaml.safe_load((CHECKOUT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == __version__


@pytest.mark.long
def test_the_command_runs_from_the_wheel(bin_folder: Path, elsewhere: Path) -> None:
    found = run([bin_folder / "python", "-c", "import poolscope; print(poolscope.__file__)"], elsewhere)
    assert Path(found.stdout.strip()).is_relative_to(bin_folder.parent), found.stderr
    helped = run([bin_folder / "poolscope", "--help"], elsewhere)
    assert helped.returncode == 0, helped.stderr
    for command in ("train", "report", "list", "show", "data"):
        assert command in helped.stdout
    composed = run([bin_folder / "poolscope", "train", "experiment=quickstart", "--cfg", "job"], elsewhere)
    assert "study: quickstart" in composed.stdout, composed.stderr
    studies = run([bin_folder / "poolscope", "list", "studies"], elsewhere)
    assert studies.returncode == 0, studies.stderr
    for protocol in CHECKOUT.glob("experiments/*/README.md"):
        assert protocol.parent.name in studies.stdout


@pytest.mark.long
def test_a_study_from_training_to_report(bin_folder: Path, elsewhere: Path) -> None:
    train = [
        *(bin_folder / "poolscope", "train", "-m", "data=digits", "pool=max,avg", "seeds=[0,1]", "study=mine"),
        *("train.steps=2", "train.batch_size=16", "model.width=2"),
    ]
    trained = run(train, elsewhere)
    assert trained.returncode == 0, trained.stdout + trained.stderr
    records = sorted((elsewhere / "results/runs/mine").glob("*/seed-*.json"))
    assert [path.name for path in records] == ["seed-0.json", "seed-1.json"] * 2

    reported = run([bin_folder / "poolscope", "report", "mine"], elsewhere)
    assert reported.returncode == 0, reported.stdout + reported.stderr
    study = elsewhere / "results/mine"
    with (study / "tables/runs.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    assert all(row["status"] == "done" and 0 <= float(row["test_accuracy"]) <= 1 for row in rows)
    html = (study / "report.html").read_text(encoding="utf-8")
    assert "<svg" in html or "data:image/" in html

    files = {path: path.read_bytes() for path in study.rglob("*") if path.suffix in (".csv", ".svg")}
    assert {path.suffix for path in files} == {".csv", ".svg"}
    assert run([bin_folder / "poolscope", "report", "mine"], elsewhere).returncode == 0
    assert {path: path.read_bytes() for path in study.rglob("*") if path.suffix in (".csv", ".svg")} == files


def test_a_mistake_gets_one_sentence_and_trains_nothing(bin_folder: Path, elsewhere: Path) -> None:
    failed = run([bin_folder / "poolscope", "train", "data=digits", "pool=max", "seeds=[]", "study=empty"], elsewhere)
    assert failed.returncode == 2
    assert "seeds is empty" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert not (elsewhere / "results/runs/empty").exists()
