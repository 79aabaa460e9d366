"""Rows among fitting, choosing and reporting."""

from __future__ import annotations

import numpy as np
import pytest

from poolscope.measures.information import (
    Parts,
    divide_groups,
    divide_rows,
)
from poolscope.spec.errors import PoolscopeError


def test_rows_are_divided_without_overlap() -> None:
    parts = divide_rows(100)
    assert (len(parts.fit), len(parts.select), len(parts.test)) == (70, 15, 15)
    groups = np.repeat(np.arange(20), 5)
    kept = divide_groups(groups)
    assert not set(groups[kept.fit]) & set(groups[kept.test])
    with pytest.raises(PoolscopeError, match="disjoint"):
        Parts(np.arange(3), np.arange(2), np.arange(5, 6))
    with pytest.raises(PoolscopeError, match="at least 3 rows"):
        divide_rows(2)
