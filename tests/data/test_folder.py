"""Folders of images: classes and splits from folders or a list, and each way in which they don't fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from image_folders import configure_own, write_digits, write_folder

from poolscope.data.datasets import load_dataset, open_source
from poolscope.data.folder import list_items
from poolscope.spec.content_hash import hash_files
from poolscope.spec.errors import PoolscopeError


@pytest.fixture(autouse=True)
def _look_again() -> None:
    hash_files.cache_clear()


def test_mixed_sizes_become_one_with_stratified_splits(tmp_path: Path) -> None:
    folder = write_digits(tmp_path / "digits", {0: 20, 1: 10, 7: 10})
    dataset = load_dataset(configure_own(folder, shape=[12, 12, 1]), 0)
    assert dataset.labels == ("digit0", "digit1", "digit7")
    assert np.bincount(dataset.test.labels).tolist() == [4, 2, 2]
    assert np.bincount(np.concatenate([dataset.train.labels, dataset.val.labels])).tolist() == [16, 8, 8]
    assert dataset.train.images.shape[1:] == (12, 12, 1)
    assert dataset.train.images.std() > 30


def test_folders_above_the_classes_are_the_splits(tmp_path: Path) -> None:
    folder = write_folder(
        tmp_path / "set", {"train/a": 4, "train/b": 3, "val/a": 2, "val/b": 2, "test/a": 1, "test/b": 1}
    )
    source = open_source(configure_own(folder))
    assert dict(source.sizes) == {"train": 7, "test": 2, "val": 4}
    assert set(source.names["val"]) == {"val/a/0.png", "val/a/1.png", "val/b/0.png", "val/b/1.png"}
    assert source.labels == ("a", "b")


def test_a_class_may_be_called_train_and_have_folders_of_its_own(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", {"train": 3, "bus/red": 2, "bus/blue": 2})
    listed, notes = list_items(configure_own(folder), folder)
    assert {(label, split) for _, label, split in listed} == {("train", ""), ("bus", "")}
    assert notes == ()


def test_a_list_gives_files_labels_and_splits(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", {"a": 3, "b": 3})
    rows = ["a/0.png,cat,train", "a/1.png,dog,train", "b/0.png,cat,test", "b/1.png,dog,test"]
    (folder / "list.csv").write_text("\n".join(["file,label,split", *rows]))
    source = open_source(configure_own(folder, files="list.csv"))
    assert (dict(source.sizes), source.labels) == ({"train": 2, "test": 2}, ("cat", "dog"))
    assert source.notes == ("2 images not listed in list.csv, left out",)
    (folder / "list.csv").write_text("file\na/0.png\na/1.png\nb/0.png\nb/1.png\n")  # labels by folder, splits by hash
    hash_files.cache_clear()
    source = open_source(configure_own(folder, files="list.csv"))
    assert (dict(source.sizes), source.labels) == ({"train": 2, "test": 2}, ("a", "b"))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, r"list.csv cannot be read \(No such file"),
        (b"\xff\xfe", r"cannot be read"),
        (b"", "must have a column file and a row for each image"),
        (b"name\na/0.png\n", "must have a column file"),
        (b"file\na/9.png\n", r"line 2: 'a/9.png' is no image there"),
        (b"file\na/0.png\n./a/0.png\n", r"line 3: 'a/0.png' is listed twice"),
        (b"file,split\na/0.png,my test\n", r"line 2: a split is one word, not 'my test'"),
        (b"file,split\na/0.png,train\na/1.png,\nb/0.png,test\n", r"a/1.png has no split, though others have"),
    ],
)
def test_a_list_that_doesn_t_fit_is_refused(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    folder = write_folder(tmp_path / "set", {"a": 3, "b": 3})
    if content is not None:
        (folder / "list.csv").write_bytes(content)
    with pytest.raises(PoolscopeError, match=sentence):
        open_source(configure_own(folder, files="list.csv"))


def move(old: str, new: str) -> Callable[[Path], object]:
    return lambda folder: (folder / old).rename(folder / new)


@pytest.mark.parametrize(
    ("counts", "change", "sentence"),
    [
        ({}, lambda folder: folder.mkdir(), r"has no images \(.png, .jpg"),
        ({"a": 2, "b": 2}, move("a/0.png", "0.png"), r"0.png is in no class folder; put .* as in .*/set/cat/0.png"),
        (
            {"train/a": 2, "test/a": 2},
            move("test/a/0.png", "test/0.png"),
            r"test/0.png is in no class folder; .*/test/cat",
        ),
        ({"a": 2, "b": 2}, lambda folder: (folder / "c").mkdir(), r"the class folder .*/c has no images"),
        ({"a": 2}, lambda folder: None, "data.name=folder has 1 class; a set to classify has at least 2"),
        ({"a": 2, "b": 1}, lambda folder: None, r"The class 'b' has one image \(b/0.png\)"),
    ],
)
def test_a_folder_that_doesn_t_fit_is_refused(
    tmp_path: Path, counts: dict[str, int], change: Callable[[Path], object], sentence: str
) -> None:
    change(write_folder(tmp_path / "set", counts))
    with pytest.raises(PoolscopeError, match=sentence):
        open_source(configure_own(tmp_path / "set"))


def test_files_of_other_kinds_are_left_out_and_named(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", {"a": 2, "b": 2})
    (folder / "a" / "about.txt").write_text("none")
    assert open_source(configure_own(folder)).notes == ("1 file of another kind was left out, first a/about.txt",)
