"""What the explorer is told of studies: arms, runs, numbers of images and the ledger's claims."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_records import make_config, make_record, write_study
from scipy import stats

from poolscope.reports.explorer_tables import describe_study, list_claims, list_evidence
from poolscope.statistics.claims import read_claims
from poolscope.statistics.tables import collect, write_tables

RESULTS = Path(__file__).resolve().parents[2] / "results"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    configs = [make_config(pool, data__train_size=size) for pool in ("max", "avg") for size in (100, 400)]
    records = [make_record(config, seed) for config in configs for seed in range(3)]
    write_study(
        folder, [*records, make_record(make_config("min", data__train_size=100), 0, status="failed", reason="x")]
    )
    write_tables(collect(folder, "made"), folder / "made" / "tables")
    return folder


def test_runs_are_those_of_the_table(results: Path) -> None:
    (study,) = list_evidence(results)
    assert study == describe_study(results, "made")
    assert study["failed"] == 1
    runs = collect(results, "made").runs.set_index(["digest", "seed"])
    assert len(study["runs"]) == 12
    for place, seed, *values in study["runs"]:
        row = runs.loc[(study["arms"][place]["digest"], seed)]
        for name, value in zip(study["measures"], values, strict=True):
            assert value == pytest.approx(row[name], rel=1e-5)
    assert study["measures"][:2] == ["test_accuracy", "generalisation_gap"]
    assert study["t"] == pytest.approx(stats.t.ppf(0.975, [1, 2]), rel=1e-5)


def test_arms_of_a_family_differ_in_their_images_alone(results: Path) -> None:
    arms = describe_study(results, "made")["arms"]
    assert {arm["family"] for arm in arms} == {"mnist"}
    assert {arm["setting"] for arm in arms} == {"mnist, train_size=100", "mnist, train_size=400"}
    assert {(arm["arm"], arm["baseline"]) for arm in arms} == {("max", "max"), ("avg", "max")}
    assert all("data.train_size=" in arm["command"] and f"pool={arm['arm']}" in arm["command"] for arm in arms)
    shared = describe_study(results, "made")["shared"]
    assert shared["data.name"] == "mnist"
    assert all(set(arm["config"]) == {"data.train_size", "pool.name"} for arm in arms)


def test_the_committed_studies_vary_the_number_of_images() -> None:
    study = describe_study(RESULTS, "strength")
    pairs = {(arm["family"], arm["arm"], arm["images"]) for arm in study["arms"]}
    assert len(pairs) == len(study["arms"])
    assert {images for _, _, images in pairs} == {1000, 4000}


def test_claims_have_their_contrasts(tmp_path: Path) -> None:
    assert list_claims(tmp_path) == []
    claims = list_claims(RESULTS)
    assert [claim["number"] for claim in claims] == [claim.number for claim in read_claims()]
    for claim in claims:
        assert all(row["claim"] == claim["number"] for row in claim["verdicts"])
    (contrast,) = [row for row in claims[1]["verdicts"] if row["id"] == "2b"]
    assert contrast["low"] < contrast["effect"] < contrast["high"]
    assert contrast["verdict"] == "supported"
