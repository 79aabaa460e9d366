"""Runs in trackers, offline: what each has in its own files."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from made_records import EPOCHS, make_config, make_record, write_study

from poolscope.reports import trackers
from poolscope.reports.load import load
from poolscope.reports.trackers import TRACKERS, list_tracked, write_tracked
from poolscope.spec.errors import PoolscopeError


@pytest.fixture
def selected(results: Path) -> tuple[Any, Any]:
    write_study(results, [make_record(make_config(pool), seed) for pool in ("max", "avg") for seed in (0, 1)])
    study = load("made", results)
    return study.select(arms=["avg"]), study.tables


def test_runs_have_their_configuration_curves_and_values(selected: tuple[Any, Any]) -> None:
    runs = list(list_tracked(*selected))
    assert [run.name for run in runs] == [f"mnist {pool} seed {seed}" for pool in ("max", "avg") for seed in (0, 1)]
    run = runs[-1]
    assert run.config["pool.name"] == run.config["arm"] == "avg" and run.config["optim.learning_rate"] == "0.05"
    assert [step for step, _ in run.curves] == [50 * epoch for epoch in range(EPOCHS + 1)]
    assert {"val_accuracy", "train_eval_loss", "epoch"} <= set(run.curves[0][1])
    assert 0 < run.scalars["test_accuracy"] < 1 and "seed" not in run.scalars


def read_events(file: Path) -> Iterator[Any]:
    """The events of a TensorBoard file: length, its checksum, content, its checksum."""
    from tensorboardX.proto.event_pb2 import Event

    content = file.read_bytes()
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        yield Event.FromString(content[12 : 12 + length])
        content = content[16 + length :]


def test_tensorboard_reads_curves_and_final_values(selected: tuple[Any, Any], tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    assert write_tracked("tensorboard", *selected, "made", tmp_path / "out", False) == 4
    (file,) = (tmp_path / "out" / "mnist_avg_seed_1").glob("events*")
    values = [(event.step, one.tag) for event in read_events(file) for one in event.summary.value]
    assert [step for step, tag in values if tag == "val_accuracy"] == [50 * epoch for epoch in range(EPOCHS + 1)]
    assert (50 * EPOCHS, "final/test_accuracy") in values


@pytest.mark.long
def test_mlflow_keeps_runs_in_a_file(selected: tuple[Any, Any], tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    pytest.importorskip("alembic")
    assert write_tracked("mlflow", *selected, "made", tmp_path / "out", False) == 4
    with sqlite3.connect(tmp_path / "out" / "mlflow.db") as database:
        counted = database.execute("select count(*) from metrics where key = 'val_accuracy'").fetchone()
        values = database.execute("select distinct value from params where key = 'pool.name'").fetchall()
    assert counted == (4 * (EPOCHS + 1),) and set(values) == {("max",), ("avg",)}


@pytest.mark.long
def test_wandb_writes_offline_runs(selected: tuple[Any, Any], tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    assert write_tracked("wandb", *selected, "made", tmp_path / "out", False) == 4
    assert len(list((tmp_path / "out" / "wandb").glob("offline-run-*"))) == 4


@pytest.mark.parametrize("form", list(TRACKERS))
def test_a_tracker_that_is_not_installed_names_its_extra(
    form: str, selected: tuple[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(trackers.TRACKERS, form, ("no_such_package", TRACKERS[form][1]))
    with pytest.raises(PoolscopeError, match=rf"--to {form} needs a package.*pip install '\.\[{form}\]'"):
        write_tracked(form, *selected, "made", tmp_path / "out", False)
    assert not (tmp_path / "out").exists()


def test_runs_are_not_added_to_others_unasked(selected: tuple[Any, Any], tmp_path: Path) -> None:
    (tmp_path / "other").write_text("")
    with pytest.raises(PoolscopeError, match="add them with --force"):
        write_tracked("tensorboard", *selected, "made", tmp_path, False)
