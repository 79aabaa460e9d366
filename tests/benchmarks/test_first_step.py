"""The process that ends with its first step."""

from __future__ import annotations

from pathlib import Path

from poolscope.benchmarks.by_command import prepare_process
from poolscope.benchmarks.first_step import STATUS


def test_a_command_ends_with_its_first_step(tmp_path: Path) -> None:
    small = ["model.blocks=1", "model.pool_stages=1"]
    words = ["train", "data=digits", *small, "train.epochs=50", "measure=none", f"results={tmp_path}"]
    assert prepare_process(["-m", "poolscope.benchmarks.first_step", *words], status=STATUS)() == 1
    assert not list(tmp_path.rglob("seed-*.json"))
