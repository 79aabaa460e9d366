"""Untrained networks under shifts: who sees none by its form, and who takes the largest cell."""

from __future__ import annotations

import numpy as np
import pytest

from poolscope.measures import invariance
from poolscope.measures.invariance import COMPARED, measure_rows, measure_untrained
from poolscope.spec.config import PoolConfig
from poolscope.spec.errors import PoolscopeError
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


def test_maps_that_no_window_gives_have_no_bias() -> None:
    row = measure_rows([PoolConfig(name="space_to_depth")], "noise", IMAGES, [0])[0]
    assert np.isnan(row["sampling_bias"])


def test_one_image_has_no_distance_to_another() -> None:
    with pytest.raises(PoolscopeError, match="At least 2 images are needed, not 1"):
        measure_untrained(PoolConfig(name="max"), IMAGES[:1], [0])
