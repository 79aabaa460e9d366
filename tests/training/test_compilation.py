"""The cache of compiled programs: damaged entries are deleted, once, and whole ones stay."""

from __future__ import annotations

import os
import random
import zlib
from pathlib import Path

import pytest

from poolscope.training.compilation import delete_damaged_programs

WHOLE = zlib.compress(random.Random(0).randbytes(5000))


@pytest.mark.parametrize(
    "content",
    [b"", WHOLE[:1], WHOLE[:100], WHOLE[:-1], b"x" + WHOLE, WHOLE[:50] + b"????" + WHOLE[54:]],
    ids=["empty", "a byte", "a part", "a byte short", "a byte more", "changed"],
)
def test_an_entry_that_was_cut_short_or_changed_is_deleted(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "jit_a-0-cache").write_bytes(WHOLE)
    (tmp_path / "jit_b-0-cache").write_bytes(content)
    (tmp_path / "jit_b-0-atime").write_bytes(b"")
    assert delete_damaged_programs(tmp_path) == ["jit_b-0-cache"]
    assert (tmp_path / "jit_a-0-cache").read_bytes() == WHOLE and (tmp_path / "jit_b-0-atime").exists()
    assert delete_damaged_programs(tmp_path) == []


def test_only_what_changed_since_the_last_time_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "ab":
        (tmp_path / f"jit_{name}-0-cache").write_bytes(WHOLE)
    os.utime(tmp_path / "jit_a-0-cache", (1, 1))
    assert delete_damaged_programs(tmp_path) == []
    for name in "ab":
        path = tmp_path / f"jit_{name}-0-cache"
        path.write_bytes(b"")
        os.utime(path, (1, 1) if name == "a" else None)
    assert delete_damaged_programs(tmp_path) == ["jit_b-0-cache"]


def test_a_folder_that_can_t_be_written_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    (tmp_path / "jit_a-0-cache").write_bytes(b"")
    monkeypatch.setattr("os.unlink", refuse)
    assert delete_damaged_programs(tmp_path) == []
