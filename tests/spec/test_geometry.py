"""Window arithmetic against windows that are laid out one by one."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import ListConfig

from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import Window, axis_pads, extent, make_window

PADDINGS = ("VALID", "SAME", (0, 0), (1, 0), (0, 2), (2, 1))


def place_windows(n: int, size: int, stride: int, dilation: int, pads: tuple[int, int]) -> list[list[int]]:
    """Every window on an axis: the cells that it reads, padding being below 0 and from n up."""
    windows = []
    start = -pads[0]
    while start + dilation * (size - 1) < n + pads[1]:
        windows.append([start + dilation * tap for tap in range(size)])
        start += stride
    return windows


def test_sizes_and_remainders_are_those_of_windows_laid_out_one_by_one() -> None:
    checked = 0
    for n in range(1, 34):
        for size in range(1, 6):
            for stride in range(1, 6):
                for dilation in range(1, 4):
                    for padding in PADDINGS:
                        pads = axis_pads(n, size, stride, dilation, padding)
                        rule = padding if isinstance(padding, str) else (padding, padding)
                        window = Window((size, size), (stride, stride), rule, (dilation, dilation))
                        placed = place_windows(n, size, stride, dilation, pads)
                        (out, again), (dropped, _) = window.output(n, n), window.dropped(n, n)
                        case = (n, size, stride, dilation, padding)
                        assert max(out, 0) == max(again, 0) == len(placed), case
                        if placed:
                            last = max(max(cells) for cells in placed)
                            assert dropped == max(0, n - 1 - last), case
                        checked += 1
    assert checked == 33 * 5 * 5 * 3 * len(PADDINGS)


def test_the_sizes_that_everyone_knows() -> None:
    for n in range(1, 34):
        for size in range(1, 6):
            for stride in range(1, 6):
                valid, same = (make_window(size, stride, padding).output(n, n)[0] for padding in ("VALID", "SAME"))
                assert valid == (n - size) // stride + 1
                assert same == -(-n // stride)
    assert make_window(2).output(4, 6) == (2, 3)
    assert make_window(3, 2).output(28, 28) == (13, 13)
    assert make_window(3, 2, "SAME").pads(28, 28) == ((0, 1), (0, 1))
    assert make_window(3, 2).dropped(28, 27) == (1, 0)
    assert make_window(5, 1, "SAME").pads(9, 9) == ((2, 2), (2, 2))
    assert make_window((2, 3)).cells == 6
    assert extent(3, 2) == 5


@given(st.integers(1, 60), st.integers(1, 9), st.integers(1, 9), st.integers(1, 4), st.sampled_from(PADDINGS))
def test_a_larger_stride_or_window_never_gives_a_larger_output(
    n: int, size: int, stride: int, dilation: int, padding: Any
) -> None:
    def output(size: int, stride: int, dilation: int) -> int:
        rule = padding if isinstance(padding, str) else (padding, padding)
        return max(0, Window((size, size), (stride, stride), rule, (dilation, dilation)).output(n, n)[0])

    here = output(size, stride, dilation)
    assert output(size, stride + 1, dilation) <= here
    assert output(size + 1, stride, dilation) <= here
    assert output(size, stride, dilation + 1) <= here


@given(st.integers(1, 60), st.integers(1, 9), st.integers(1, 9), st.integers(1, 4))
def test_same_covers_every_cell_and_pads_the_larger_half_at_the_end(
    n: int, size: int, stride: int, dilation: int
) -> None:
    before, after = axis_pads(n, size, stride, dilation, "SAME")
    assert 0 <= after - before <= 1
    window = make_window(size, stride, "SAME", dilation)
    assert window.dropped(n, n) == (max(0, (n - 1) % stride - (extent(size, dilation) - 1)),) * 2


def test_a_window_takes_its_axes_apart() -> None:
    window = make_window([2, 3], [1, 2], [[1, 0], [0, 2]], [2, 1], prefix="pool.")
    assert window == Window((2, 3), (1, 2), ((1, 0), (0, 2)), (2, 1))
    assert window.output(5, 8) == (4, 4)
    assert make_window(ListConfig([2, 3])) == Window((2, 3), (2, 3))
    assert make_window(3, padding=1).padding == ((1, 1), (1, 1))
    assert make_window(3, padding="same").padding == "SAME"


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"window": 0}, "pool.window must be at least 1, not 0."),
        ({"window": 2, "stride": [1, 0]}, "pool.stride must be at least 1, not [1, 0]."),
        ({"window": 2, "dilation": -1}, "pool.dilation must be at least 1, not -1."),
        ({"window": [2, "a"]}, "pool.window must be a whole number or a pair [height, width], not [2, 'a']."),
        ({"window": [1, 2, 3]}, "pool.window must be a whole number or a pair [height, width], not [1, 2, 3]."),
        ({"window": True}, "pool.window must be a whole number or a pair [height, width], not True."),
        ({"window": 2.0}, "pool.window must be a whole number or a pair [height, width], not 2.0."),
        ({"window": None}, "pool.window must be a whole number or a pair [height, width], not None."),
        ({"window": "22"}, "pool.window must be a whole number or a pair [height, width], not '22'."),
        ({"window": 2, "padding": "FULL"}, "pool.padding must be VALID, SAME"),
        ({"window": 2, "padding": -1}, "pool.padding must be VALID, SAME"),
        ({"window": 2, "padding": [[1, 1]]}, "not [[1, 1]]."),
        ({"window": 2, "padding": [[0, -1], [0, 0]]}, "not [[0, -1], [0, 0]]."),
    ],
)
def test_what_is_no_window_is_named(keys: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PoolscopeError, match=re.escape(sentence)):
        make_window(**keys, prefix="pool.")
