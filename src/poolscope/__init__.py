"""poolscope: what pooling does to convolutional networks.

`poolscope.sweep("pool=max,avg", ...)` trains and `poolscope.load("study")` gives a study's tidy tables, in Python and
notebooks; `poolscope.pooling` has the layers.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"
_LAZY = {"load": "poolscope.reports.load", "Study": "poolscope.reports.load", "sweep": "poolscope.commands.sweep"}


def __getattr__(name: str) -> Any:
    """Import what Python and notebooks use when it is first asked for, so that the package itself stays light."""
    if name not in _LAZY:
        raise AttributeError(f"module 'poolscope' has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
