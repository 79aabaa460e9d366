"""What `poolscope train` does around its jobs."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from made_records import make_config, make_record, write_study
from prepared_sets import make_images, write_prepared
from processes import run_command

from poolscope.commands.train import _tidy
from poolscope.data.datasets import load_dataset
from poolscope.data.tfds import open_prepared
from poolscope.runs import run


def test_scratch_files_of_killed_writers_are_deleted_after_an_hour(results: Path) -> None:
    record = make_record(make_config(), 0)
    write_study(results, [record])
    folder = results / "runs" / "made"
    old = [".sweep.json.0a1b2c3d", ".environment.json.0a1b2c3d", f"{record.digest}/.seed-0.running"]
    old += [f"{record.digest}/.seed-{name}" for name in ("0.json.0a1b2c3d", "1.running.0a1b2c3d", "0.checkpoint")]
    kept = [".lock", "sweep.json", ".sweep.json.4e5f6a7b", f"{record.digest}/.seed-1.checkpoint"]
    for name in (*old, *kept):
        (folder / name).write_text("")
        if "4e5f" not in name:
            os.utime(folder / name, (1, 1))
    _tidy(folder)
    left = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert left == {*kept, f"{record.digest}/seed-0.json"}


@pytest.mark.parametrize(("status", "kept"), [("done", False), ("diverged", False), ("failed", True), (None, True)])
def test_a_checkpoint_stays_until_its_run_is_over(status: str | None, kept: bool, results: Path) -> None:
    """A run that failed resumes from it when the same command is given again; so does one that left no record."""
    record = make_record(make_config(), 0, status=status or "done")
    write_study(results, [record])
    folder = results / "runs" / "made"
    checkpoint = folder / record.digest / ".seed-0.checkpoint"
    checkpoint.write_text("")
    if status is None:
        (folder / record.digest / "seed-0.json").unlink()
    _tidy(folder)
    assert checkpoint.exists() == kept


def test_a_checkpoint_beside_a_damaged_record_stays(results: Path) -> None:
    folder = results / "runs" / "made" / "0123456789ab"
    folder.mkdir(parents=True)
    (folder / "seed-0.json").write_text("{")
    (folder / ".seed-0.checkpoint").write_text("")
    _tidy(folder.parent)
    assert (folder / ".seed-0.checkpoint").exists()


def sweep(results: Path, *overrides: str) -> tuple[int, str]:
    """Run a sweep of two jobs; its exit status, and what it wrote to stderr."""
    small = ["train.steps=1", "train.batch_size=4", "model.width=2", "model.blocks=1", "model.pool_stages=1"]
    status, _, errors = run_command("train", "-m", "pool=max,avg", *small, f"results={results}", *overrides)
    return status, errors


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
    status, errors = sweep(results, "data=tfds", "data.name=tiny", f"data.dir={tmp_path}")
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
    status, errors = sweep(results, "data=tfds", "data.name=tiny", f"data.dir={tmp_path}", f"data.label_noise={noise}")
    assert status == 2 and errors.count("poolscope: ") == 1 and sentence in errors, errors
    assert not results.exists()


@pytest.mark.parametrize("measure", ["quick", "robust", "full"])
def test_too_few_images_to_measure_stop_a_sweep_before_its_first_job(measure: str, results: Path) -> None:
    splits = ['data.val="train[8:9]"', 'data.train="train[:8]"', f"measure={measure}"]
    status, errors = sweep(results, "data=synthetic", "data.shape=[8,8,1]", *splits)
    assert status == 2 and errors.startswith("poolscope: data.val names 1 image, and ") and errors.count("\n") == 1
    assert not results.exists()


def test_the_reason_of_a_failed_run_is_printed_once(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(config: Any, seed: int) -> Any:
        if seed == 1:
            raise OSError("the disk is gone")
        return load_dataset(config, seed)

    monkeypatch.setattr(run, "load_dataset", load)
    status, errors = sweep(results, "data=synthetic", "data.shape=[8,8,1]", "seeds=[0,1]", "measure=none")
    assert status == 1 and errors.count("OSError: the disk is gone") == 2  # one for each job
    assert "2 of 4 runs done" in errors and "Not done: 2; the reasons: poolscope list runs adhoc" in errors


@pytest.mark.parametrize(
    "error", [NotImplementedError("use a soft lock"), OSError(errno.ENOLCK, "No locks"), OSError(errno.ENOTSUP, "No")]
)
def test_a_file_system_without_locks_is_named(error: Exception, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(FileLock, "acquire", refuse)
    status, errors = sweep(results, "data=synthetic")
    assert status == 2 and errors.startswith(f"poolscope: The file system of {results / 'runs' / 'adhoc'} can't lock ")
    assert len(errors.splitlines()) == 1 and not results.exists()
