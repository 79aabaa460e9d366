"""What the hand-worked cases of the pooling room share."""

from __future__ import annotations

import numpy as np
import pytest
from compiled_pools import compile_call, compile_calls

from poolscope.pooling import find_pool


@pytest.fixture
def compiled_calls(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Operators that the test module imported, and those of layers, are compiled whole and give NumPy arrays."""
    for name, compiled in compile_calls(vars(request.module), np.asarray).items():
        monkeypatch.setattr(request.module, name, compiled)
    monkeypatch.setattr("poolscope.pooling.layers.find_pool", lambda name: compile_call(find_pool(name), np.asarray))
