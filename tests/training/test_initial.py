"""Initial values: their distribution, one program for all layers of a shape, and none where nothing is drawn."""

from __future__ import annotations

from collections.abc import Callable

import jax
import numpy as np
import pytest
from flax import nnx

from poolscope.pooling import LipPool, MaxPool
from poolscope.training.initial import Drawing, he_normal, lecun_normal, zeros

SHAPE = (3, 3, 16, 200)


@pytest.mark.parametrize(("draw", "scale"), [(he_normal, 2.0), (lecun_normal, 1.0)])
def test_kernels_are_truncated_normal_of_the_fan_in(draw: Callable[..., jax.Array], scale: float) -> None:
    kernel = np.asarray(draw(jax.random.key(3), SHAPE, np.float32))
    deviation = np.sqrt(scale / (3 * 3 * 16))
    assert kernel.shape == SHAPE and kernel.dtype == np.float32
    assert kernel.std() == pytest.approx(deviation, rel=0.02) and abs(kernel.mean()) < 0.02 * deviation
    assert np.abs(kernel).max() <= 2 * deviation / 0.8796  # the deviation of a normal truncated at two
    inside = jax.jit(lambda key: draw(key, SHAPE, np.float32))(jax.random.key(3))
    np.testing.assert_allclose(kernel, inside, rtol=1e-6, atol=1e-8)


def test_a_shape_is_compiled_once(caplog: pytest.LogCaptureFixture) -> None:
    with jax.log_compiles():
        for seed in range(3):
            he_normal(jax.random.key(seed), (1, 1, 7, 11), np.float32)
    compiled = [record.message for record in caplog.records if record.message.startswith("Compiling jit(init)")]
    assert len(compiled) == 1


def test_biases_are_zeros_that_compile_nothing(caplog: pytest.LogCaptureFixture) -> None:
    key = jax.random.key(3)
    caplog.clear()
    with jax.log_compiles():
        bias = zeros(key, (13,), np.float32)
    assert bias.tolist() == [0.0] * 13 and bias.dtype == np.float32 and not caplog.records


@pytest.mark.parametrize("build", [lambda key: MaxPool(2), lambda key: LipPool(4, 2, rngs=nnx.Rngs(key))])
def test_a_module_is_drawn_as_it_would_be_built(build: Callable[[jax.Array], nnx.Module]) -> None:
    key = jax.random.key(3)
    (drawn, values), (built, expected) = nnx.split(Drawing(build)(key)), nnx.split(build(key))
    assert drawn == built
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), values, expected)


def test_seeds_share_the_program_that_draws_a_module(caplog: pytest.LogCaptureFixture) -> None:
    drawing = Drawing(lambda key: nnx.Linear(3, 2, rngs=nnx.Rngs(key)))
    with jax.log_compiles():
        drawn = [jax.tree.leaves(nnx.state(drawing(jax.random.key(seed)), nnx.Param)) for seed in range(3)]
    compiled = [record.message for record in caplog.records if record.message.startswith("Compiling jit(<lambda>)")]
    assert len(compiled) == 1
    assert any((first != second).any() for first, second in zip(*drawn[:2], strict=True))
