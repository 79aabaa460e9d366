"""A study's rows are rerun as recorded and compared; what may differ depends on what changed in between."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_records import make_config, make_record, write_study

from poolscope.cli import main
from poolscope.commands import reproduce
from poolscope.commands.reproduce import RerunCheck, compare_run, describe_check, describe_checks, reproduce_study
from poolscope.data.datasets import DATASETS, open_digits
from poolscope.spec.compose import compose_runs
from poolscope.spec.config import RunConfig, digest
from poolscope.spec.errors import PoolscopeError
from poolscope.statistics.tables import collect, tabulate_run, write_tables
from poolscope.store.cells import read_config
from poolscope.store.record import RunRecord

RESULTS = Path(__file__).parents[2] / "results"
STUDIES = sorted(path.parents[1].name for path in RESULTS.glob("*/tables/runs.csv"))
QUICK = ["train.steps=3", "model.width=2", "data.train_eval_size=50", "study=mini", "seeds=[0]", "measure=none"]
QUICK += ["model.blocks=1", "model.pool_stages=1"]
HERE: dict[str, Any] = {"git_revision": "aa", "processor": "this", "versions": {"jax": "1"}}


def make_run(seed: int, **changes: Any) -> RunRecord:
    return replace(make_record(make_config(), seed), provenance=HERE | changes)


def make_rows(results: Path, *records: RunRecord) -> list[dict[str, str]]:
    write_study(results, records)
    return [tabulate_run(row) for row in collect(results, "made").runs.to_dict("records")]


def test_a_study_comes_out_the_same_from_its_committed_table(results: Path, tmp_path: Path) -> None:
    """Also where a whole-number key is empty in other rows: blur has a filter size, max has none."""
    with pytest.raises(SystemExit) as ended:
        main(["train", "-m", "data=digits", "pool=max,blur", *QUICK, f"results={results}"])
    assert ended.value.code == 0
    write_tables(collect(results, "mini"), tmp_path / "clone" / "mini" / "tables")
    said: list[str] = []
    assert reproduce_study(str(tmp_path / "clone"), "mini", None, said.append)
    assert said == [
        "digits blur seed 0: the same to the last bit",
        "digits max seed 0: the same to the last bit",
        "Reproduced: 2 of 2 runs of mini were rerun; 2 came out the same to the last bit.",
    ]
    assert sorted(path.name for path in (tmp_path / "clone").iterdir()) == ["mini"]


@pytest.mark.parametrize("study", [*STUDIES[:1], *(pytest.param(s, marks=pytest.mark.long) for s in STUDIES[1:])])
def test_every_committed_row_passes_the_check_of_the_schema(study: str) -> None:
    with (RESULTS / study / "tables" / "runs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    seen = {row["digest"]: row for row in rows}
    assert len(rows) == len(collect(RESULTS, study).runs)
    for row in seen.values():
        assert digest(reproduce._read_checked(row, study)) == row["digest"]


def test_every_condition_that_changed_is_named(results: Path) -> None:
    record = make_run(0)
    (row,) = make_rows(results, record)
    for changes, named in (
        ({}, ()),
        ({"git_revision": "bb"}, ("code revision",)),
        ({"git_revision": "aa+"}, ("code revision",)),
        ({"processor": "other", "versions": {"jax": "2"}}, ("processor", "jax")),
        ({"seeds_together": 2}, ("seeds trained together (not recorded)",)),
    ):
        assert compare_run(row, make_run(0, **changes), [row]).changed == named


def test_one_scalar_off_by_the_last_bit_is_noticed(results: Path) -> None:
    record = make_run(0)
    (row,) = make_rows(results, record)
    assert compare_run(row, record, [row]).exact
    for name in ("test_loss", "macs"):
        off = math.nextafter(record.scalars[name], math.inf)
        found = compare_run(row, replace(record, scalars={**record.scalars, name: off}), [row])
        assert not found.exact and not found.agrees
    newer = replace(record, scalars={**record.scalars, "accuracy_corrupted": 0.5})
    assert compare_run(row, newer, [row]).exact, "a measure that the table doesn't have"
    assert compare_run(row | {"accuracy_corrupted": ""}, newer, [row]).exact, "nor this row of it"
    unknown = {"accuracy_corrupted": "", "provenance.unmeasured": "accuracy_corrupted: a logit is not finite"}
    assert not compare_run(row | unknown, newer, [row]).exact
    slower = replace(record, scalars={**record.scalars, "seconds_train": 9.0})
    assert compare_run(row, slower, [row]).exact


def test_the_spread_is_what_two_seeds_differ_by(results: Path) -> None:
    records = [make_run(seed) for seed in (0, 1)]
    rows = make_rows(results, *records)
    first, second = (record.scalars["test_accuracy"] for record in records)
    assert compare_run(rows[0], records[0], rows).spread == pytest.approx(2 * abs(first - second))
    assert math.isnan(compare_run(rows[0], records[0], rows[:1]).spread)


EXACT = RerunCheck("exact", True, (), 0.5, 0.5, 0.02)
SAME = RerunCheck("same", False, (), 0.5, 0.501, 0.02)
NEAR = RerunCheck("near", False, ("code revision", "jax"), 0.5, 0.51, 0.02)
FAR = RerunCheck("far", False, ("processor",), 0.5, 0.53, 0.02)
SINGLE = RerunCheck("single", False, ("processor",), 0.5, 0.51, math.nan)


@pytest.mark.parametrize(
    ("check", "agrees", "said"),
    [
        (EXACT, True, "exact: the same to the last bit"),
        (SAME, False, "same: test accuracy 50.10% instead of 50.00%, under the same conditions"),
        (
            NEAR,
            True,
            "near: test accuracy 51.00% instead of 50.00% (two seeds differ by 2.00%), under other conditions: "
            "code revision, jax",
        ),
        (
            FAR,
            False,
            "far: test accuracy 53.00% instead of 50.00% (two seeds differ by 2.00%), under other "
            "conditions: processor",
        ),
        (
            SINGLE,
            False,
            "single: test accuracy 51.00% instead of 50.00% (its configuration has one seed only), under "
            "other conditions: processor",
        ),
    ],
)
def test_a_rerun_is_described(check: RerunCheck, agrees: bool, said: str) -> None:
    assert check.agrees is agrees and describe_check(check) == said


@pytest.mark.parametrize(
    ("checks", "said"),
    [
        ([EXACT, EXACT], "Reproduced: 2 of 9 runs of s were rerun; 2 came out the same to the last bit."),
        (
            [EXACT, NEAR],
            "Reproduced: 2 of 9 runs of s were rerun; 1 came out the same to the last bit, 1 under other conditions "
            "within what two seeds differ by.",
        ),
        (
            [SINGLE],
            "Not decided: 1 of 9 runs of s were rerun; 0 came out the same to the last bit, 1 under other conditions "
            "can't be judged, with one seed.",
        ),
        (
            [SAME, FAR, SINGLE],
            "Not reproduced: 3 of 9 runs of s were rerun; 0 came out the same to the last bit, 1 under other "
            "conditions can't be judged, with one seed, 2 differ by more than they may.",
        ),
    ],
)
def test_all_reruns_are_described(checks: list[RerunCheck], said: str) -> None:
    assert describe_checks("s", checks, 9) == said


@pytest.mark.parametrize(
    "words",
    [
        ["experiment=pool_type", "data=mnist_padded", "pool=blur"],
        ["pool=max", "pool.padding=[[0,1],[0,1]]", "pool.window=[2,3]", "data.train_size=null", "optim.clip_norm=1"],
        ["model.pool_after=[1,3]", "data.label_noise=0.1", "pool=gated", "train.steps=7", "optim=adamw"],
    ],
)
def test_a_row_holds_its_whole_configuration(words: list[str], results: Path) -> None:
    (config, *_) = compose_runs(words).configs
    config.study = "made"
    other = RunConfig(data=config.data, pool=make_config("avg").pool)  # with empty cells where this one has values
    other.study = "made"
    write_study(results, [make_record(config, 0), make_record(other, 0)])
    rows = [tabulate_run(row) for row in collect(results, "made").runs.to_dict("records")]
    assert [digest(read_config(row)) for row in rows] == [row["digest"] for row in rows]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError("truncated"), r"The 'train' split of digits cannot be read \(OSError: truncated\)\."),
        (PoolscopeError("The cache can't be written."), r"The cache can't be written\."),
    ],
)
def test_images_that_can_t_be_read_are_found_before_the_first_rerun(
    error: Exception, said: str, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config(data="digits")
    config.data.source = "digits"
    write_study(results, [make_record(config, 0)])

    def read(split: str) -> None:
        raise error

    monkeypatch.setitem(DATASETS, "digits", lambda config: replace(open_digits(config), read=read))
    monkeypatch.setattr("poolscope.runs.run.run_config", lambda *given: pytest.fail("it was rerun"))
    with pytest.raises(PoolscopeError, match=said):
        reproduce_study(str(results), "made", None, print)


def test_rows_of_another_schema_studies_without_rows_and_failed_reruns_are_refused(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config(data="digits")
    config.data.source = "digits"
    write_study(results, [make_record(config, 0, status="failed", reason="no")])
    with pytest.raises(PoolscopeError, match="no finished runs"):
        reproduce_study(str(results), "made", None, print)
    write_study(results, [make_record(config, 1)])

    def fail(config: RunConfig, progress: object) -> list[RunRecord]:
        return [make_record(config, 1, status="failed", reason="no memory")]

    monkeypatch.setattr("poolscope.runs.run.run_config", fail)
    with pytest.raises(PoolscopeError, match=r"The rerun of \w+ seed 1 failed: no memory\."):
        reproduce_study(str(results), "made", None, print)
    record = make_record(config, 0)
    other = {**record.config, "pool": {**record.config["pool"], "of_another_schema": 1}}
    write_study(results, [replace(record, study="mine", digest="0123456789ab", config=other)])
    with pytest.raises(PoolscopeError, match="another version's schema"):
        reproduce_study(str(results), "mine", None, print)
