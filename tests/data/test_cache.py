"""The cache of decoded images: whole or absent, never pickled, damaged ones named, safe for several writers."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from prepared_sets import make_images

from poolscope.data import cache as module
from poolscope.data.cache import cache_folder, read_cached
from poolscope.data.splits import Split
from poolscope.spec.errors import PoolscopeError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POOLSCOPE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def never() -> Split:
    raise AssertionError("decoded although the cache has it")


def split(seed: int = 0) -> Split:
    return Split(*make_images(12, (5, 4, 3), seed))


def test_the_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("POOLSCOPE_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == tmp_path / ".cache" / "poolscope"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "poolscope"
    monkeypatch.setenv("POOLSCOPE_CACHE", "~/own")
    assert cache_folder() == tmp_path / "own"


def test_decoded_once_then_mapped_and_read_only(folder: Path) -> None:
    first = read_cached("set/1.0.0/train-abc", split)
    second = read_cached("set/1.0.0/train-abc", never)
    for got in (first, second):
        np.testing.assert_array_equal(got.images, split().images)
        np.testing.assert_array_equal(got.labels, split().labels)
        assert isinstance(got.images, np.memmap)
        assert got.images.dtype == np.uint8
        assert got.labels.dtype == np.int32
        with pytest.raises(ValueError, match="read-only"):
            got.images[0] = 0
    names = {path.name for path in (folder / "set" / "1.0.0").iterdir()}
    assert names == {"train-abc.images.npy", "train-abc.labels.npy", "train-abc.json"}


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


def pickle_instead(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.array([{"an": "object"}], object), allow_pickle=True)


@pytest.mark.parametrize(
    "damage", [truncate, flip_a_bit, pickle_instead, Path.unlink, lambda path: path.write_text("")]
)
@pytest.mark.parametrize("part", ["images.npy", "labels.npy", "json"])
def test_a_damaged_file_is_named_and_deleting_it_helps(folder: Path, damage: object, part: str) -> None:
    read_cached("set/train", split)
    seal = folder / "set" / "train.json"
    assert callable(damage)
    damage(folder / "set" / f"train.{part}")
    if not seal.exists():  # the seal itself was deleted: decoded anew
        np.testing.assert_array_equal(read_cached("set/train", split).images, split().images)
        return
    with pytest.raises(PoolscopeError, match=f"is damaged; delete {seal} and run the same command again"):
        read_cached("set/train", never)
    seal.unlink()
    np.testing.assert_array_equal(read_cached("set/train", split).images, split().images)


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_a_writer_that_dies_leaves_nothing_that_counts(
    folder: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    real, done = os.replace, list[Path]()

    def die_before_rename(source: str, target: Path) -> None:
        if len(done) == writes:
            raise KeyboardInterrupt
        done.append(target)
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(module.os, "replace", die_before_rename)
        with pytest.raises(KeyboardInterrupt):
            read_cached("set/train", lambda: split(seed=1))
    assert not [path for path in (folder / "set").iterdir() if path.name.startswith(".")]
    np.testing.assert_array_equal(read_cached("set/train", split).images, split().images)


def test_writers_at_the_same_time_all_get_the_images(folder: Path) -> None:
    start, got = threading.Barrier(4), []

    def work() -> None:
        def decode() -> Split:
            start.wait(timeout=30)  # all four have seen that nothing is cached
            return split()

        got.append(read_cached("set/train", decode))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 4
    for one in got:
        np.testing.assert_array_equal(one.images, split().images)
    read_cached("set/train", never)


def test_a_folder_that_cannot_be_written_is_said_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("POOLSCOPE_CACHE", str(tmp_path / "file"))
    with pytest.raises(PoolscopeError, match=r"cannot be written \(Not a directory\); set POOLSCOPE_CACHE"):
        read_cached("set/train", never)


def test_a_full_disk_is_said_and_leaves_no_scratch_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(PoolscopeError, match=r"cannot be written \(No space left on device\)"):
        read_cached("set/train", split)
    assert list((folder / "set").iterdir()) == []


def test_a_killed_process_leaves_no_whole_entry(folder: Path) -> None:
    """The process is killed by the operating system right after the images are in place, so no clean-up code runs."""
    script = (
        "import os, signal\n"
        "from prepared_sets import make_images\n"
        "from poolscope.data import cache\n"
        "from poolscope.data.splits import Split\n"
        "real = os.replace\n"
        "cache.os.replace = lambda a, b: (real(a, b), os.kill(os.getpid(), signal.SIGKILL))\n"
        "cache.read_cached('set/train', lambda: Split(*make_images(12, (5, 4, 3), 1)))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1] / "support")}
    assert subprocess.run([sys.executable, "-c", script], env=environment, check=False).returncode == -9
    assert (folder / "set" / "train.images.npy").exists()
    np.testing.assert_array_equal(read_cached("set/train", split).images, split().images)
