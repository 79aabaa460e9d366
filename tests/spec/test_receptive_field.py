"""Receptive fields against the input pixels that are followed back, cell by cell."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from poolscope.spec.geometry import Window, make_window
from poolscope.spec.receptive_field import ReceptiveField

WINDOWS = st.builds(
    make_window,
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.just("VALID"),
    st.tuples(st.integers(1, 2), st.integers(1, 2)),
)


def pixels_read(windows: list[Window], axis: int, cell: int) -> set[int]:
    """The input pixels, on one axis, that a cell behind the windows depends on, without padding."""
    cells = {cell}
    for window in reversed(windows):
        size, stride, dilation = window.size[axis], window.stride[axis], window.dilation[axis]
        cells = {cell * stride + dilation * offset for cell in cells for offset in range(size)}
    return cells


@given(st.lists(WINDOWS, max_size=4))
def test_fields_span_the_pixels_that_a_cell_depends_on_and_lie_a_jump_apart(windows: list[Window]) -> None:
    field = ReceptiveField()
    for window in windows:
        field = field.after(window)
    for axis in (0, 1):
        first, second = (pixels_read(windows, axis, cell) for cell in (0, 1))
        assert field.size[axis] == max(first) - min(first) + 1
        assert field.jump[axis] == min(second) - min(first)


def test_the_fields_of_the_tutorial_s_network() -> None:
    conv = ReceptiveField().after(make_window(3, 1))
    assert conv == ReceptiveField((3, 3), (1, 1))
    assert conv.after(make_window(2)) == ReceptiveField((4, 4), (2, 2))
    assert conv.after(make_window(2)).after(make_window(3, 1)) == ReceptiveField((8, 8), (2, 2))


def test_an_operator_may_depend_on_fewer_or_more_cells_than_its_window_has() -> None:
    window = make_window(2)
    assert ReceptiveField().after(window, (1, 1)) == ReceptiveField((1, 1), (2, 2))
    assert ReceptiveField().after(window, (4, 3)) == ReceptiveField((4, 3), (2, 2))
