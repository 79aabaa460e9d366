"""The cores that a process may use."""

from __future__ import annotations

import os

import pytest

from poolscope.process.cores import list_cores


def test_they_are_those_that_the_process_may_run_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {5, 2}, raising=False)
    assert list_cores() == [2, 5]


def test_where_the_system_knows_no_affinity_they_are_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert list_cores() == [0, 1, 2]
