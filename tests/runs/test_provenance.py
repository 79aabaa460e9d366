"""Provenance: what was installed, where it ran, and the commit, marked where files differ from it."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from poolscope.runs import provenance
from poolscope.runs.provenance import count_threads, describe_provenance, read_revision


def test_it_names_versions_device_and_time() -> None:
    found = describe_provenance(datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC))
    assert found["started"] == "2026-01-02T03:04:05+00:00"
    assert {"poolscope", "jax", "jaxlib", "flax", "optax", "numpy"} == set(found["versions"])
    assert found["device"].startswith("cpu") and found["devices"] >= 1 and found["threads"].isdecimal()


def test_threads_are_those_that_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPROC", "3")
    assert count_threads() == "3"
    monkeypatch.delenv("NPROC")
    assert int(count_threads()) >= 1


def test_a_revision_is_marked_where_files_differ_and_empty_without_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "provenance.py"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert read_revision() == ""

    def git(*words: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        command = ["git", *identity, "-C", str(tmp_path), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    (tmp_path / "file").write_text("one")
    git("init", "-q")
    git("add", "file")
    git("commit", "-qm", "one")
    assert read_revision() == git("rev-parse", "HEAD")
    (tmp_path / "file").write_text("two")
    assert read_revision() == git("rev-parse", "HEAD") + "+"
