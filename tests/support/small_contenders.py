"""The bench's contenders on networks and maps small enough for a test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from poolscope.benchmarks.networks import NETWORKS

SMALL = {name: replace(network, steps=3, batch=8) for name, network in NETWORKS.items()}
WINDOWS = ((2, 2, "VALID"), (3, 2, "VALID"), (3, 1, "SAME"), (5, 3, "VALID"))


def losses_of(training: Callable[[], int]) -> np.ndarray:
    assert training() == 24
    return np.hstack([np.asarray(jax.device_get(loss)) for loss in training.losses])  # type: ignore[attr-defined]


def pooled(library: Any, case: dict[str, Any]) -> list[np.ndarray]:
    """The pooled map and the gradient of its input."""
    repeat = library.prepare_pool(**case, backward=True)
    assert repeat() == 2
    return [np.asarray(value.detach() if hasattr(value, "detach") else value) for value in repeat.results]
