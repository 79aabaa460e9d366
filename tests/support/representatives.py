"""One operator of each module of the pooling room, for what is tested of all of them in `make test-long`."""

from __future__ import annotations

import pytest

from poolscope.pooling import POOLS
from poolscope.spec.operators import OPERATORS

REPRESENTATIVES = {OPERATORS[name].module: name for name in [*POOLS][::-1]}.values()


def long_for_others(*names: str) -> list[object]:
    """All operators as cases of a test, marked long but for the representatives and those named."""
    usual = {*REPRESENTATIVES, *names}
    return [name if name in usual else pytest.param(name, marks=pytest.mark.long) for name in POOLS]
