"""The counted claims: what they say agrees with arithmetic done here, and they would notice a wrong count."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

import poolscope.statistics.exact_counts
from poolscope.spec.config import ModelConfig, PoolConfig, RunConfig
from poolscope.spec.plan import Plan, plan_network
from poolscope.statistics.exact_counts import judge_exactly
from poolscope.statistics.verdicts import COLUMNS


@pytest.fixture(scope="module")
def counted() -> pd.DataFrame:
    return judge_exactly().set_index("id")


def test_every_counted_contrast_has_the_verdict_that_its_counts_give(counted: pd.DataFrame) -> None:
    refuted = {"1.3", "1.5", "9.2"}
    assert {identity for identity, row in counted.iterrows() if row["verdict"] == "refuted-unequal"} == refuted
    assert (counted.drop(index=list(refuted))["verdict"] == "supported").all()
    assert ((counted["equal"] == counted["n"]) == (counted["verdict"] == "supported")).all()
    assert [*counted.reset_index()[list(COLUMNS)]] == list(COLUMNS)


def test_neither_a_global_head_nor_a_stride_of_one_saves_anything_in_a_single_case(counted: pd.DataFrame) -> None:
    assert counted.loc[["1.3", "1.5"], "equal"].tolist() == [0, 0]


def test_the_number_of_cases_is_that_of_the_grids(counted: pd.DataFrame) -> None:
    assert counted.loc["6.1", "n"] == 2 * 33 * 5 * 5
    assert counted.loc["13.1", "n"] == 17 * 6 * 4 * 3 * 2
    assert counted.loc["1.2", "n"] == 4 * 6 * 2 * 2
    assert counted.loc["9.2", ["n", "equal"]].tolist() == [34, 23]


def test_the_flatten_heads_saving_by_hand() -> None:
    # 32x32, blocks of 8, 16, 32 filters, one pool of 2: the head reads 16x16x32 instead of 32x32x32, for 10 classes
    model = ModelConfig(pool_stages=1, width=8, head="flatten")
    pooled, bare = (
        plan_network(RunConfig(model=model, pool=PoolConfig(name=name)), (32, 32, 3), 10) for name in ("max", "none")
    )
    assert bare.parameters - pooled.parameters == (32 * 32 - 16 * 16) * 32 * 10 == 245_760


@pytest.fixture
def anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts are made anew, not read from an earlier call in this process."""
    judge = poolscope.statistics.exact_counts._judge_all
    monkeypatch.setattr(poolscope.statistics.exact_counts, "_judge_all", judge.__wrapped__)


def spoil(plan: Plan, kind: str, **changes: int) -> Plan:
    """The plan with other counts for one kind of layer."""
    return replace(plan, layers=tuple(replace(x, **changes) if x.kind == kind else x for x in plan.layers))


@pytest.mark.usefixtures("anew")
@pytest.mark.parametrize(
    ("kind", "changes", "noticed"),
    [
        ("pool", {"parameters": 1}, {"1.1", "1.2", "9.1"}),
        pytest.param("conv", {"macs": 5}, {"1.4"}, marks=pytest.mark.long),
    ],
)
def test_a_wrong_count_is_noticed(
    monkeypatch: pytest.MonkeyPatch, kind: str, changes: dict[str, int], noticed: set[str]
) -> None:
    def plan_wrongly(config: RunConfig, shape: tuple[int, int, int], classes: int) -> Plan:
        return spoil(plan_network(config, shape, classes), kind, **changes)

    monkeypatch.setattr(poolscope.statistics.exact_counts, "plan_network", plan_wrongly)
    wrong = judge_exactly().set_index("id")
    assert noticed <= {identity for identity, row in wrong.iterrows() if row["verdict"] != "supported"}


@pytest.mark.usefixtures("anew")
def test_a_refusal_in_two_sentences_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wordy(poolscope.statistics.exact_counts.PoolscopeError):
        def __str__(self) -> str:
            return "No. It does not fit."

    def refuse(config: RunConfig, shape: tuple[int, int, int], classes: int) -> Plan:
        try:
            return plan_network(config, shape, classes)
        except poolscope.statistics.exact_counts.PoolscopeError as error:
            raise Wordy from error

    monkeypatch.setattr(poolscope.statistics.exact_counts, "plan_network", refuse)
    row = judge_exactly().set_index("id").loc["13.1"]
    assert row["verdict"] == "refuted-unequal"
    assert 0 < row["equal"] < row["n"]
