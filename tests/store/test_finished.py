"""A study goes on where its committed tables end: what they hold as done is not run again, elsewhere."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest
from made_records import make_config, make_record, write_study

from poolscope.cli import main
from poolscope.spec.compose import compose_runs
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import record_path
from poolscope.statistics.tables import collect, write_tables
from poolscope.store.committed import read_table
from poolscope.store.finished import identify, open_finished
from poolscope.store.record import RunRecord, read_record

QUICK = [
    "train.steps=2",
    "model.width=2",
    "model.blocks=1",
    "model.pool_stages=1",
    "data.train_eval_size=50",
    "study=mine",
]


def train(results: Path, *words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["train", *QUICK, f"results={results}", *words])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def commit(results: Path) -> Path:
    """Write the study's tables and take its records away, as in a clone of a repository."""
    folder = results / "mine" / "tables"
    write_tables(collect(results, "mine"), folder)
    shutil.rmtree(results / "runs")
    return folder


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each record is parsed in this process, by its path below the study's folder."""
    counts: Counter[str] = Counter()

    def count(path: Path) -> RunRecord:
        counts[f"{path.parent.name}/{path.name}"] += 1
        return read_record(path)

    monkeypatch.setattr("poolscope.store.record.read_record", count)
    return counts


def test_a_record_is_parsed_once_until_it_changes(results: Path, parsed: Counter[str]) -> None:
    records = [make_record(make_config(), seed) for seed in (0, 1)]
    write_study(results, records)
    finished = open_finished(str(results), "made")
    for _ in range(3):
        for record in records:
            assert not finished.lacks(record.key) and finished.record(record.key) == record
            assert (outcome := finished.outcome(record.key)) and outcome.scalars == record.scalars
    assert list(parsed.values()) == [1, 1]
    write_study(results, [make_record(make_config(), 1, status="failed", reason="no memory")])
    assert finished.lacks(records[1].key) and not finished.lacks(records[0].key)
    assert sorted(parsed.values()) == [1, 2]


def test_a_study_is_continued_from_its_committed_table(
    results: Path, capsys: pytest.CaptureFixture[str], parsed: Counter[str]
) -> None:
    first, second = compose_runs([*QUICK, "pool=max,avg"], True).configs
    write_study(results, [make_record(first, seed) for seed in (0, 1)])
    folder = commit(results)
    parsed.clear()
    before = read_table(results, "mine", "runs")
    capsys.readouterr()
    assert train(results, "seeds=[0,1]") == 0
    said = capsys.readouterr().err
    assert "Nothing to run: all 2 runs" in said and "2 of 2 runs done, 2 of them by the committed table." in said
    assert not list(results.rglob("seed-*.json"))
    write_study(results, [make_record(second, seed) for seed in (1, 2)])
    assert train(results, "-m", "seeds=[1,2]", "pool=max,avg") == 0  # trains max with seed 2
    said = capsys.readouterr().err
    assert "4 of 4 runs done, 1 of them by the committed table, 1 of them at chance." in said
    assert set(parsed.values()) == {1}
    assert sorted(path.name for path in results.rglob("seed-*.json")) == ["seed-1.json", "seed-2.json", "seed-2.json"]
    write_tables(collect(results, "mine"), folder)
    after = {(row["pool.name"], row["seed"]): row for row in read_table(results, "mine", "runs")}
    assert sorted(after) == [("avg", "1"), ("avg", "2"), ("max", "0"), ("max", "1"), ("max", "2")]
    for row in before:
        assert row.items() <= after["max", row["seed"]].items()


def test_a_record_in_another_run_s_place_is_not_that_run(results: Path) -> None:
    config, other = make_config(), make_config("avg")
    write_study(results, [make_record(config, 0)])
    path = record_path(results, "made", *identify(config, 0))
    for key, study in ((identify(config, 1), "made"), (identify(other, 0), "made"), (identify(config, 0), "mine")):
        target = record_path(results, study, *key)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
        with pytest.raises(PoolscopeError, match=rf"{target.name} is out of place: it holds \w+/seed-0.json of study"):
            open_finished(str(results), study).lacks(key)


def test_another_configuration_and_an_unfinished_run_are_not_done_by_the_table(results: Path) -> None:
    config, other = make_config(), make_config(pool__window=3)
    write_study(results, [make_record(config, 0), make_record(config, 1, status="diverged", reason="no")])
    write_tables(collect(results, "made"), results / "made" / "tables")
    shutil.rmtree(results / "runs")
    finished = open_finished(str(results), "made")
    assert [finished.lacks(identify(config, seed)) for seed in (0, 1, 2)] == [False, True, True]
    assert finished.lacks(identify(other, 0))
    assert open_finished(str(results), "other").committed == {}
    write_study(results, [make_record(config, 0, status="failed", reason="no memory")])
    assert finished.lacks(identify(config, 0)) and not finished.only_committed(identify(config, 0))


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("status", "state", 1),
        lambda text: text.replace(",done,", ",don,", 1),
        lambda text: "<<<<<<< HEAD\n" + text,
        lambda text: text.replace("\n", '\n"', 1),
        lambda text: text + "\0\n",
        lambda text: text + "\udcff",
        lambda text: "",
    ],
)
def test_a_damaged_table_is_refused_before_anything_runs(
    damage: object, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_study(results, [make_record(make_config(), seed) for seed in (0, 1)])
    folder = results / "mine" / "tables"
    write_tables(collect(results, "made"), folder)
    path = folder / "runs.csv"
    path.write_text(damage(path.read_text()), errors="surrogateescape")  # type: ignore[operator]
    assert train(results) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1 and str(path) in said and "restore it from git" in said


def test_a_table_that_is_a_loop_of_links_is_refused(results: Path) -> None:
    path = results / "mine" / "tables" / "runs.csv"
    path.parent.mkdir(parents=True)
    path.symlink_to(path)
    with pytest.raises(PoolscopeError, match=r"runs\.csv"):
        open_finished(str(results), "mine")
