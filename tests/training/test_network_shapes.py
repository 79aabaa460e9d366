"""Convolutions, max and average of every kind in the experiments, and at all their shapes, against XLA's own."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from poolscope.kernels.convolution import fast_conv
from poolscope.pooling.averages import avg_pool
from poolscope.pooling.max_min import max_pool
from poolscope.spec.compose import compose_runs
from poolscope.spec.geometry import Window
from poolscope.spec.plan import plan_network

EXPERIMENTS = sorted(path.stem for path in (Path(__file__).parents[2] / "configs" / "experiment").glob("*.yaml"))
BATCH = 16  # large enough that the weight gradient of the larger maps is summed in pieces
IMAGES = {"digits": (8, 8, 1), "mnist": (28, 28, 1), "cifar10": (32, 32, 3)}


@cache
def layers() -> tuple[set[tuple[Any, Window, int]], set[tuple[Any, Window]]]:
    """Input shape, window and filters of every convolution; input shape and window of every pool."""
    convolutions, pools = set(), set()
    for experiment in EXPERIMENTS:
        for config in compose_runs([f"experiment={experiment}", "optim.learning_rate=0.1"], True).configs:
            shape = IMAGES[config.data.name]
            for layer in plan_network(config, shape, 10).layers:
                if layer.kind == "conv":
                    convolutions.add((shape, layer.window, layer.output[2]))
                elif layer.kind == "pool":
                    pools.add((shape, layer.window))
                shape = layer.output
    return convolutions, pools


Case = tuple[Callable[..., Any], Callable[..., Any], tuple[np.ndarray, ...], str]  # ours, XLA's, what they are given


def compare(cases: list[Case]) -> None:
    """Values, and the gradients for a random output gradient, relative to the largest entry; one program for all."""
    rng = np.random.default_rng(1)
    gradients = [
        rng.normal(size=jax.eval_shape(reference, *given).shape).astype(np.float32) for _, reference, given, _ in cases
    ]

    def evaluate(chosen: int, **options: Any) -> list[tuple[np.ndarray, ...]]:
        def all_cases(inputs: list[Any], gradients: list[Any]) -> list[tuple[Any, ...]]:
            results = []
            for case, given, gradient in zip(cases, inputs, gradients, strict=True):
                value, pull = jax.vjp(case[chosen], *given)
                results.append((value, *pull(gradient)))
            return results

        return jax.jit(all_cases, **options)([given for _, _, given, _ in cases], gradients)

    ours, expected = evaluate(0), evaluate(1, compiler_options={"xla_backend_optimization_level": 0})
    for case, found, wanted in zip(cases, ours, expected, strict=True):
        for one, other in zip(found, wanted, strict=True):
            error = np.abs(np.asarray(one) - other).max() / np.abs(other).max()
            assert error < 1e-5, f"{case[3]}: relative error {error:.1e}"


def convolution_case(shape: tuple[int, int, int], window: Window, filters: int) -> Case:
    rng = np.random.default_rng(0)
    images = rng.normal(size=(BATCH, *shape)).astype(np.float32)
    kernel = rng.normal(size=(*window.size, shape[2], filters)).astype(np.float32)
    options = {"window_strides": window.stride, "rhs_dilation": window.dilation, "padding": window.padding}
    reference = partial(lax.conv_general_dilated, dimension_numbers=("NHWC", "HWIO", "NHWC"), **options)
    return partial(fast_conv, **options), reference, (images, kernel), f"{shape} {window} {filters} filters"


def pool_cases(shape: tuple[int, int, int], window: Window) -> list[Case]:
    images = np.random.default_rng(0).normal(size=(BATCH, *shape)).astype(np.float32)
    pads = ((0, 0), *window.pads(*shape[:2]), (0, 0))

    def slide(x: Any, start: float, combine: Any) -> Any:
        sizes = [(1, *each, 1) for each in (window.size, window.stride, window.dilation)]
        return lax.reduce_window(x, start, combine, sizes[0], sizes[1], pads, window_dilation=sizes[2])

    def mean(x: Any) -> Any:
        return slide(x, 0.0, lax.add) / slide(jnp.ones_like(x), 0.0, lax.add)

    message = f"{shape} {window}"
    cases: list[Case] = [(partial(avg_pool, window=window), mean, (images,), f"average {message}")]
    if max(window.dilation) == 1:  # XLA has no gradient for the maximum of dilated windows
        largest = partial(slide, start=-np.inf, combine=lax.max)
        cases.append((partial(max_pool, window=window), largest, (images,), f"max {message}"))
    return cases


def around(pixels: int) -> tuple[tuple[int, int], tuple[int, int]]:
    return (pixels, pixels), (pixels, pixels)


def test_convolutions_of_every_kind() -> None:
    kinds = [
        ((28, 28, 1), Window((3, 3), (1, 1), "SAME"), 8),
        ((32, 32, 3), Window((3, 3), (1, 1), "SAME"), 16),
        ((14, 14, 16), Window((3, 3), (1, 1), "SAME"), 32),
        ((16, 16, 8), Window((3, 3), (2, 2), "SAME"), 16),
        ((12, 12, 8), Window((3, 3), (1, 1), around(2), (2, 2)), 8),
        ((12, 12, 8), Window((3, 3), (1, 1), around(4), (4, 4)), 8),
    ]
    compare([convolution_case(*kind) for kind in kinds])


def test_pools_of_every_kind() -> None:
    kinds = [
        ((28, 28, 8), Window((2, 2), (2, 2), "VALID")),
        ((7, 7, 16), Window((2, 2), (2, 2), "VALID")),
        ((16, 16, 8), Window((3, 3), (2, 2), "SAME")),
        ((16, 16, 8), Window((3, 3), (4, 4), "SAME")),
        ((15, 15, 4), Window((3, 3), (1, 1), "SAME")),
        ((12, 12, 4), Window((2, 2), (1, 1), around(0), (2, 2))),
        ((32, 32, 4), Window((8, 8), (8, 8), "VALID")),
    ]
    compare([case for kind in kinds for case in pool_cases(*kind)])


@pytest.mark.long
def test_convolutions_of_the_experiments() -> None:
    convolutions, _ = layers()
    assert len(convolutions) > 30
    compare([convolution_case(*layer) for layer in sorted(convolutions, key=str)])


@pytest.mark.long
def test_pools_of_the_experiments() -> None:
    _, pools = layers()
    assert len(pools) > 20
    compare([case for layer in sorted(pools, key=str) for case in pool_cases(*layer)])
