"""What `poolscope train` refuses before its first job: data that can't be read, learned from or measured on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from prepared_sets import make_images, write_prepared
from processes import run_command, run_tiny_sweep

from poolscope.data.tfds import open_prepared

pytestmark = pytest.mark.usefixtures("undrawn")


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def cut_records(home: Path, cache: Path) -> None:
    truncate(home / "tiny-train.array_record-00000-of-00001")


def cut_cached_images(home: Path, cache: Path) -> None:
    open_prepared("tiny", str(home.parents[1])).read("train")
    (images,) = cache.rglob("train-*.images.npy")
    truncate(images)


def occupy_cache(home: Path, cache: Path) -> None:
    cache.write_text("a file in the folder's place, since permissions don't stop root")


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (cut_records, "poolscope: The train records in "),
        (cut_cached_images, "poolscope: The cache of decoded images "),
        (occupy_cache, "poolscope: The cache folder "),
    ],
)
def test_data_that_cannot_be_read_stop_a_sweep_before_its_first_job(
    damage: Callable[[Path, Path], None],
    sentence: str,
    tmp_path: Path,
    results: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("POOLSCOPE_CACHE", str(tmp_path / "cache"))
    home = write_prepared(tmp_path, "tiny", dict.fromkeys(("train", "test"), make_images(40, (8, 8, 1))))
    damage(home, tmp_path / "cache")
    status, errors = run_tiny_sweep(results, "data=tfds", "data.name=tiny", f"data.dir={tmp_path}")
    assert status == 2 and errors.count("poolscope: ") == errors.count(sentence) == 1, errors
    assert not results.exists()


@pytest.mark.parametrize(
    ("classes", "first_label", "sentence"),
    [
        (0, 0, "data.name=tiny has 0 classes; a set to classify has at least 2"),
        (1, 0, "data.name=tiny has 1 class; a set to classify has at least 2"),
        (3, 1, "has labels from 1 to 3; its 3 classes must be 0 to 2"),
        (2, 0, "has labels from 0 to 2; its 2 classes must be 0 to 1"),
        (3, -1, "has images without a class; its 3 classes must be 0 to 2"),
    ],
)
@pytest.mark.parametrize("noise", ["0", "0.5"])
def test_classes_that_cannot_be_learned_stop_a_sweep_before_its_first_job(
    classes: int,
    first_label: int,
    sentence: str,
    noise: str,
    tmp_path: Path,
    results: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("POOLSCOPE_CACHE", str(tmp_path / "cache"))
    images, labels = make_images(40, (8, 8, 1))
    given = (images, labels + first_label if classes > 1 else labels * 0)
    write_prepared(tmp_path, "tiny", {"train": given, "test": given}, classes=classes)
    status, errors = run_tiny_sweep(
        results, "data=tfds", "data.name=tiny", f"data.dir={tmp_path}", f"data.label_noise={noise}"
    )
    assert status == 2 and errors.count("poolscope: ") == 1 and sentence in errors, errors
    assert not results.exists()


@pytest.mark.parametrize("measure", ["quick", "robust", "full"])
def test_too_few_images_to_measure_stop_a_sweep_before_its_first_job(measure: str, results: Path) -> None:
    splits = ['data.val="train[8:9]"', 'data.train="train[:8]"', f"measure={measure}"]
    status, errors = run_tiny_sweep(results, "data=synthetic", "data.shape=[8,8,1]", *splits)
    assert status == 2 and errors.startswith("poolscope: data.val names 1 image, and ") and errors.count("\n") == 1
    assert not results.exists()


def test_networks_that_cannot_be_are_left_out_when_asked_and_listed_in_the_report(results: Path) -> None:
    words = ["data=synthetic", "data.shape=[8,8,1]", "measure=none", "pool.window=2,20"]
    status, errors = run_tiny_sweep(results, *words)
    assert status == 2 and not results.exists()
    status, errors = run_tiny_sweep(results, *words, "sweep.impossible=skip")
    assert status == 0 and "Left out as impossible, 2: pool=max pool.window=20 (" in errors, errors
    assert "2 of 2 runs done" in errors
    assert run_command("report", "adhoc", f"results={results}")[0] == 0
    text = (results / "adhoc" / "report.md").read_text()
    assert "## Left out" in text and "pool=avg pool.window=20" in text
    shutil.rmtree(results / "runs")  # as in a fresh clone, where the table says it
    assert run_command("report", "adhoc", f"results={results}")[0] == 0
    assert (results / "adhoc" / "report.md").read_text() == text
    status, _, errors = run_command("train", "-m", "data=digits", "pool.window=20,21", "sweep.impossible=skip")
    assert status == 2 and errors.count("\n") == 1 and "window" in errors
