"""The strided convolution, worked by hand."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import pytest
from hand_maps import TUTORIAL, assert_refused, maps, rows

from poolscope.pooling import strided_conv_pool


def test_a_convolution_worked_by_hand() -> None:
    weights = jnp.asarray([[1.0, 2], [3, 4]])[:, :, None, None]
    assert rows(strided_conv_pool(maps(TUTORIAL), 2, kernel=weights, bias=jnp.ones(1))) == [
        [1 + 6 + 15 + 24 + 1, 2 + 8 + 21 + 32 + 1],
        [9 + 20 + 39 + 56 + 1, 11 + 24 + 45 + 64 + 1],
    ]
    assert rows(strided_conv_pool(maps(TUTORIAL), 2, kernel=-weights)) == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda x: strided_conv_pool(x, 2, kernel=jnp.zeros((2, 2))), "strided_conv kernel must be (2, 2, 1"),
    ],
)
def test_what_can_t_work_is_refused_in_one_sentence(call: Any, sentence: str) -> None:
    assert_refused(call, sentence)
