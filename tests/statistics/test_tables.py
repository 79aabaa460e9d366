"""Records to tables: what a row holds, what survives a round trip, and what damage is answered with."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_records import CLASSES, EPOCHS, TEST_SIZE, make_config, make_record, write_study

from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import record_path, study_folder
from poolscope.statistics.tables import (
    NAMES,
    Tables,
    collect,
    list_studies,
    read_map,
    sum_confusion,
    tally_revisions,
    write_csv,
    write_tables,
)
from poolscope.store.record import unpack_bits


def _bytes(tables: Tables, folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in write_tables(tables, folder)}


@pytest.fixture
def records() -> list:
    done = [make_record(make_config(pool), seed) for pool in ("max", "avg") for seed in (0, 1)]
    failed = make_record(make_config("min"), 0, status="failed", reason="MemoryError: out of\n memory")
    diverged = make_record(make_config("min"), 1, status="diverged", reason="the loss was not finite at step 40")
    return [*done, failed, diverged]


def test_a_row_of_runs_is_the_record(results: Path, records: list) -> None:
    write_study(results, records)
    runs = collect(results, "made").runs
    assert len(runs) == 6
    for record in records[:4]:
        row = runs[(runs["digest"] == record.digest) & (runs["seed"] == record.seed)].iloc[0]
        assert row["pool.name"] == record.config["pool"]["name"]
        assert row["pool.window"] == 2
        assert row["status"] == "done"
        assert math.isnan(row["pool.p"])
        for name, value in record.scalars.items():
            assert row[name] == value
        assert np.mean(unpack_bits(row["test_correct"])) == row["test_accuracy"]
    assert "data.dir" not in runs


def test_runs_that_failed_or_diverged_stay_with_their_reason(results: Path, records: list) -> None:
    write_study(results, records)
    runs = collect(results, "made").runs.set_index(["pool.name", "seed"])
    assert runs.loc[("min", 0), ["status", "reason"]].tolist() == ["failed", "MemoryError: out of memory"]
    assert runs.loc[("min", 1), ["status", "reason"]].tolist() == ["diverged", "the loss was not finite at step 40"]
    assert math.isnan(runs.loc[("min", 1), "test_accuracy"])


def test_a_new_scalar_becomes_a_column_by_itself(results: Path, records: list) -> None:
    measured = replace(records[0], scalars={**records[0].scalars, "aliasing": 0.25})
    write_study(results, [measured, *records[1:]])
    runs = collect(results, "made").runs
    assert runs["aliasing"].dropna().tolist() == [0.25]


def test_curves_have_a_row_per_epoch(results: Path, records: list) -> None:
    write_study(results, records)
    curves = collect(results, "made").curves
    assert list(curves)[:4] == ["digest", "seed", "epoch", "step"]
    chosen = curves[(curves["digest"] == records[0].digest) & (curves["seed"] == 0)]
    assert chosen["epoch"].tolist() == list(range(EPOCHS + 1))
    assert chosen["val_loss"].tolist() == records[0].curves["val_loss"]


def test_confusion_sums_over_the_chosen_seeds(results: Path, records: list) -> None:
    write_study(results, records)
    confusion = collect(results, "made").confusion
    name = records[0].digest
    assert (sum_confusion(confusion, name, [0, 1]) == np.add(records[0].confusion, records[1].confusion)).all()
    assert sum_confusion(confusion, name, [1]).tolist() == records[1].confusion
    assert sum_confusion(confusion, name, [0, 1]).sum() == 2 * TEST_SIZE
    assert sum_confusion(confusion, name, [0]).shape == (CLASSES, CLASSES)
    assert sum_confusion(confusion, name, [7]).size == 0


def test_maps_read_back_to_three_digits(results: Path, records: list) -> None:
    write_study(results, records)
    maps = collect(results, "made").feature_maps
    kept = records[0].feature_maps
    before, after = (read_map(maps, records[0].digest, 1, moment) for moment in ("before", "after"))
    assert sorted(before) == [0, 1]
    np.testing.assert_allclose(before[1], kept["stages"][0]["before"][1], rtol=5e-3)
    np.testing.assert_allclose(after[0], kept["stages"][0]["after"][0], rtol=5e-3)
    np.testing.assert_allclose(read_map(maps, records[0].digest, 0, "image")[0], kept["image"], rtol=5e-3)
    assert read_map(maps, records[0].digest, 2, "before") == {}


def test_tables_are_the_same_bytes_from_records_and_from_themselves(results: Path, records: list) -> None:
    write_study(results, records)
    folder = study_folder(results, "made") / "tables"
    first = _bytes(collect(results, "made"), folder)
    assert _bytes(collect(results, "made"), folder) == first
    for record in records:
        record_path(results, "made", record.digest, record.seed).unlink()
    again = collect(results, "made")
    assert _bytes(again, folder) == first
    assert set(first) == {f"{name}.csv" for name in NAMES}


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_every_float_reads_back_the_same(tmp_path_factory: pytest.TempPathFactory, values: list[float]) -> None:
    path = tmp_path_factory.mktemp("csv") / "frame.csv"
    write_csv(pd.DataFrame({"value": values}), path)
    assert [float(line) for line in path.read_text().splitlines()[1:]] == values


def test_a_study_continues_from_committed_tables(results: Path, records: list) -> None:
    write_study(results, records[:3])
    write_tables(collect(results, "made"), study_folder(results, "made") / "tables")
    for record in records[:3]:
        record_path(results, "made", record.digest, record.seed).unlink()
    better = replace(records[0], scalars={**records[0].scalars, "test_loss": 0.125})
    write_study(results, [better, records[3]])
    tables = collect(results, "made")
    assert len(tables.runs) == 4
    mine = tables.runs[(tables.runs["digest"] == better.digest) & (tables.runs["seed"] == 0)]
    assert mine["test_loss"].tolist() == [0.125]  # the record here wins over the committed row
    assert len(tables.curves) == 4 * (EPOCHS + 1)
    assert sum_confusion(tables.confusion, better.digest, [0, 1]).sum() == 2 * TEST_SIZE


def test_a_digest_of_digits_stays_text(results: Path, records: list) -> None:
    config = {**records[0].config, "pool": {**records[0].config["pool"], "of_another_schema": 1}}
    numeric = [
        replace(record, digest=digest, config=config)
        for record, digest in zip(records, ("012345678912", "1234567890e1"), strict=False)
    ]
    write_study(results, numeric)
    write_tables(collect(results, "made"), study_folder(results, "made") / "tables")
    for record in numeric:
        record_path(results, "made", record.digest, record.seed).unlink()
    tables = collect(results, "made")
    assert tables.runs["digest"].tolist() == ["012345678912", "1234567890e1"]
    assert tables.runs["provenance.git"].tolist() == ["0123456", "0123456"]


def test_a_damaged_record_is_named_and_the_others_are_read(results: Path, records: list) -> None:
    write_study(results, records)
    torn = record_path(results, "made", records[0].digest, 0)
    torn.write_text(torn.read_text()[:100])
    misshapen = record_path(results, "made", records[1].digest, 1)
    content = json.loads(misshapen.read_text())
    content["curves"]["val_loss"].pop()
    misshapen.write_text(json.dumps(content))
    tables = collect(results, "made")
    assert len(tables.runs) == 4
    assert len(tables.damaged) == 2
    assert all("damaged" in sentence for sentence in tables.damaged)
    assert any(str(torn) in sentence for sentence in tables.damaged)
    assert any(str(misshapen) in sentence for sentence in tables.damaged)


def test_a_damaged_table_is_refused_by_name(results: Path, records: list) -> None:
    write_study(results, records)
    folder = study_folder(results, "made") / "tables"
    write_tables(collect(results, "made"), folder)
    (folder / "curves.csv").write_text("digest,epoch\nabc,1\n")
    with pytest.raises(PoolscopeError, match=r"curves\.csv lacks the column seed"):
        collect(results, "made")
    (folder / "curves.csv").write_text('"digest\n')
    with pytest.raises(PoolscopeError, match=r"curves\.csv is damaged|curves\.csv lacks"):
        collect(results, "made")


def test_an_unknown_study_gets_a_sentence_with_those_that_exist(results: Path, records: list) -> None:
    with pytest.raises(PoolscopeError, match=r"'nowhere' has no records .* no study exists there yet"):
        collect(results, "nowhere")
    write_study(results, records)
    with pytest.raises(PoolscopeError, match="the studies that exist there are made"):
        collect(results, "nowhere")


def test_studies_are_listed_without_opening_their_records(results: Path, records: list) -> None:
    write_study(results, records)
    record_path(results, "made", records[0].digest, 0).write_text("not a record")
    listed = list_studies(results).set_index("study")
    assert listed.loc["made", "records"] == 6
    assert not listed.loc["made", "report"]
    assert listed.loc["pool_type", "protocol"]
    assert listed.loc["pool_type", "records"] == 0


def test_revisions_are_counted_over_finished_runs(results: Path, records: list) -> None:
    mixed = [
        replace(record, provenance={"git_revision": revision})
        for record, revision in zip(records, ("aa", "bb", "bb", "bb", "cc", "cc"), strict=True)
    ]
    write_study(results, mixed)
    assert tally_revisions(collect(results, "made").runs) == {"bb": 3, "aa": 1}


def test_maps_are_kept_for_the_lowest_seed_that_has_them(results: Path, records: list) -> None:
    maps = records[0].feature_maps
    full = [replace(record, feature_maps=maps if record.status == "done" else {}) for record in records]
    write_study(results, [*full[:2], replace(full[2], feature_maps={}), full[3]])
    kept = collect(results, "made").feature_maps
    assert set(zip(kept["digest"], kept["seed"], strict=True)) == {(records[0].digest, 0), (records[3].digest, 1)}
