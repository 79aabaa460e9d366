"""A contrast at every rate of a tuning table, worked by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import poolscope.statistics.specification_curve as rates_module
from poolscope.reports.verdicts import say_rates, show_rates
from poolscope.statistics.claims import Contrast
from poolscope.statistics.specification_curve import list_rates

TRIALS = """setting,arm,optim.learning_rate,seed,status,val_accuracy,val_loss
mnist,"max 2, pool_stages=2",0.1,100,done,0.80,1
mnist,"max 2, pool_stages=2",0.1,101,done,0.82,1
mnist,"max 2, pool_stages=2",0.2,100,done,0.90,1
mnist,"max 2, pool_stages=2",0.4,100,done,0.70,1
mnist,"max 3/2, pool_stages=2",0.1,100,done,0.99,1
mnist,"avg 2, pool_stages=2",0.1,100,done,0.75,1
mnist,"avg 2, pool_stages=2",0.2,100,done,0.91,1
mnist,"avg 2, pool_stages=2",0.4,100,failed,0.95,1
cifar10,"avg 2, pool_stages=2",0.1,100,done,0.10,1
cifar10,"max 2, pool_stages=2",0.1,100,done,0.20,1
cifar10,"avg 2, pool_stages=1",0.1,100,done,0.30,1
cifar10,"max 2, pool_stages=1",0.1,100,done,0.55,1
lists,"max 2, hidden=[120, 84]",0.1,100,done,0.70,1
lists,"avg 2, hidden=[120, 84]",0.1,100,done,0.50,1
lists,"avg 2, hidden=[8]",0.1,100,done,0.10,1
"""
CONTRAST = Contrast(
    *("made", "3a", 3, "max is better", "test_accuracy", "points", "higher", 1.5),
    where={"data.name": "mnist"},
    arm={"pool.name": "max", "pool.window": 2, "model.pool_stages": 2},
    baseline={"pool.name": "avg"},
)


@pytest.fixture(autouse=True)
def _trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "tuning.csv").write_text(TRIALS, encoding="utf-8")
    monkeypatch.setattr(rates_module, "shipped", lambda folder: tmp_path)


def change(**keys: object) -> Contrast:
    return Contrast(**{**vars(CONTRAST), **keys})


def test_shared_rates_and_each_at_its_best() -> None:
    rates = list_rates([CONTRAST])
    assert rates["rate"].tolist()[:2] == [0.1, 0.2]
    assert math.isnan(rates["rate"].iloc[2])
    assert rates["effect"].tolist() == pytest.approx([81 - 75, -1.0, -1.0])
    assert rates["claimed"].tolist() == [True, False, False]
    assert rates["edge"].all()  # the best rate of average is the highest that it was tried with
    assert rates["seeds"].tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    ("keys", "effects", "claimed"),
    [
        ({"direction": "lower"}, [6.0, -1.0, -1.0], [False, True, True]),
        ({"kind": "noninferior"}, [6.0, -1.0, -1.0], [True, True, True]),
        ({"unit": "log_error"}, [math.log(250.5 / 190.5), math.log(90.5 / 100.5)], [True, False]),
        ({"arm": {"pool.name": "max"}}, [], []),  # two arms
        ({"baseline": {"pool.name": "blur"}}, [], []),  # none
        ({"measure": "generalisation_gap"}, [], []),
        ({"kind": "slope"}, [], []),
        ({"study": "other"}, [], []),
    ],
)
def test_what_a_contrast_asks_for(keys: dict[str, object], effects: list[float], claimed: list[bool]) -> None:
    rates = list_rates([change(**keys)])
    assert rates["effect"].tolist()[: len(effects)] == pytest.approx(effects)
    assert rates["claimed"].tolist()[: len(claimed)] == claimed
    assert bool(len(rates)) == bool(effects)


def test_both_sides_are_of_the_network_that_where_asks_for() -> None:
    sides = {"arm": {"pool.name": "max"}, "baseline": {"pool.name": "avg"}}
    found = [
        list_rates([change(where={"data.name": "cifar10", "model.pool_stages": stages}, **sides)])["effect"].tolist()
        for stages in (1, 2)
    ]
    assert found == [pytest.approx([25, 25]), pytest.approx([10, 10])]


def test_a_network_may_be_named_by_a_list() -> None:
    sides = {"arm": {"pool.name": "max"}, "baseline": {"pool.name": "avg"}}
    where = {"data.name": "lists", "model.hidden": [120, 84]}
    assert list_rates([change(where=where, **sides)])["effect"].tolist() == pytest.approx([20, 20])


def test_rates_in_words() -> None:
    rates = list_rates([CONTRAST])
    (row,) = show_rates(rates).to_dict("records")
    assert row["at 0.1"] == "+6.00"
    assert row["each at its best"] == "-1.00 (0.2, 0.2)"
    assert row["sign as claimed"] == "1 of 2"
    verdicts = rates[["id"]].head(1).assign(kind="difference")
    signs = (("supported", True), ("refuted-reversed", True), ("refuted-negligible", False), ("inconclusive", False))
    for verdict, named in signs:
        sentence = say_rates(rates, verdicts.assign(verdict=verdict))[1]
        assert ("3a (" in sentence) == named
    assert "3a (" not in say_rates(rates, verdicts.assign(verdict="supported", kind="noninferior"))[1]
    assert say_rates(rates.head(0), verdicts) == ()
