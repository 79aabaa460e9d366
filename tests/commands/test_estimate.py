"""Time and size of runs to do: by hand from records of chosen seconds, and from a probe of chosen speed."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from made_records import make_config, make_record, write_study

from poolscope.commands import estimate
from poolscope.commands.estimate import count_work, estimate_by_probe, estimate_by_records
from poolscope.spec.compose import compose_runs
from poolscope.spec.config import RunConfig
from poolscope.store.finished import open_finished

TINY = ("data=digits", "train.epochs=2", "train.batch_size=100", "model.blocks=0", "model.pool_stages=0")


def compose(*words: str) -> RunConfig:
    (config,) = compose_runs([*TINY, "model.head=flatten", *words]).configs
    return config


def test_work_is_macs_times_images_by_hand() -> None:
    assert count_work(compose()) == 64 * 10 * 2 * 12 * 100  # a linear layer; 12 whole batches of 1,200 images


def test_without_a_finished_run_nothing_is_known(results: Path) -> None:
    assert estimate_by_records([(compose(), 1)], open_finished(str(results), "made")) is None


def test_records_without_their_seconds_tell_nothing(results: Path) -> None:
    write_study(results, [make_record(make_config(), 0)])
    finished = open_finished(str(results), "made")
    assert estimate_by_records([(compose(), 1)], finished) is None


def test_the_same_configuration_takes_what_it_took_and_others_in_proportion(results: Path) -> None:
    records = [make_record(make_config("max"), seed) for seed in (0, 1)]
    for record, seconds in zip(records, (20.0, 40.0), strict=True):
        record.provenance["seconds"] = seconds
    write_study(results, records)
    finished = open_finished(str(results), "made")
    known = estimate_by_records([(make_config("max"), 3)], finished)
    assert known is not None
    assert (known.seconds, known.source) == (90, "the 2 recorded")
    sizes = [path.stat().st_size for path in (results / "runs" / "made").glob("*/seed-*.json")]
    assert known.bytes == pytest.approx(3 * sum(sizes) / 2)
    scalars, batch = records[0].scalars, records[0].config["train"]["batch_size"]
    rate = 30 / (scalars["macs"] * scalars["steps"] * batch)
    other = estimate_by_records([(compose(), 2), (make_config("max"), 1)], finished)
    assert other is not None
    assert other.seconds == pytest.approx(30 + 2 * rate * count_work(compose()))


def test_a_probe_counts_compiling_once_and_steps_and_evaluations_for_each_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "_probe", lambda config: (5.0, 0.1, 0.001))
    one, twice = compose(), compose("train.epochs=4")
    held_out = one.data.train_eval_size + 300
    counts = {"data.val": 300, "data.test": 297}
    monkeypatch.setattr("poolscope.data.datasets.count_images", lambda data: counts)
    fit = 2 * 12 * 0.1 + 0.001 * (3 * held_out + 2 * 297)  # two evaluations in training and one after it
    found = estimate_by_probe([(one, 3), (twice, 1)])
    assert math.isclose(found.seconds, 2 * 5.0 + 3 * fit + 2 * fit)
    assert found.bytes == 4 * estimate.RECORD_BYTES


def test_a_real_probe_compiles_and_steps() -> None:
    compiling, step, image = estimate._probe(compose())
    assert min(compiling, step, image) > 0
