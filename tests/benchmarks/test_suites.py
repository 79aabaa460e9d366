"""What the bench compares: every target is among it, and its commands can be typed."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pandas as pd

from poolscope.benchmarks.page import TARGETS
from poolscope.benchmarks.suites import SUITES
from poolscope.spec.compose import compose_runs


def test_every_target_is_among_what_the_bench_measures() -> None:
    produced = {
        (comparison.quantity, *pair, unit)
        for make in SUITES.values()
        for comparison in make()
        for pair in comparison.pairs()
        for unit in comparison.units
    }
    expected = {"every network": 5, "every window": 28, "start": 2}
    for target in pd.read_csv(TARGETS).itertuples():
        found = [
            row
            for row in produced
            if fnmatchcase(row[0], target.quantity) and row[1:] == (target.contender, target.reference, target.unit)
        ]
        assert len(found) == next((count for start, count in expected.items() if target.target.startswith(start)), 1)
        assert (target.moonshot - target.must) * (1 if target.better == "higher" else -1) > 0


def test_the_commands_compose() -> None:
    for case in SUITES["runs"]():
        for contender in case.contenders:
            words = [word for word in contender.options["arguments"] if "=" in word and "{folder}" not in word]
            (config,) = compose_runs(words).configs
            assert config.train.steps * config.train.batch_size == contender.options["items"]
