"""Linked keys: which jobs they make, beside other keys and an experiment's grid, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from pretend import train_nothing
from processes import run_command

from poolscope.commands import train
from poolscope.spec.compose import compose_runs
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.linked_keys import take_points


def compose(*words: str) -> list[tuple[str, float, int]]:
    configs = compose_runs(words, True).configs
    return [(config.pool.name, config.optim.learning_rate, config.train.epochs) for config in configs]


def test_linked_keys_change_together_and_multiply_with_others() -> None:
    linked = "zip(pool=max,avg optim.learning_rate=0.01,0.03)"
    assert compose(linked, "train.epochs=1") == [("max", 0.01, 1), ("avg", 0.03, 1)]
    assert compose(linked, "train.epochs=1,2") == [
        ("max", 0.01, 1),
        ("avg", 0.03, 1),
        ("max", 0.01, 2),
        ("avg", 0.03, 2),
    ]
    assert len(compose(linked, "zip(pool.window=2,3 pool.stride=2,3)", "train.epochs=1,2")) == 8


def test_linked_keys_replace_those_of_an_experiment_s_grid() -> None:
    found = compose("experiment=quickstart", "zip(pool=max,avg optim.learning_rate=0.01,0.03)")
    assert [(pool, rate) for pool, rate, _ in found] == [("max", 0.01), ("avg", 0.03)]


def test_lists_and_splits_are_values() -> None:
    words = "zip(pool.window=[2,3],2 data.train=train[:500],train[:400] data.val=train[500:],train[500:])"
    configs = compose_runs(["data=digits", "pool=max", words], True).configs
    assert [(config.pool.window, config.data.train) for config in configs] == [
        ([2, 3], "train[:500]"),
        (2, "train[:400]"),
    ]


def test_points_are_the_rows_of_a_table(tmp_path: Path) -> None:
    (tmp_path / "points.csv").write_text("pool, optim.learning_rate ,train.epochs\nmax,0.01,3\navg,0.03,\n\n")
    found = compose(f"points({tmp_path}/points.csv)")
    assert found[0] == ("max", 0.01, 3)
    assert found[1][:2] == ("avg", 0.03)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["zip(pool=max,avg optim.learning_rate=1)"],
            r"but pool has 2, optim.learning_rate has 1; give each key equal",
        ),
        (["zip(pool)"], r"zip\(pool\) can't be read at 'pool'"),
        (["zip()"], r"can't be read at ''"),
        (["zip(pool=max pool=avg)"], "can't be read at 'pool=avg'"),
        (["zip(pool=max,avg)", "pool=lip"], r"pool=lip stands beside a zip\(...\) or points\(...\) of the same key"),
        (["zip(pool=max,avg)", "zip(pool=lip,lp)"], "pool stands in two of zip"),
        (["zip(pool=range(1,1e308) train.epochs=range(1,1e308))"], r"pool=range\(1,1e308\) is several values; write"),
        (["zip(seeds=[0],[1] pool=max,choice(avg,lip))"], r"pool=choice\(avg,lip\) is several values"),
        (["zip(pool=glob(m*))"], r"pool=glob\(m\*\) is several values"),
        (["zip(train.epochs=shuffle(1,2))"], r"train.epochs=shuffle\(1,2\) is several values"),
        (["zip(optim.learning_rate=interval(0,1))"], "is several values"),
        (["points(nowhere.csv)"], r"points\(nowhere.csv\): it can't be read \(No such file"),
    ],
)
def test_what_can_t_be_linked_is_refused(words: list[str], sentence: str) -> None:
    with pytest.raises(PoolscopeError, match=sentence):
        take_points(words)


@pytest.mark.parametrize(
    "content",
    [
        *("", "pool\n", "pool,pool\nmax,avg\n", "a b,c\n1,2\n", "pool,seeds\nmax\n", "pool;seeds\nmax;[0]\n"),
        *('pool\n"max,avg"\n', 'pool\n"range(1,3)"\n'),
    ],
)
def test_a_table_that_doesn_t_fit_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "points.csv").write_text(content)
    with pytest.raises(PoolscopeError, match=r"points\(.*points.csv\)"):
        take_points([f"points({tmp_path}/points.csv)"])


def test_without_a_sweep_and_with_too_many_jobs_they_are_refused() -> None:
    with pytest.raises(PoolscopeError, match="make a sweep: add -m"):
        compose_runs(["zip(pool=max,avg)"])
    with pytest.raises(PoolscopeError, match=r"makes 6 jobs, and there may be at most 5"):
        compose_runs(["zip(pool=max,avg)", "train.epochs=1,2,3"], True, most_jobs=5)


def test_a_command_trains_the_points_and_no_others(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "run_job", train_nothing)
    words = ["data=digits", "zip(pool=max,avg optim.learning_rate=0.01,0.03)", "model.width=2,4", f"results={results}"]
    status, _, errors = run_command("train", "-m", *words)
    assert (status, "4 of 4 runs done" in errors) == (0, True), errors
    assert len(list((results / "runs" / "adhoc").glob("*/seed-0.json"))) == 4
    assert "Nothing to run: all 4 runs" in run_command("train", "-m", *words)[2]
