"""Means whose weights look at the window, worked by hand."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hand_maps import assert_refused, close, maps, normal, rows

from poolscope.pooling import ada_pool, avg_pool, dpp_pool, edscw_pool, em_pool, soft_pool

pytestmark = pytest.mark.usefixtures("compiled_calls")


def test_dpp_lite_by_hand() -> None:
    """Window 0, 0, 0, 4: mean 1, q = 1.001 three times and 9.001, mean q = 3.001; sharpness log 2 makes the power 1."""
    x = maps([[0, 0], [0, 4]])
    weight, others = 9.001 / 3.001 + 1, 1.001 / 3.001 + 1
    expected = 4 * weight / (weight + 3 * others)
    close(dpp_pool(x, 2, sharpness=math.log(2), offset=0.0), jnp.full((1, 1, 1, 1), expected))
    dark = 1e-3 / ((9.001 + 3e-3) / 4) + 1  # asymmetric: cells below the mean have no detail
    bright = 9.001 / ((9.001 + 3e-3) / 4) + 1
    expected = 4 * bright / (bright + 3 * dark)
    close(dpp_pool(x, 2, sharpness=math.log(2), asymmetric=True), jnp.full((1, 1, 1, 1), expected))
    close(dpp_pool(x, 2, sharpness=-50.0), avg_pool(x, 2))


def test_adapool_and_its_halves() -> None:
    x = normal(2, 6, 6, 3)
    close(em_pool(x, 2), soft_pool(x, 2))
    close(ada_pool(x, 2, alpha=1.0), edscw_pool(x, 2))
    close(ada_pool(x, 2, alpha=0.0), em_pool(x, 2))
    by_place = jnp.asarray([[1.0, 0, 1], [0, 1, 0], [0, 0, 1]])[:, :, None]
    close(ada_pool(x, 2, alpha=by_place), jnp.where(by_place > 0, edscw_pool(x, 2), em_pool(x, 2)))
    w = math.exp(0.8), math.exp(12 / 13)  # cells 1 and 3 around 2: DSC 2 * 2 / 5 and 2 * 6 / 13
    assert rows(edscw_pool(maps([[1, 3]]), (1, 2))) == [[round((w[0] + 3 * w[1]) / sum(w), 5)]]
    assert rows(edscw_pool(maps([[0, 0]]), (1, 2))) == [[0]]
    held = jax.grad(lambda x: edscw_pool(x, (1, 2), gradient="truncated").sum())(maps([[1, 3]])).ravel()
    np.testing.assert_allclose(held, np.array(w) / sum(w), rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda x: dpp_pool(x, 2, kernel=jnp.ones((2, 2, 1))), "dpp kernel must be (3, 3, 1), not (2, 2, 1)"),
    ],
)
def test_what_can_t_work_is_refused_in_one_sentence(call: Any, sentence: str) -> None:
    assert_refused(call, sentence)
