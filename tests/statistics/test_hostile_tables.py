"""Changed records and tables are refused in one sentence, or read and written back as they were given."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from hostile_tables import try_record, try_table, whole, write_back
from made_records import make_config, make_record, write_study

from poolscope.spec.paths import record_path
from poolscope.statistics.tables import collect


@pytest.mark.parametrize("count", [8, pytest.param(120, marks=pytest.mark.long)])
@pytest.mark.parametrize("attempt", [try_table, try_record])
def test_random_changes_are_refused_or_kept(
    attempt: Any, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda file: None)
    numbers = range(13, 13 + count)  # among the first of them is each outcome
    outcomes = {attempt(random.Random(f"tests {number}"), tmp_path) for number in numbers}
    assert outcomes == {"refused", "unchanged", "taken as given"}


@pytest.mark.parametrize(
    ("place", "value", "why"),
    [
        ("scalars test_accuracy", 62.5, "test_accuracy must be from 0 to 1"),
        ("scalars test_accuracy", 0.5, "test_correct has"),
        ("scalars test_loss", -1.0, "test_loss must be at least 0"),
        ("scalars x", True, "wrong type"),
        ("config pool window", 3, "its configuration has the digest"),
        ("config pool window", None, "its configuration is not that of its digest"),
        ("config pool window", {}, "its configuration is not that of its digest"),
        ("config pool window", ..., "its configuration is not that of its digest"),
        ("config data path", "\ud83d", "'data.path' must be text, not '\\ud83d'"),
        ("provenance device", "\ud83d", "'provenance.device' must be text"),
        ("reason", "\udcff", "'reason' must be text"),
        ("scalars \ud83d", 1.0, "must be text"),
        ("config pool name", None, "pool.name must be a name"),
        ("config pool name", ..., "lacks pool.name"),
        ("config optim", ..., "its configuration is not that of its digest"),
        ("curves epoch", ..., "lacks epoch"),
        ("curves val_loss", [1.0], "misshapen"),
        ("curves val_accuracy", [1.5] * 7, "val_accuracy must be from 0 to 1"),
        ("confusion", [[1, 2], [3]], "no square matrix"),
        ("confusion", [[200]], "right, test_accuracy in runs.csv says"),
        ("confusion", [[-1]], "counts must be whole numbers"),
        ("confusion", [[200.5]], "counts must be whole numbers"),
        ("confusion", [[True]], "counts must be whole numbers"),
        ("confusion", [[float("inf")]], "counts must be whole numbers"),
        ("confusion", [[10**400]], "counts must be whole numbers"),
        ("scalars test_loss", 10**400, "test_loss must be a finite number"),
        ("curves val_loss", [10**400] * 7, "val_loss must be a finite number"),
        ("feature_maps image", [[10**400]], "misshapen"),
        ("feature_maps image", 3, "misshapen"),
        ("feature_maps stages", [{"stage": 1}], "misshapen"),
        ("seed", True, "wrong type"),
        ("reason", None, "wrong type"),
        ("study", "other", "is out of place"),
        ("seed", 1, "is out of place"),
    ],
)
def test_a_record_that_no_run_writes_is_left_out_and_named(place: str, value: Any, why: str, results: Path) -> None:
    """Without a checksum, as records of older versions are."""
    records = [make_record(make_config(), seed) for seed in (0, 1)]
    write_study(results, records)
    path = record_path(results, "made", *records[0].key)
    content = json.loads(path.read_text())
    del content["provenance"]["checksum"]
    *parents, key = place.split()
    part = content
    for name in parents:
        part = part[name]
    part.pop(key) if value is ... else part.__setitem__(key, value)
    path.write_text(json.dumps(content))
    found = collect(results, "made")
    assert len(found.runs) == 1 and len(found.damaged) == 1
    assert why in found.damaged[0] and str(path) in found.damaged[0]


@pytest.mark.parametrize("name", ["seed-0 copy.json", "seed-0 (1).json", "seed-00.json", "seed-2.json", "seed-x.json"])
def test_a_copy_beside_a_record_does_not_count(name: str, results: Path) -> None:
    records = [make_record(make_config(), seed) for seed in (0, 1)]
    write_study(results, records)
    path = record_path(results, "made", *records[0].key)
    shutil.copy(path, path.with_name(name))
    found = collect(results, "made")
    assert len(found.runs) == 2 and [name in sentence for sentence in found.damaged] == [True]


def test_what_is_sound_is_written_back_to_the_byte(tmp_path: Path) -> None:
    records, tables = whole()
    for path, content in records.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    assert write_back(collect(tmp_path, "made"), tmp_path) == tables
