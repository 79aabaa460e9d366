"""Contrasts as a study's claims.yaml has them, for the tests of claims and reports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

FULL: dict[str, Any] = {
    "id": "3a",
    "claim": 3,
    "hypothesis": "max has the higher test accuracy than average",
    "where": {"data.name": "cifar10"},
    "arm": {"pool.name": "max", "pool.window": 2},
    "baseline": {"pool.name": "avg"},
    "measure": "test_accuracy",
    "unit": "points",
    "direction": "higher",
    "delta": 1.0,
    "family": 4,
    "kind": "difference",
}


def write_contrasts(folder: Path, *contrasts: dict[str, Any], study: str = "made", **keys: Any) -> Path:
    path = folder / study / "claims.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({"contrasts": list(contrasts), **keys}), encoding="utf-8")
    return path
