"""Convolutions, max and average at every shape that the networks of the experiments have, against XLA's own."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from poolscope.kernels.convolution import fast_conv
from poolscope.pooling.averages import avg_pool
from poolscope.pooling.extremes import max_pool
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
        for config in compose_runs([f"experiment={experiment}"], True).configs:
            shape = IMAGES[config.data.name]
            for layer in plan_network(config, shape, 10).layers:
                if layer.kind == "conv":
                    convolutions.add((shape, layer.window, layer.output[2]))
                elif layer.kind == "pool":
                    pools.add((shape, layer.window))
                shape = layer.output
    return convolutions, pools


def compare(ours: Callable[..., Any], reference: Callable[..., Any], *given: np.ndarray, message: str) -> None:
    """Values, and the gradients for a random output gradient, relative to the largest entry."""
    outputs = jax.eval_shape(reference, *given)
    gradient = np.random.default_rng(1).normal(size=outputs.shape).astype(np.float32)

    def evaluate(function: Callable[..., Any], **options: Any) -> list[np.ndarray]:
        def both(*given: Any) -> tuple[Any, ...]:
            value, pull = jax.vjp(function, *given)
            return (value, *pull(jnp.asarray(gradient)))

        return [np.asarray(part) for part in jax.jit(both, **options)(*given)]

    quickly = {"xla_backend_optimization_level": 0}
    for found, expected in zip(evaluate(ours), evaluate(reference, compiler_options=quickly), strict=True):
        error = np.abs(found - expected).max() / np.abs(expected).max()
        assert error < 1e-5, f"{message}: relative error {error:.1e}"


def test_convolutions() -> None:
    convolutions, _ = layers()
    assert len(convolutions) > 30
    rng = np.random.default_rng(0)
    for shape, window, filters in convolutions:
        images = rng.normal(size=(BATCH, *shape)).astype(np.float32)
        kernel = rng.normal(size=(*window.size, shape[2], filters)).astype(np.float32)
        options = {"window_strides": window.stride, "rhs_dilation": window.dilation}
        reference = partial(lax.conv_general_dilated, dimension_numbers=("NHWC", "HWIO", "NHWC"), **options)
        compare(
            partial(fast_conv, padding=window.padding, **options),
            partial(reference, padding=window.padding),
            *(images, kernel),
            message=f"{shape} {window} {filters} filters",
        )


def test_pools() -> None:
    _, pools = layers()
    assert len(pools) > 20
    rng = np.random.default_rng(0)
    for shape, window in pools:
        images = rng.normal(size=(BATCH, *shape)).astype(np.float32)
        pads = ((0, 0), *window.pads(*shape[:2]), (0, 0))

        def slide(x: Any, start: float, combine: Any, window: Window = window, pads: Any = pads) -> Any:
            sizes = [(1, *each, 1) for each in (window.size, window.stride, window.dilation)]
            return lax.reduce_window(x, start, combine, sizes[0], sizes[1], pads, window_dilation=sizes[2])

        def mean(x: Any, slide: Any = slide) -> Any:
            return slide(x, 0.0, lax.add) / slide(jnp.ones_like(x), 0.0, lax.add)

        message = f"{shape} {window}"
        if max(window.dilation) == 1:  # XLA has no gradient for the maximum of dilated windows
            compare(
                partial(max_pool, window=window),
                partial(slide, start=-np.inf, combine=lax.max),
                images,
                message=f"max {message}",
            )
        compare(partial(avg_pool, window=window), mean, images, message=f"average {message}")
