"""Convolutions with a stride and before a pool, worked by hand."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import pytest
from hand_maps import TUTORIAL, assert_refused, maps, rows

from poolscope import pooling
from poolscope.pooling import conv_max_pool, strided_conv_pool
from poolscope.spec.config import PoolConfig
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.plan import pool_parameters

pytestmark = pytest.mark.usefixtures("compiled_calls")


def test_a_convolution_worked_by_hand() -> None:
    weights = jnp.asarray([[1.0, 2], [3, 4]])[:, :, None, None]
    assert rows(strided_conv_pool(maps(TUTORIAL), 2, kernel=weights, bias=jnp.ones(1))) == [
        [1 + 6 + 15 + 24 + 1, 2 + 8 + 21 + 32 + 1],
        [9 + 20 + 39 + 56 + 1, 11 + 24 + 45 + 64 + 1],
    ]
    assert rows(strided_conv_pool(maps(TUTORIAL), 2, kernel=-weights)) == [[0, 0], [0, 0]]


def test_a_convolution_before_max_by_hand() -> None:
    x = jnp.asarray([[1.0, 2, 0, 4], [3, 6, 0, 0]])[..., None]
    difference = jnp.asarray([[1.0, -1.0], [0.0, 0.0]])[:, :, None, None]  # a cell less its right neighbour, 0 outside
    assert conv_max_pool(x, 2, kernel=difference)[0, :, 0].tolist() == [6, 4]  # 6 - 0 and 4 - nothing
    assert conv_max_pool(x, 2, kernel=difference, bias=jnp.asarray([-5.0]))[0, :, 0].tolist() == [1, 0]
    assert strided_conv_pool(x, 2, kernel=difference)[0, :, 0].tolist() == [0, 0]


def test_it_learns_as_many_numbers_as_the_strided_convolution() -> None:
    for window in (2, 3, [3, 2]):
        pools = [PoolConfig(name=name, window=window) for name in ("conv_max", "strided_conv")]
        assert len({pool_parameters(pool, 5) for pool in pools}) == 1


def test_a_kernel_of_another_size_is_refused() -> None:
    with pytest.raises(PoolscopeError, match=r"conv_max kernel must be \(2, 2, 1, 'filters'\), not \(3, 3, 1, 1\)"):
        conv_max_pool(jnp.ones((4, 4, 1)), 2, kernel=jnp.ones((3, 3, 1, 1)))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda x: strided_conv_pool(x, 2, kernel=jnp.zeros((2, 2))), "strided_conv kernel must be (2, 2, 1"),
    ],
)
def test_what_can_t_work_is_refused_in_one_sentence(call: Any, sentence: str) -> None:
    assert_refused(call, sentence)


@pytest.mark.parametrize("name", ["strided_conv", "conv_max"])
def test_it_convolves_by_the_fast_convolution(name: str) -> None:
    x, k = jnp.ones((2, 8, 8, 8)), jnp.ones((2, 2, 8, 4))
    pull = jax.jit(jax.grad(lambda k: getattr(pooling, f"{name}_pool")(x, 2, kernel=k).sum()))
    program = pull.trace(k).lower(lowering_platforms=("cpu",)).as_text()
    assert "dot_general" in program and program.count("stablehlo.convolution(") == 1  # that of the value
