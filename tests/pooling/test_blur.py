"""Blurs of single cells, and what a blur is where it does nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hand_maps import assert_refused, close, maps, normal, rows

from poolscope.pooling import anti_aliased, avg_pool, blur_pool, max_blur_pool, max_pool, subsample


def test_blurs() -> None:
    x = maps([[16, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    assert rows(blur_pool(x, 2)) == [[4, 0], [0, 0]]  # reflected: [1 2 1] / 4 at the corner is 2 / 4 a side
    x = maps([[0, 0, 0, 0], [0, 16, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    assert rows(blur_pool(x, 2)) == [[4, 2], [2, 1]]
    assert rows(max_blur_pool(maps([[0, 0, 0], [0, 8, 0], [0, 0, 0]]), 2)) == [[8]]
    assert rows(blur_pool(maps([[5]]), 1)) == [[5]]


def test_a_blur_of_one_tap_does_nothing_and_of_two_is_the_average() -> None:
    x = normal(2, 6, 6, 3)
    close(blur_pool(x, 2, filter_size=2), avg_pool(x, 2), 1e-6)
    close(anti_aliased(max_pool)(x, 3, 2, "SAME", filter_size=1), max_pool(x, 3, 2, "SAME"), 1e-6)
    close(anti_aliased(subsample)(x, 1, 2, filter_size=3), blur_pool(x, 1, 2, filter_size=3), 1e-6)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda x: blur_pool(x, 2, filter_size=0), "from 1 to 64, not 0"),
    ],
)
def test_what_can_t_work_is_refused_in_one_sentence(call: Any, sentence: str) -> None:
    assert_refused(call, sentence)
