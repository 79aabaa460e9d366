"""One's own files as a set: decoded once, noticed when changed, without unreadable files and copies as asked."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from image_folders import configure_own, write_folder
from PIL import Image

from poolscope.data import folder as folder_module
from poolscope.data.datasets import load_dataset, open_source
from poolscope.spec.content_hash import hash_files
from poolscope.spec.data import identify_files
from poolscope.spec.errors import PoolscopeError


@pytest.fixture(autouse=True)
def _look_again() -> None:
    hash_files.cache_clear()


def test_images_are_decoded_once_wherever_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = write_folder(tmp_path / "here", {"a": 8, "b": 4}, seed=1)
    first = load_dataset(configure_own(here), 0)
    there = Path(shutil.copytree(here, tmp_path / "there"))
    monkeypatch.setattr(folder_module, "read_image", lambda path: pytest.fail("decoded again"))
    again = load_dataset(configure_own(there), 0)
    np.testing.assert_array_equal(again.test.images, first.test.images)
    assert (again.version, again.labels) == (first.version, ("a", "b"))
    assert first.version in first.description


def test_changed_files_are_another_set_and_not_the_one_of_the_record(tmp_path: Path) -> None:
    config = configure_own(write_folder(tmp_path / "set", {"a": 5, "b": 5}))
    identify_files(config)
    open_source(config)
    Image.fromarray(np.zeros((5, 6), np.uint8)).save(tmp_path / "set" / "a" / "0.png")
    hash_files.cache_clear()
    with pytest.raises(PoolscopeError, match=rf"has other files than .* not data.content={config.content}; restore"):
        open_source(config)


def test_what_was_kept_of_a_set_is_made_again_where_it_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOLSCOPE_CACHE", str(tmp_path / "cache"))
    config = configure_own(write_folder(tmp_path / "set", {"a": 5, "b": 5}))
    first = load_dataset(config, 0)
    (facts,) = (tmp_path / "cache").rglob("facts.json")
    for damage in (facts.unlink, lambda: facts.write_text("{"), *(path.unlink for path in facts.parent.glob("*.npy"))):
        damage()
        for seal in facts.parent.glob("t*.json"):
            seal.unlink()
        np.testing.assert_array_equal(load_dataset(config, 0).test.images, first.test.images)


@pytest.mark.parametrize("unreadable", ["refuse", "skip", None])
def test_unreadable_files_are_named_and_refused_or_skipped(tmp_path: Path, unreadable: str | None) -> None:
    folder = write_folder(tmp_path / "set", {"a": 5, "b": 5})
    (folder / "b" / "broken.jpg").write_bytes(b"no image")
    (folder / "b" / "short.png").write_bytes((folder / "b" / "0.png").read_bytes()[:60])
    config = configure_own(folder, unreadable=unreadable)
    if unreadable == "skip":
        source = open_source(config)
        assert sum(source.sizes.values()) == 10
        assert any("2 unreadable images were left out, first b/broken.jpg" in note for note in source.notes)
    else:
        with pytest.raises(
            PoolscopeError, match=r"2 of 12 images cannot be read, first b/broken.jpg \(.*unreadable=sk"
        ):
            open_source(config)


def test_nothing_but_unreadable_files_is_refused_in_any_case(tmp_path: Path) -> None:
    for label in "ab":
        (tmp_path / "set" / label).mkdir(parents=True)
        (tmp_path / "set" / label / "0.png").write_bytes(b"")
    with pytest.raises(PoolscopeError, match=r"none of 2 images can be read, first a/0.png"):
        open_source(configure_own(tmp_path / "set", unreadable="skip"))


def test_dropped_copies_stay_in_the_test_split(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", {"train/a": 4, "train/b": 4, "test/a": 2, "test/b": 2})
    pixels = Image.open(folder / "test" / "a" / "0.png")
    pixels.save(folder / "train" / "a" / "copy.bmp")  # other bytes, the same image
    pixels.save(folder / "train" / "a" / "again.bmp")
    source = open_source(configure_own(folder, duplicates="drop"))
    assert dict(source.sizes) == {"train": 8, "test": 4}
    assert "2 copies of other images were left out" in source.notes
    pixels.save(folder / "train" / "b" / "torn.bmp")
    hash_files.cache_clear()
    with pytest.raises(PoolscopeError, match=r"test/a/0.png and train/b/torn.bmp are the same image in two classes"):
        open_source(configure_own(folder, duplicates="drop"))
