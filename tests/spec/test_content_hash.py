"""What stands for one's own files: their names and bytes, wherever they are, and nothing else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from image_folders import write_folder

from poolscope.spec.content_hash import hash_files, list_images
from poolscope.spec.errors import PoolscopeError


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (lambda folder: None, True),
        (lambda folder: (folder / "notes.txt").write_text("none"), True),
        (lambda folder: (folder / "a" / ".hidden.png").write_text("none"), True),
        (lambda folder: (folder / "a" / "0.png").touch(), True),
        (lambda folder: (folder / "a" / "0.png").rename(folder / "a" / "9.png"), False),
        (lambda folder: (folder / "a" / "0.png").rename(folder / "b" / "0.png"), False),
        (lambda folder: (folder / "a" / "0.png").unlink(), False),
        (lambda folder: (folder / "a" / "0.png").write_bytes((folder / "a" / "1.png").read_bytes()), False),
    ],
)
def test_a_copy_has_the_same_content_until_an_image_changes(
    tmp_path: Path, change: Callable[[Path], object], same: bool
) -> None:
    first = write_folder(tmp_path / "first", {"a": 3, "b": 1})
    second = Path(shutil.copytree(first, tmp_path / "second"))
    (second / "b" / "0.png").unlink()  # make room for a move
    (first / "b" / "0.png").unlink()
    change(second)
    assert (hash_files(first) == hash_files(second)) is same


def test_the_list_of_splits_is_part_of_the_content(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", {"a": 2})
    listed = folder / "splits.csv"
    listed.write_text("file,split\na/0.png,train\n")
    before = hash_files(folder, listed)
    listed.write_text("file,split\na/0.png,test\n")
    hash_files.cache_clear()
    assert hash_files(folder, listed) != before


def test_images_are_listed_with_links_but_never_in_a_circle(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", {"a": 2})
    (folder / "b").symlink_to(write_folder(tmp_path / "elsewhere", {"c": 1}) / "c")
    (folder / "a" / "loop").symlink_to(folder)
    assert list_images(folder) == ["a/0.png", "a/1.png", "b/0.png"]


@pytest.mark.parametrize("odd", ["a/pipe.png", "b/pipe.png", "a/notes", "pipe"])
def test_a_pipe_is_not_waited_for(tmp_path: Path, odd: str) -> None:
    folder = write_folder(tmp_path / "set", {"a": 1, "b": 1})
    os.mkfifo(folder / odd)
    with pytest.raises(PoolscopeError, match=f"set/{odd} is a pipe, a device or a socket, not a file; take it away"):
        hash_files(folder)


@pytest.mark.parametrize("place", ["a", "a/deep", "b/deep"])
def test_a_folder_that_can_t_be_read_is_not_left_out_silently(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_folder(tmp_path / "set", {"a/deep": 1, "b/deep": 1})
    scan = os.scandir

    def refuse(path: str) -> Any:
        if str(path) == str(folder / place):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PoolscopeError, match=rf"set/{place} cannot be read \(Permission denied\)"):
        hash_files(folder)


def test_a_file_that_can_t_be_read_is_named(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", {"a": 1})
    (folder / "a" / "lost.png").symlink_to(tmp_path / "nowhere")
    with pytest.raises(PoolscopeError, match=r"set/a/lost.png cannot be read \(No such file"):
        hash_files(folder)
