"""In which context a contrast was run, in a few words: data, training images, and what is unlike the usual network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

_DATA = {"cifar10": "CIFAR-10", "mnist": "MNIST"}
_PARTS: Mapping[str, Callable[[Any], str]] = {
    "data.name": lambda name: _DATA.get(str(name), str(name)),
    "data.train_size": lambda size: f"{int(float(size)):,} images",
    "data.label_noise": lambda rate: f"{100 * float(rate):g} % wrong labels" if float(rate) else "",
    "model.blocks": lambda blocks: "" if float(blocks) else "no convolution",
    "model.width": lambda width: f"width {int(float(width))}",
}


def _rank(value: Any) -> tuple[bool, float, str]:
    """Numbers by size, then words."""
    try:
        return (False, float(value), "")
    except ValueError:
        return (True, 0.0, str(value))


def describe_context(runs: pd.DataFrame) -> str:
    """Describe what the runs of a contrast share, such as "CIFAR-10, 3,000 images, width 8"; "" without runs."""
    parts = []
    for column, show in _PARTS.items():
        values = [value for value in runs[column].dropna().unique() if value != ""] if column in runs else []
        if column == "model.width" and "no convolution" in parts:
            continue
        shown = list(dict.fromkeys(text for value in sorted(values, key=_rank) if (text := show(value))))
        if shown:
            parts.append(" and ".join(shown))
    if "pool.window" in runs and "no convolution" in parts:
        windows = sorted({int(float(window)) for window in runs["pool.window"].dropna()})
        parts.append(f"window {' and '.join(str(window) for window in windows)}")
    return ", ".join(parts)
