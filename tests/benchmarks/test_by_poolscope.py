"""poolscope as a contender takes the steps that plain Flax takes."""

from __future__ import annotations

import numpy as np
import pytest
from small_contenders import SMALL, losses_of

from poolscope.benchmarks import by_flax, by_poolscope

FEW = ("digits", "cifar, batch norm, max")
CASES = [(name, "step") if name in FEW else pytest.param(name, "step", marks=pytest.mark.long) for name in SMALL]


@pytest.mark.parametrize(("name", "loop"), [*CASES, pytest.param("digits", "scan", marks=pytest.mark.long)])
def test_poolscope_and_plain_flax_take_the_same_steps(name: str, loop: str) -> None:
    options = SMALL[name].options(loop=loop)
    ours, theirs = (losses_of(library.prepare_training(**options)) for library in (by_poolscope, by_flax))
    assert ours.shape == theirs.shape == (3,)
    assert ours[0] == pytest.approx(theirs[0], rel=1e-5)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)


def test_seeds_in_one_program_take_the_same_steps_each() -> None:
    options = SMALL["digits"].options(loop="step")
    alone, together = (by_poolscope.prepare_training(**options, seeds=seeds) for seeds in (1, 2))
    assert together() == 2 * alone()
    np.testing.assert_allclose(np.stack(together.losses), np.stack(alone.losses)[:, None].repeat(2, 1), rtol=1e-4)


def test_every_operator_can_be_repeated() -> None:
    assert by_poolscope.prepare_operator("gated", [2, 8, 8, 4])() == 2
