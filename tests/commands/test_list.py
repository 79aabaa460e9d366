"""`poolscope list`: operators, data sets, measurements, studies and runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_records import make_config, make_record, write_study
from processes import run_command

from poolscope.commands import list as listing
from poolscope.measures.columns import MEASUREMENTS
from poolscope.spec.operators import OPERATORS


def listed(*words: str) -> str:
    status, output, errors = run_command("list", *words)
    assert (status, errors) == (0, "")
    return output


def test_operators_are_listed_with_definition_options_and_source() -> None:
    assert listed() == listed("pools")
    rows = {row["pool="]: row for row in listing._find_rows("pools", "results", None)}
    assert list(rows) == list(OPERATORS)
    assert rows["lp"]["options"] == ", ".join(f"{name}={value}" for name, value in OPERATORS["lp"].defaults.items())
    assert rows["stochastic"]["random"] == "in training" and rows["max"]["random"] == ""
    assert rows["gem"]["parameters"] == OPERATORS["gem"].learnable
    assert OPERATORS["gem"].source in rows["gem"]["source"]


def test_data_sets_and_measurements_are_listed() -> None:
    assert "digits" in listed("data") and "mnist" in listed("data")
    rows = listing._find_rows("measures", "results", None)
    assert len(rows) == sum(len(measurement.columns) for measurement in MEASUREMENTS.values())


def test_studies_and_their_runs_are_listed(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = [make_record(make_config(pool), seed) for pool in ("max", "avg") for seed in (0, 1)]
    write_study(results, [*records, make_record(make_config("min"), 0, 0, "failed", "no memory")])
    studies = {row["study"]: row for row in listing._find_rows("studies", str(results), None)}
    assert studies["made"]["records"] == 5
    every, named = (listing._find_rows("runs", str(results), study) for study in (None, "made"))
    keys = [[(row["digest"], row["seed"], row["status"]) for row in rows] for rows in (every, named)]
    assert keys[0] == keys[1] and len(named) == 5
    assert "no memory" in listed("runs", "made", f"results={results}")


def test_the_lists_are_completed_and_then_the_studies() -> None:
    assert listing.complete([""]) == list(listing.LISTS)
    assert listing.complete(["runs", ""]) is None
    assert listing.complete(["data", ""]) == []
