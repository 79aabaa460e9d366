"""`poolscope tune` as typed: rounds, files and the study that reads them, really trained and with made-up records."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml
from made_records import make_record
from processes import run_command

from poolscope.commands import train
from poolscope.commands.checks import leave_out_impossible
from poolscope.commands.tune import prepare_tuning
from poolscope.spec.compose import compose_runs
from poolscope.spec.config import RunConfig, digest
from poolscope.spec.paths import record_path
from poolscope.store.record import read_record, write_record

pytestmark = pytest.mark.usefixtures("undrawn")
TINY = ["data=digits", "model.width=2", "model.blocks=1", "model.pool_stages=1", "train.steps=2", "train.batch_size=8"]
MADE = ["data=digits", "pool=max,avg", "study=mine"]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float]]:
    """Made-up records in place of training: max is best at 0.1, avg the higher the rate, lp diverges."""
    asked: list[tuple[str, float]] = []

    def record(config: RunConfig) -> None:
        asked.append((config.pool.name, config.optim.learning_rate))
        for seed in config.seeds:
            rate, pool = config.optim.learning_rate, config.pool.name
            made = make_record(config, seed, status="diverged" if pool == "lp" else "done", reason="nan")
            if pool != "lp":
                made.scalars["val_accuracy"] = 0.9 - abs(rate - 0.1) if pool == "max" else min(rate, 1.0)
            write_record(made, record_path(config.results, made.study, made.digest, seed))

    monkeypatch.setattr(train, "_launch", lambda hydra, composed, *others: [*map(record, composed.configs)])
    return asked


def test_a_study_is_tuned_and_reads_its_rates(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Really trained: the records have no test accuracy, and the printed command trains each arm at its rate."""
    monkeypatch.setattr("poolscope.statistics.tuning.widen", lambda tried, *_: tried)  # made-up records widen below
    words = [*TINY, "pool=max,avg", "study=mine", f"results={results}"]
    status, output, errors = run_command("tune", *words, "--rates", "0.05,0.1", "--seeds", "100")
    assert status == 0, errors
    assert "validation" in errors and "test" not in errors and "lr=0.05 seed 100: " in errors
    records = [read_record(path) for path in (results / "runs" / "mine_tuning").glob("*/seed-*.json")]
    assert len(records) == 4 and {record.seed for record in records} == {100}
    for record in records:
        assert record.status == "done" and not (record.confusion or record.test_correct)
        assert not [name for name in record.scalars if name.startswith("test_") and name != "test_size"]
    content = yaml.safe_load((results / "mine_tuning" / "rates.yaml").read_text())
    assert set(content["rates"]) == {"max", "avg"}
    command = re.search(r"^Next: poolscope train (.*)$", output, re.M)
    assert command is not None
    configs = compose_runs(shlex.split(command[1])[1:], multirun=True).configs
    assert {c.pool.name: c.optim.learning_rate for c in configs} == content["rates"]
    assert run_command("report", "mine_tuning", f"results={results}")[0] == 0  # an ordinary study


def test_it_widens_at_an_edge_twice_and_resumes(results: Path, trained: list[tuple[str, float]]) -> None:
    words = [*MADE, f"results={results}", "--rates", "0.1,0.2"]
    status, output, _ = run_command("tune", *words)
    assert status == 0
    assert sorted(trained) == [
        *(("avg", rate) for rate in (0.1, 0.2, 0.4, 0.8)),
        *(("max", rate) for rate in (0.05, 0.1, 0.2)),
    ]
    assert "Best at the edge of what was tried, where the true best may lie beyond: avg (0.8)." in output
    rates = yaml.safe_load((results / "mine_tuning" / "rates.yaml").read_text())["rates"]
    assert rates == {"avg": 0.8, "max": 0.1}
    assert (results / "mine_tuning" / "tuning.csv").read_text().count("\n") == 1 + 7 * 3
    assert (results / "mine_tuning" / "tuning.svg").is_file()
    trained.clear()
    assert run_command("tune", *words)[1] == output and not trained


@pytest.mark.parametrize(
    ("words", "arms"),
    [
        (["zip(pool=max,avg train.epochs=1,2)"], [("max", 2, 1), ("avg", 2, 2)]),
        (["points(table.csv)"], [("max", 2, 3), ("avg", 4, 3)]),
        (["pool=max,avg,min", "sweep.sample=2", "sweep.seed=1", "train.epochs=3"], None),
        (
            ["pool=max,avg", "pool.window=2,20", "train.epochs=3", "sweep.impossible=skip"],
            [("max", 2, 3), ("avg", 2, 3)],
        ),
        (
            ["pool=max,lp", "pool.p=null,3", "train.epochs=3", "sweep.impossible=skip"],
            [("max", 2, 3), ("lp", 2, 3)] * 2,
        ),
    ],
)
def test_what_a_sweep_takes_is_tuned_as_the_study_trains_it(
    words: list[str], arms: list[tuple[str, int, int]] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("table.csv").write_text("pool,pool.window,train.epochs\nmax,2,3\navg,4,3\n")
    words = ["data=digits", "study=mine", *words]
    tuning = prepare_tuning(words, [0.1, 0.2], by="pool.name,pool.window,pool.p,train.epochs")
    composed = tuning.compose()
    found = [(config.pool.name, config.pool.window, config.train.epochs) for config in composed.configs[::2]]
    study = leave_out_impossible(compose_runs(words, multirun=True))
    assert found == [(config.pool.name, config.pool.window, config.train.epochs) for config in study.configs]
    assert arms is None or set(found) == set(arms)
    assert composed.left_out == study.left_out and bool(study.left_out) == ("sweep.impossible=skip" in words)
    assert {config.optim.learning_rate for config in composed.configs} == {0.1, 0.2}


def test_a_linked_rate_is_refused_by_what_to_do_instead() -> None:
    words = ["data=digits", "zip(pool=max,avg optim.learning_rate=0.1,0.2)"]
    status, _, errors = run_command("tune", *words)
    assert status == 2 and "leave it out, and give its values by --rates" in errors


def test_what_is_recorded_is_shown_without_training(
    results: Path, trained: list[tuple[str, float]], tmp_path: Path
) -> None:
    words = [*MADE, f"results={results}", "--out", str(tmp_path / "out")]
    status, _, errors = run_command("tune", *words, "--rates", "0.1,0.2", "--recorded")
    assert (status, "has no records" in errors) == (2, True)
    assert run_command("tune", *words, "--rates", "0.1,0.2", "--dry-run")[0] == 0 and not results.exists()
    assert run_command("tune", *words, "--rates", "0.1,0.2")[0] == 0
    trained.clear()
    output = run_command("tune", *words, "--rates", "0.1,0.2,0.3", "--recorded")[1]
    assert "6 of 18 trials are not recorded: no rate is chosen yet." in output
    assert "rates.yaml" not in output and not trained


def test_an_arm_that_never_finishes_has_no_rate(results: Path, trained: list[tuple[str, float]]) -> None:
    status, output, _ = run_command("tune", "data=digits", "pool=max,lp", f"results={results}", "--rates", "0.1,0.2")
    assert status == 1 and "No rate at which every run finished: lp." in output
    assert yaml.safe_load((results / "adhoc_tuning" / "rates.yaml").read_text())["rates"] == {"max": 0.1}


def test_the_ladder_s_tuning_is_the_one_in_its_protocol() -> None:
    """Its records, which were made by `train`, are taken up: the same digests."""
    shared = ["data.train_size=10000", "data.train='train[:35000]'", "data.val='train[35000:40000]'", "measure=none"]
    shared += ["train.steps=null", "train.epochs=8"]
    rates = [0.001, 0.002, 0.004, 0.008, 0.016]
    tuning = prepare_tuning(["experiment=ladder", *shared], rates)
    assert set(tuning.arms) == {"max_2", "avg_2", "max_3", "conv_stride_2", "strided_conv_2"}
    by_hand = ["experiment=ladder", "study=ladder_tuning", *shared, "seeds=[100,101,102]"]
    composed = compose_runs([*by_hand, f"optim.learning_rate={','.join(map(str, rates))}"], multirun=True)
    ours = tuning.compose()
    assert {*map(digest, ours.configs)} == {*map(digest, composed.configs)} and len(ours.configs) == 25
    assert {(config.study, *config.seeds) for config in ours.configs} == {("ladder_tuning", 100, 101, 102)}


def test_trials_at_chance_are_shown_and_named(results: Path, trained: list[tuple[str, float]]) -> None:
    words = ["data=digits", "pool=max,lp", "study=mine", f"results={results}", "--rates", "0.05,0.1,0.2"]
    assert "at chance" not in run_command("tune", *words)[1] and trained
    for path in (results / "runs" / "mine_tuning").glob("*/seed-100.json"):
        record = read_record(path)
        if record.status == "done" and record.config["optim"]["learning_rate"] == 0.2:
            record.scalars.update(val_accuracy=0.1, val_loss=2.3026)
            write_record(record, path)
    output = run_command("tune", *words)[1]
    assert "(1 at chance)" in output and "hollow in the figure: max at 0.2 (1)." in output


@pytest.mark.parametrize("words", [[], ["measure.images=null"], ["measure.images=100"]])
def test_a_study_that_shifts_images_is_tuned_without_them(words: list[str]) -> None:
    tuning = prepare_tuning(["experiment=robustness", "data=digits", "pool=max", *words], rates=[0.1], seeds=[100])
    assert {(c.measure.name, c.measure.images) for c in tuning.compose().configs} == {("validation", None)}


def test_full_data_takes_the_ladder_s_trials_of_max_and_average_since_they_are_its_own() -> None:
    """What its tuning.yaml rests on: but for what is measured, the configurations of both protocols are the same."""
    shared = ["pool=max,avg", "data.train_size=10000", "data.train='train[:35000]'", "data.val='train[35000:40000]'"]
    shared += ["train.steps=null", "train.epochs=8", "optim.learning_rate=0.001", "measure=none", "measure.images=null"]
    digests = [
        [digest(config) for config in compose_runs([f"experiment={study}", *shared], multirun=True).configs]
        for study in ("ladder", "full_data")
    ]
    assert digests[0] == digests[1] and len(set(digests[0])) == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["experiment=ladder"], "give the rates to try first, as in --rates"),
        (
            ["experiment=ladder", "--rates", "0.1"],
            "4 arms have the one learning rate max_2 (what varies: data.train_size",
        ),
        ([*MADE, "optim.learning_rate=0.1,0.2"], "leave it out, and give its values by --rates"),
        ([*MADE, "--rates", "0.1,0.1"], "must be 1 to 20 different numbers above 0"),
        ([*MADE, "--rates", "0.1,x"], "not 0.1,x"),
        ([*MADE, "--rates", "-1"], "--rates"),
        ([*MADE, "--rates", "nan"], "different numbers"),
        ([*MADE, "--seeds", "1,1"], "must be different whole numbers"),
        ([*MADE, "--seeds", "x"], "must be a whole number"),
        ([*MADE, "seeds=[99,100]"], "--seeds 100 is a seed of the study itself"),
        ([*MADE, "--by", "pool.nme"], "--by pool.nme is no key of a run"),
        ([*MADE, "--by", "model.width"], "2 arms have the one learning rate 16"),
        ([*MADE, "pool.window=[2,3],[3,2]"], "name arms by other keys"),
        ([*MADE, "pool.window=9"], "window"),
        ([*MADE, "study=all"], "study must be a name"),
        ([*MADE, "hydra/sweeper=optuna"], "hydra/sweeper"),
        (["pool=nosuch"], "pool=nosuch is not a choice"),
    ],
)
def test_what_can_t_be_tuned_is_refused_in_one_sentence(words: list[str], sentence: str, results: Path) -> None:
    status, _, errors = run_command("tune", *words, f"results={results}")
    assert (status, sentence in errors, errors.count("\n")) == (2, True, 1), errors
    assert not results.exists()
