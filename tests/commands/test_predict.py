"""`poolscope predict`: from a training that keeps its weights to the classes of image files."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from image_folders import write_digits
from processes import run_command

TINY = ["data=digits", "model.width=2", "model.blocks=1", "model.pool_stages=1", "train.steps=2", "train.batch_size=8"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of two arms, really trained, whose arm max kept its weights; and some image files."""
    folder = tmp_path_factory.mktemp("kept")
    for words in (["pool=max", "train.keep=weights"], ["pool=avg"]):
        assert run_command("train", *TINY, *words, "study=kept", f"results={folder}/results")[0] == 0
    write_digits(folder / "photos", {0: 2, 1: 2})
    (folder / "empty").mkdir()
    (folder / "photos" / "torn.png.txt").write_text("")
    return folder


@pytest.mark.usefixtures("undrawn")
def test_images_get_classes_and_maps(kept: Path, tmp_path: Path) -> None:
    out = tmp_path / "classes.csv"
    words = ["kept", "max", str(kept / "photos"), "--out", str(out), "--maps", str(tmp_path / "maps")]
    status, output, errors = run_command("predict", *words, f"results={kept}/results")
    assert status == 0, errors
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert len(rows) == 4 and "seed-0.final.safetensors" in output
    for row in rows:
        shares = {name: float(row[name]) for name in map(str, range(10))}
        assert np.isclose(sum(shares.values()), 1) and row["class"] == max(shares, key=shares.__getitem__)
    assert len(list((tmp_path / "maps").glob("*.svg"))) == 4
    best = run_command("predict", *words[:3], "--weights", "best", f"results={kept}/results")[1]
    assert "seed-0.best.safetensors" in best


def test_a_file_that_exists_and_weights_of_another_run_are_refused(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(kept, tmp_path / "kept")
    monkeypatch.chdir(tmp_path / "kept")
    Path("classes.csv").write_text("mine")
    status, _, errors = run_command("predict", "kept", "max", "photos", "--out", "classes.csv")
    assert status == 2 and "classes.csv would be lost" in errors and Path("classes.csv").read_text() == "mine"
    assert run_command("predict", "kept", "max", "photos", "--out", "classes.csv", "--force")[0] == 0
    (place,) = Path("results").rglob("seed-0.final.safetensors")
    words = [*TINY, "pool=max", "model.width=3", "train.keep=weights", "study=other"]
    assert run_command("train", *words)[0] == 0
    shutil.copy(next(Path("results/runs/other").rglob("seed-0.final.safetensors")), place)
    status, _, errors = run_command("predict", "kept", "max", "photos")
    assert status == 2 and "are of another run" in errors, errors


def test_weights_asked_for_later_are_not_silently_absent(kept: Path) -> None:
    words = [*TINY, "pool=avg", "train.epochs=1", "train.keep=weights", "study=kept", f"results={kept}/results"]
    assert run_command("train", *words, "-m", "seeds=[0]")[0] == 0
    _, _, errors = run_command("train", *words, "seeds=[0,1]")
    assert "kept no weights" not in errors  # that run was trained with them
    _, _, errors = run_command("train", *TINY, "pool=avg", "train.keep=weights", "seeds=[0,1]", *words[-2:])
    assert "Seeds 0 of " in errors and "kept no weights" in errors


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["kept", "avg", "photos", "--where", "train.epochs=10", "--seed", "0"], "No weights of arm 'avg'"),
        (["kept", "lip", "photos"], "There is no arm 'lip'; there are max"),
        (["kept", "max", "nosuch.png"], "There is no image nosuch.png"),
        (["kept", "max", "empty"], "has no images (.png"),
        (["kept", "max", "photos/torn.png.txt"], "can't be read (it is no image that Pillow knows)"),
        (["kept", "max", "photos", "--seed", "7"], "has no finished run with --seed 7; it has 0"),
        (["kept", "max", "photos", "--where", "pool.name=lip"], "No run has pool.name=lip"),
        (["nosuch", "max", "photos"], "Study 'nosuch' has no records"),
    ],
)
def test_what_can_t_be_predicted_is_refused(
    words: list[str], sentence: str, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(kept)
    status, _, errors = run_command("predict", *words)
    assert (status, sentence in errors, errors.count("\n")) == (2, True, 1), errors
