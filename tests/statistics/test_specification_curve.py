"""A contrast at every rate of a tuning table, worked by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import poolscope.statistics.specification_curve as rates_module
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import shipped
from poolscope.statistics.claims import Contrast, Ladder, find_contrasts
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
slopes,3/1,0.1,100,done,0.70,1
slopes,3/2,0.1,100,done,0.66,1
slopes,3/4,0.1,100,done,0.60,1
stuck,max,0.1,100,done,0.30,2
stuck,max,0.2,100,done,0.11,2.3026
stuck,avg,0.1,100,done,0.20,2
stuck,avg,0.2,100,done,0.12,2
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
        ({"kind": "interaction"}, [], []),
        ({"kind": "equivalent"}, [6.0, -1.0, -1.0], [False, True, True]),
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


def test_a_slope_is_that_of_the_configurations_over_the_doublings_of_their_column() -> None:
    keys = {"kind": "slope", "baseline": {}, "where": {"data.name": "slopes"}, "arm": {"pool.window": 3}}
    rates = list_rates([change(**keys, over=Ladder("pool.stride", (1, 2, 4)))])
    assert rates["effect"].tolist() == pytest.approx([-5.0, -5.0])  # 70, 66, 60 % by stride: (60 - 70) / 2 doublings
    assert rates["trials"].tolist() == [3, 3] and rates[["arm_rate", "baseline_rate"]].isna().all(axis=None)
    against = change(**keys | {"baseline": {"pool.window": 3}}, over=Ladder("pool.stride", (1, 2, 4)))
    assert list_rates([against])["effect"].tolist() == pytest.approx([0.0, 0.0])  # the same arms on both sides
    assert list_rates([change(**keys, over=Ladder("data.train_size", (1, 2)))]).empty


def test_trials_at_chance_are_counted_in_the_rows_that_hold_them() -> None:
    where = {"data.name": "stuck"}
    rates = list_rates([change(where=where, arm={"pool.name": "max"})])
    assert rates[["rate", "trials", "unlearned"]].fillna(0).to_numpy().tolist() == [[0.1, 2, 0], [0.2, 2, 1], [0, 2, 0]]


def test_an_arm_s_trials_may_stand_in_another_study(tmp_path: Path) -> None:
    (tmp_path / "late").mkdir()
    own = TRIALS.splitlines()[0] + "\nmnist,soft,0.1,100,done,0.90,1\n"
    (tmp_path / "late" / "tuning.csv").write_text(own, encoding="utf-8")
    asked = change(study="late", arm={"pool.name": "soft"}, baseline={"pool.name": "max"})
    assert list_rates([asked]).empty
    named = tmp_path / "late" / "tuning.yaml"
    named.write_text('elsewhere: {made: ["max 2, pool_stages=2"]}', encoding="utf-8")
    assert list_rates([asked])["effect"].tolist() == pytest.approx([9.0, 0.0])  # 90 against 81 at 0.1, 90 at 0.2
    named.write_text("elsewhere: {made: [blur]}", encoding="utf-8")
    with pytest.raises(PoolscopeError, match=r"late/tuning.yaml: made/tuning.csv has no arm 'blur'"):
        list_rates([asked])


def test_trials_of_several_sizes_are_told_apart_by_their_setting_and_never_mixed(tmp_path: Path) -> None:
    head = TRIALS.splitlines()[0]
    rows = [f'"cifar10, train_size={size}",{pool},0.1,100,done,{accuracy},1' for size, pool, accuracy in SIZES]
    (tmp_path / "made" / "tuning.csv").write_text("\n".join([head, *rows, ""]), encoding="utf-8")
    sides = {"arm": {"pool.name": "max"}, "baseline": {"pool.name": "avg"}}
    for size, effect in ((1000, 10.0), (4000, -5.0)):
        asked = change(where={"data.name": "cifar10", "data.train_size": size}, **sides)
        assert list_rates([asked])["effect"].tolist() == pytest.approx([effect, effect])
    assert list_rates([change(where={"data.name": "cifar10"}, **sides)]).empty


SIZES = [(1000, "max", 0.5), (1000, "avg", 0.4), (4000, "max", 0.5), (4000, "avg", 0.55)]


def test_trials_made_after_the_runs_take_the_place_of_those_that_chose_the_rates(tmp_path: Path) -> None:
    later = TRIALS.replace("0.80,1", "0.60,1").replace("0.82,1", "0.60,1")
    (tmp_path / "made" / "retried.csv").write_text(later, encoding="utf-8")
    assert list_rates([CONTRAST])["effect"].tolist()[0] == pytest.approx(60 - 75)


def test_the_contrasts_of_full_data_have_the_trials_of_the_ladder_on_their_other_side(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rates_module, "shipped", shipped)
    rates = list_rates(find_contrasts("full_data")).set_index(["id", "rate"])
    assert {identity for identity, _ in rates.index} == {"12k", "15a", "16a"}
    by_hand = 100 * ((0.6678 + 0.6464 + 0.6692) - (0.6438 + 0.6472 + 0.6498)) / 3  # conv_max - max at 0.001
    assert rates.loc[("15a", 0.001), "effect"] == pytest.approx(by_hand)
    assert rates.loc["15a", "unlearned"].tolist() == [0, 0, 0, 2, 3, 0]
