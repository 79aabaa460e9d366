"""Schedules and optimisers against their formulas, worked by hand in NumPy."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from small_runs import configure

from poolscope.spec.config import OptimConfig
from poolscope.spec.plan import plan_network
from poolscope.training.network import ConvNet
from poolscope.training.optimiser import _weights, learning_rates, make_optimiser, move

KERNEL = np.array([[1.0, -2.0], [0.5, 4.0]], np.float32)
BIAS = np.array([3.0, -1.0], np.float32)
GRADS = [(np.full((2, 2), 0.5, np.float32), np.array([0.1, -0.2], np.float32)) for _ in range(3)]
ZERO = [(np.zeros((2, 2), np.float32), np.zeros(2, np.float32))]


def take(config: OptimConfig, grads: list[tuple[np.ndarray, np.ndarray]], steps: int = 4) -> dict[str, np.ndarray]:
    """The parameters after a step for each gradient."""
    optimiser, rates = make_optimiser(config), jnp.asarray(learning_rates(config, steps))
    params = {"kernel": jnp.asarray(KERNEL), "bias": jnp.asarray(BIAS)}
    state = optimiser.init(params)
    with jax.numpy_dtype_promotion("standard"):  # Optax's Adam raises a float to its whole count of steps
        for rate, (kernel, bias) in zip(rates, grads, strict=False):
            updates, state = optimiser.update({"kernel": jnp.asarray(kernel), "bias": jnp.asarray(bias)}, state, params)
            params = move(params, updates, rate)
    return {name: np.asarray(value) for name, value in params.items()}


@pytest.mark.parametrize(
    ("schedule", "warmup", "expected"),
    [
        ("constant", 0.0, [0.8] * 8),
        ("linear", 0.0, [0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]),
        ("cosine", 0.0, [0.4 * (1 + math.cos(math.pi * step / 8)) for step in range(8)]),
        ("constant", 0.25, [0.0, 0.4] + [0.8] * 6),
        ("linear", 0.5, [0.0, 0.2, 0.4, 0.6, 0.8, 0.6, 0.4, 0.2]),
        ("cosine", 0.5, [0.0, 0.2, 0.4, 0.6, *(0.4 * (1 + math.cos(math.pi * step / 4)) for step in range(4))]),
        ("cosine", 0.99, [0.1 * step for step in range(8)]),
    ],
)
def test_schedules_have_the_values_of_their_formulas(schedule: str, warmup: float, expected: list[float]) -> None:
    rates = learning_rates(OptimConfig(learning_rate=0.8, schedule=schedule, warmup=warmup), 8)
    np.testing.assert_allclose(rates, expected, atol=1e-6)


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_weight_decay_shrinks_weights_and_leaves_biases(name: str) -> None:
    decayed = OptimConfig(name=name, learning_rate=0.1, schedule="constant", weight_decay=0.5)
    after = take(decayed, ZERO)
    np.testing.assert_array_equal(after["bias"], BIAS)
    step = 0.1 * np.sign(KERNEL) if name == "adam" else 0.05 * KERNEL  # Adam divides a lone gradient by its size
    np.testing.assert_allclose(after["kernel"], KERNEL - step, rtol=1e-5)
    plain = OptimConfig(name=name, learning_rate=0.1, schedule="constant")
    np.testing.assert_array_equal(take(plain, ZERO)["kernel"], KERNEL)


def test_gradient_descent_with_momentum() -> None:
    config = OptimConfig(learning_rate=0.1, schedule="constant", momentum=0.9)
    # Traces of a constant gradient g: g, 1.9 g, 2.71 g; Nesterov adds the next gradient: g + 0.9 trace.
    np.testing.assert_allclose(take(config, GRADS)["kernel"], KERNEL - 0.1 * 0.5 * (1 + 1.9 + 2.71), rtol=1e-5)
    config.nesterov = True
    traces = (1 + 0.9 * 1) + (1 + 0.9 * 1.9) + (1 + 0.9 * 2.71)
    np.testing.assert_allclose(take(config, GRADS)["kernel"], KERNEL - 0.1 * 0.5 * traces, rtol=1e-5)
    config.momentum, config.nesterov = 0.0, False
    np.testing.assert_allclose(take(config, GRADS)["bias"], BIAS - 0.3 * GRADS[0][1], rtol=1e-5)


def test_the_rate_follows_the_schedule_step_by_step() -> None:
    config = OptimConfig(learning_rate=1.0, schedule="linear", momentum=0.0)
    np.testing.assert_allclose(take(config, GRADS)["kernel"], KERNEL - 0.5 * (1 + 0.75 + 0.5), rtol=1e-5)


def test_adam_moves_by_the_rate_on_a_constant_gradient() -> None:
    config = OptimConfig(name="adam", learning_rate=0.01, schedule="constant")
    np.testing.assert_allclose(take(config, GRADS)["bias"], BIAS - 0.03 * np.sign(GRADS[0][1]), rtol=1e-4)


def test_clipping_scales_the_whole_gradient_to_its_largest_norm() -> None:
    config = OptimConfig(learning_rate=1.0, schedule="constant", momentum=0.0, clip_norm=0.5)
    kernel, bias = GRADS[0]
    norm = math.sqrt(float((kernel**2).sum() + (bias**2).sum()))
    after = take(config, GRADS[:1])
    np.testing.assert_allclose(after["kernel"], KERNEL - kernel * 0.5 / norm, rtol=1e-5)
    np.testing.assert_allclose(after["bias"], BIAS - bias * 0.5 / norm, rtol=1e-5)
    config.clip_norm = 2 * norm
    np.testing.assert_allclose(take(config, GRADS[:1])["kernel"], KERNEL - kernel, rtol=1e-5)


@pytest.mark.parametrize("pool", ["gated", "tree", "ordinal", "lip", "lps", "lift", "strided_conv"])
def test_weight_decay_spares_what_pools_learn(pool: str) -> None:
    """Only kernels of convolutions and of the head are decayed; a strided convolution in a pool's place is one."""
    config = configure(f"pool.name={pool}", "model.norm=batch")
    plan = plan_network(config, (8, 8, 1), 4)
    params = nnx.state(nnx.eval_shape(lambda: ConvNet(config, plan, jax.random.key(0))), nnx.Param)
    decayed = [
        ".".join(str(part.key) for part in path[:2])
        for path, mask in jax.tree.leaves_with_path(_weights(params))
        if mask
    ]
    convolutions = ["conv1.kernel", "conv2.kernel", "head.kernel"]
    assert decayed == [*convolutions, *(["pool1.kernel"] if pool == "strided_conv" else [])]
