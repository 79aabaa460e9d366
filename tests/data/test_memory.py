"""Whether images fit into memory, and sizes in words."""

from __future__ import annotations

import pytest

from poolscope.data import memory
from poolscope.data.memory import check_images, format_bytes, machine_memory
from poolscope.spec.errors import PoolscopeError


def test_images_that_can_t_fit_are_refused() -> None:
    check_images(60_000, (28, 28, 1), available=60_000 * 784)
    with pytest.raises(PoolscopeError, match=r"800 images of 10000x10000x3 take 240 GB, .* memory of 16 GB"):
        check_images(800, (10_000, 10_000, 3), available=16 * 10**9)


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 bytes"), (999, "999 bytes"), (2.5e9, "2.5 GB"), (4e12, "4 TB"), (3e18, "3,000 PB")]
)
def test_bytes_in_words(count: float, text: str) -> None:
    assert format_bytes(count) == text


def test_the_machine_s_memory_is_the_limit_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine_memory() > 10**8
    monkeypatch.setattr(memory, "machine_memory", lambda: 1000)
    check_images(10, (10, 10, 1))
    with pytest.raises(PoolscopeError, match=r"11 images of 10x10x1 take 1\.1 kB, .* memory of 1 kB"):
        check_images(11, (10, 10, 1))


def test_where_memory_is_unknown_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.sysconf")
    assert machine_memory() == 0
    check_images(10**9, (10**4, 10**4, 3))
