"""The à-trous form: at every dilation-th position, its windows read what the strided network's windows read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolscope.spec.atrous import spread_window
from poolscope.spec.geometry import Window, make_window

PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 3))


def cells_read(window: Window, size: tuple[int, int], axis: int, position: int) -> list[int]:
    """The cells of an axis that the window at a position reads; padding is below 0 or beyond the end."""
    first = position * window.stride[axis] - window.pads(*size)[axis][0]
    return [first + window.dilation[axis] * offset for offset in range(window.size[axis])]


@given(PAIRS, PAIRS, PAIRS, st.sampled_from(["VALID", "SAME", 1]), st.tuples(st.integers(7, 12), st.integers(7, 12)))
def test_the_spread_window_reads_the_strided_one_s_cells_and_the_cells_between(
    size: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int], padding: str | int, strided: tuple
) -> None:
    window = make_window(size, stride, padding)
    dense = (strided[0] * dilation[0], strided[1] * dilation[1])
    spread = spread_window(window, dilation, strided, dense, torus=False)
    assert spread.stride == (1, 1)
    for axis, outputs in enumerate(window.output(*strided)):
        for position in range(outputs):
            expected = [cell * dilation[axis] for cell in cells_read(window, strided, axis, position)]
            dense_position = position * stride[axis] * dilation[axis]
            assert cells_read(spread, dense, axis, dense_position) == expected
            assert dense_position < spread.output(*dense)[axis]
    assert spread.dropped(*dense) == (0, 0)


@given(PAIRS, PAIRS, PAIRS, st.tuples(st.integers(5, 9), st.integers(5, 9)))
def test_on_a_torus_the_map_is_as_long_as_the_strided_one_times_all_strides(
    size: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int], strided: tuple
) -> None:
    window = make_window(size, stride, "SAME")
    dense = (strided[0] * dilation[0], strided[1] * dilation[1])
    spread = spread_window(window, dilation, strided, dense, torus=True)
    expected = tuple(n * s * d for n, s, d in zip(window.output(*strided), stride, dilation, strict=True))
    assert spread.output(*dense) == expected
    assert [pad[0] for pad in spread.pads(*dense)] == [
        pad[0] * gap for pad, gap in zip(window.pads(*strided), dilation, strict=True)
    ]


def test_a_window_that_is_dilated_already_is_dilated_further() -> None:
    window = make_window(2, 1, dilation=3)
    assert spread_window(window, (2, 4), (8, 8), (16, 32), torus=False).dilation == (6, 12)


@pytest.mark.parametrize(("stride", "length"), [(2, 8), (3, 9)])
def test_two_by_two_pools_behind_each_other(stride: int, length: int) -> None:
    """By hand: the second pool of a strided network reads cells `stride` apart in the à-trous one."""
    window = make_window(2, stride)
    first = spread_window(window, (1, 1), (length, length), (length, length), torus=False)
    assert first == Window((2, 2), (1, 1), ((0, 0), (0, 0)), (1, 1))
    strided, dense = window.output(length, length), first.output(length, length)
    second = spread_window(window, (stride, stride), strided, dense, torus=False)
    assert second == Window((2, 2), (1, 1), ((0, 0), (0, 0)), (stride, stride))
