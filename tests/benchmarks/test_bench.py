"""A suite of the bench: its table, and the machine that it names."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_processes import contend, fake_children

from poolscope.benchmarks.bench import (
    describe_machine,
    measure_suite,
    order_cores,
)
from poolscope.benchmarks.rounds import (
    BenchmarkCase,
    Children,
    Pace,
)
from poolscope.benchmarks.suites import SUITES
from poolscope.spec.errors import PoolscopeError


@pytest.fixture
def children() -> Iterator[Children]:
    with fake_children() as running:
        yield running


def test_a_suite_writes_its_table_and_what_it_was_measured_on(
    children: Children, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good = (contend("one", "counting", items=1), contend("two", "counting", items=1))
    made = [BenchmarkCase("first", good), BenchmarkCase("second", (good[0], contend("absent", "missing")), threads=0)]
    monkeypatch.setitem(SUITES, "pools", lambda: made)
    measure_suite("pools", tmp_path, Pace(2, 2, 0.0), order_cores(None))
    with (tmp_path / "pools.csv").open() as file:
        first, second = csv.DictReader(file)
    assert (first["quantity"], first["contender"], first["reference"], first["rounds"]) == ("first", "one", "two", "2")
    assert (first["threads"], first["pinned"]) == ("1", "1 core" if hasattr(os, "sched_setaffinity") else "no")
    assert float(first["ratio_q25"]) <= float(first["ratio"]) <= float(first["ratio_q75"])
    assert (second["ratio"], second["note"]) == ("", "absent: not_to_be_found is not installed")
    assert "pools 2 of 2: second: one absent: not_to_be_found is not installed" in capsys.readouterr().err
    assert (tmp_path / "machine.json").is_file()


def test_a_suite_of_which_nothing_can_be_measured_says_so(
    children: Children, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        SUITES, "pools", lambda: [BenchmarkCase("q", (contend("a", "failing"), contend("b", "failing")))]
    )
    with pytest.raises(PoolscopeError, match=r"nothing could be measured \(a: ValueError: no use; b: .*\)\.$"):
        measure_suite("pools", tmp_path, Pace(1, 1, 0.0), order_cores(None))


def test_two_threads_need_two_cores(tmp_path: Path) -> None:
    with pytest.raises(PoolscopeError, match=r"needs two cores, and this process may use 1 only"):
        measure_suite("sweep", tmp_path, Pace(1, 1, 0.0), [0])
    assert not list(tmp_path.iterdir())


def test_the_machine_has_no_name() -> None:
    told = str(describe_machine())
    assert os.uname().nodename not in told and str(Path.home()) not in told
