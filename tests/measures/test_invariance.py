"""Untrained networks under shifts: who sees none by its form, and who takes the largest cell."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from poolscope.measures import invariance
from poolscope.measures.invariance import COMPARED, max_sampling_bias, measure_rows, measure_untrained
from poolscope.pooling import avg_pool, max_pool, subsample
from poolscope.spec.config import PoolConfig
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import make_window
from poolscope.spec.operators import OPERATORS

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), np.uint8)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invariance, "WIDTH", 2)
    monkeypatch.setattr(invariance, "MAX_SHIFT", 1)


def test_aps_sees_no_whole_shift_and_max_does_unless_it_does_not_subsample() -> None:
    rows = measure_rows([PoolConfig(name="aps"), PoolConfig(name="max")], "noise", IMAGES, [0])
    aps, strided, dense = rows
    assert [row["network"] for row in rows] == ["strided", "strided", "a-trous"]
    assert aps["exact_circular"] and dense["exact_circular"] and not strided["exact_circular"]
    assert aps["consistency_circular"] == dense["consistency_circular"] == 1
    assert aps["stability_circular"] < 1e-5 < strided["stability_circular"]
    assert not dense["exact_subpixel"]
    assert strided["sampling_bias"] == 1 and 0 < aps["sampling_bias"] < 1


def test_compared_operators_are_operators() -> None:
    assert set(COMPARED) <= set(OPERATORS)


def test_the_bias_to_maxima_by_hand() -> None:
    before = jnp.asarray([[1.0, 2, 5, 5], [3, 4, 5, 5], [9, 1, 0, 0], [1, 1, 7, 0]])[None, ..., None]
    window = make_window(2)  # windows 1 2 3 4, all 5 (left out), 9 1 1 1, 0 0 7 0
    assert max_sampling_bias(before, max_pool(before, 2), window) == 1
    assert max_sampling_bias(before, avg_pool(before, 2), window) == 0
    assert max_sampling_bias(before, subsample(before, 2), window) == pytest.approx(1 / 3)
    assert np.isnan(max_sampling_bias(jnp.ones((1, 4, 4, 1)), jnp.ones((1, 2, 2, 1)), window))
    assert np.isnan(max_sampling_bias(before, jnp.ones((1, 2, 2, 4)), window))


def test_one_image_has_no_distance_to_another() -> None:
    with pytest.raises(PoolscopeError, match="At least 2 images are needed, not 1"):
        measure_untrained(PoolConfig(name="max"), IMAGES[:1], [0])
