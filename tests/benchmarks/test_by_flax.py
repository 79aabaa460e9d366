"""Plain Flax's pools compute what poolscope's do."""

from __future__ import annotations

import numpy as np
import pytest
from small_contenders import WINDOWS, pooled

from poolscope.benchmarks import by_flax, by_poolscope


@pytest.mark.parametrize(("window", "stride", "padding"), [*WINDOWS, (3, 2, "SAME")])
@pytest.mark.parametrize("operator", ["max", "avg"])
def test_pools_of_poolscope_and_flax_agree(operator: str, window: int, stride: int, padding: str) -> None:
    case = {"operator": operator, "shape": [2, 9, 8, 3], "window": window, "stride": stride, "padding": padding}
    for ours, theirs in zip(*(pooled(library, case) for library in (by_poolscope, by_flax)), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
