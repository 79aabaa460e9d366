"""Blurs of single cells, and what a blur is where it does nothing, by itself or at edges."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hand_maps import assert_refused, close, maps, normal, rows

from poolscope.pooling import anti_aliased, avg_pool, blur_pool, edge_blur_pool, max_blur_pool, max_pool, subsample
from poolscope.spec.errors import PoolscopeError

pytestmark = pytest.mark.usefixtures("compiled_calls")


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


def test_cells_within_three_of_a_step_stay_sharp() -> None:
    """Cells two apart on either side differ next to the step (columns 4 to 7 of 12); one more on each side is near."""
    step = jnp.asarray([[1.0] * 6 + [2.0] * 6])[..., None]
    sharp, blurred = subsample(step, 1)[0, :, 0], blur_pool(step, 1)[0, :, 0]
    assert blurred[5:7].tolist() == [1.25, 1.75]
    np.testing.assert_array_equal(edge_blur_pool(step, 1, threshold=1.9)[0, :, 0], sharp)
    np.testing.assert_array_equal(edge_blur_pool(step, 1, threshold=2.1)[0, :, 0], blurred)
    ramp = jnp.arange(1.0, 65.0)[None, :, None] ** 2  # steep at its start only
    found = edge_blur_pool(ramp, 1, threshold=2.0, filter_size=3)[0, :, 0]
    kept = np.flatnonzero(np.isclose(found, ramp[0, :, 0], rtol=1e-7))
    # (c + 3)^2 > 2 (c - 1)^2 up to c = 8.07, c the cell's place from 0; one cell on
    np.testing.assert_array_equal(kept, np.arange(0, kept[-1] + 1))
    assert kept[-1] == max(c for c in range(2, 62) if ((c + 3) / (c - 1)) ** 2 > 2) + 1


def test_an_edge_is_one_of_the_mean_over_channels() -> None:
    channels = jnp.stack([jnp.asarray([[1.0] * 4 + [4.0] * 4]), jnp.asarray([[4.0] * 4 + [1.0] * 4])], axis=-1)
    np.testing.assert_array_equal(edge_blur_pool(channels, 1), blur_pool(channels, 1))


def test_a_threshold_below_one_is_refused() -> None:
    with pytest.raises(PoolscopeError, match=r"edge_blur threshold must be at least 1, not 0\.5"):
        edge_blur_pool(jnp.ones((4, 4, 1)), 2, threshold=0.5)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda x: blur_pool(x, 2, filter_size=0), "from 1 to 64, not 0"),
    ],
)
def test_what_can_t_work_is_refused_in_one_sentence(call: Any, sentence: str) -> None:
    assert_refused(call, sentence)
