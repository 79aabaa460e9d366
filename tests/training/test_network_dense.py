"""The dense control of a network: its maps hold those of the strided one, and it sees no shift."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pool_geometries import compile_quickly
from small_runs import build, choose, configure, images_like

from poolscope.spec.errors import PoolscopeError
from poolscope.spec.operators import OPERATORS
from poolscope.spec.plan import plan_network

LOCAL = [name for name, operator in OPERATORS.items() if operator.kind in ("local", "layer")]


def assert_dense_identity(shape: tuple[int, int, int], *overrides: str) -> None:
    """The dense network's last map at multiples of the total jump is the strided network's."""
    arms = [build(configure("model.head=none", *overrides, f"model.dense={dense}"), shape) for dense in (False, True)]
    (plan, strided), (dense_plan, dense) = arms
    ends = plan.layers[-1], dense_plan.layers[-1]
    assert plan.parameters == dense_plan.parameters and dense_plan.remainders == ()
    assert ends[0].receptive_field == ends[1].receptive_field and ends[1].jump == (1, 1)
    x = images_like((2, *shape))
    coarse, fine = compile_quickly(lambda x: [net(x, train=False)[0] for net in (strided, dense)])(x)
    sampled = np.asarray(fine)[:, :: ends[0].jump[0], :: ends[0].jump[1]]
    assert coarse.shape == sampled.shape
    largest = np.abs(coarse).max()
    assert largest > 1e-3
    np.testing.assert_allclose(sampled, coarse, rtol=1e-6, atol=2e-6 * max(1, largest))


TORUS = ("max", "lp", "stochastic", "mixed", "subsample", "max_blur", "strided_conv", "conv_stride", "conv_max", "dpp")
FEW = ("max", "max_blur", "conv_stride")


@pytest.mark.parametrize(
    "pool", [pool if pool in FEW else pytest.param(pool, marks=pytest.mark.long) for pool in TORUS]
)
def test_dense_networks_hold_the_strided_ones_on_a_torus(pool: str) -> None:
    stages = ["model.blocks=3", "model.pool_stages=2", "model.pool_after=[1,2]"]
    stages += ["pool.full=true"] if pool == "dpp" else []  # with a filter of its own
    assert_dense_identity((16, 16, 1), f"pool.name={pool}", "model.conv_padding=CIRCULAR", *stages)


@pytest.mark.parametrize("padding", ["CIRCULAR", "SAME"])
@pytest.mark.parametrize("pool", ["max", "conv_stride"])
def test_dense_residual_networks_hold_the_strided_ones(pool: str, padding: str) -> None:
    sizes = ["model.blocks=3", "model.pool_stages=2", "model.pool_after=[1,2]", "model.convs=2", "model.residual=true"]
    assert_dense_identity((16, 14, 1), f"pool.name={pool}", f"model.conv_padding={padding}", *sizes)


@st.composite
def dense_cases(draw: st.DrawFn) -> tuple[tuple[int, int, int], list[str]]:
    overrides = choose(
        draw,
        pool__name=[*LOCAL, "none"],
        pool__window=[1, 2, 3, "[3,2]"],
        pool__stride=["null", 2, 3],
        pool__padding=["VALID", "SAME", 1, "[[0,1],[1,0]]"],
        model__kernel=[2, 3, 4],
        model__conv_padding=["SAME", "VALID", "CIRCULAR"],
        model__pool_after=["[1]", "[1,2]"],
    )
    return (draw(st.integers(12, 20)), draw(st.integers(12, 20)), 1), [*overrides, "model.blocks=3"]


def possible(case: tuple[tuple[int, int, int], list[str]]) -> bool:
    shape, overrides = case
    try:
        plan_network(configure(*overrides), shape, 4)
    except PoolscopeError:
        return False
    return True


@settings(max_examples=3)
@given(dense_cases().filter(possible))
def test_dense_networks_hold_the_strided_ones(case: Any) -> None:
    assert_dense_identity(case[0], *case[1])


@pytest.mark.long
@settings(max_examples=40)
@given(dense_cases().filter(possible))
def test_dense_networks_hold_the_strided_ones_wherever_one_looks(case: Any) -> None:
    assert_dense_identity(case[0], *case[1])


@pytest.mark.parametrize("pool", ["max", pytest.param("max_blur", marks=pytest.mark.long), "conv_stride"])
def test_circular_networks_see_shifts_by_less_than_their_jump_only(pool: str) -> None:
    """With a global average head: the dense arm sees no shift at all, the strided arm those off its jump's grid."""
    image = images_like((8, 8, 1))
    shifts = [(down, right) for down in range(8) for right in range(8)]
    x = np.stack([np.roll(image, shift, (0, 1)) for shift in shifts])
    network = ["model.blocks=3", "model.pool_stages=2", "model.pool_after=[1,2]", "model.width=6"]
    for dense, jump in ((True, 1), (False, 4)):
        overrides = [f"pool.name={pool}", "model.conv_padding=CIRCULAR", "model.head=avg", f"model.dense={dense}"]
        plan, model = build(configure(*overrides, *network), (8, 8, 1))
        assert plan.layers[-3].jump == (1 if dense else 4,) * 2
        logits = np.asarray(compile_quickly(lambda x, model=model: model(x, train=False)[0])(x))
        change = np.abs(logits - logits[0]).max(1) / np.abs(logits).max()
        on_grid = np.array([down % jump == 0 and right % jump == 0 for down, right in shifts])
        assert on_grid.sum() == 64 // jump**2
        assert change[on_grid].max() < 2e-6
        assert (change[~on_grid] > 1e-4).all()
