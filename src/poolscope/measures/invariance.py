"""Claims of invariance by form: untrained networks whose maps have no edges, under shifts by whole pixels and parts.

A network of circular convolutions that ends in a global average sees no shift at all, unless its pools do; so whatever
moves its logits is the pools' doing. Weights are those that training would start from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from poolscope.measures.shifts import logit_stability, predict_shifts, shift_consistency, square_shifts
from poolscope.pooling import max_sampling_bias
from poolscope.spec.config import ModelConfig, PoolConfig, RunConfig, check_pool
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import Window, make_window
from poolscope.spec.plan import plan_network
from poolscope.training.initial import Drawing
from poolscope.training.network import ConvNet

# Operators with a claim, and those that they are compared with.
COMPARED = (
    *("max", "avg", "subsample", "none", "blur", "max_blur", "spectral", "frequency", "flc", "asap", "wavelet"),
    *("aps", "lps", "tips"),
)
WIDTH, CLASSES = 8, 10
MAX_SHIFT = 3  # whole pixels; parts go up to one pixel
EXACT = 1e-4  # largest share of the distance between two images that counts as rounding


@dataclass(frozen=True)
class Invariance:
    """What shifts do to one operator's untrained networks, means over seeds.

    consistency_*: share of pairs of shifts with equal predictions; stability_*: distance by which a shift moves the
    logits, by the distance of two images' logits; circular: all whole shifts of at most 3 pixels on both axes,
    subpixel: all halves of at most 1. exact_*: whether no shift moved any logit beyond rounding, with any seed.
    sampling_bias: share of windows whose output is their largest cell, mean over the pools; NaN without one.
    """

    consistency_circular: float
    stability_circular: float
    exact_circular: bool
    consistency_subpixel: float
    stability_subpixel: float
    exact_subpixel: bool
    sampling_bias: float
    seeds: int
    images: int


def measure_untrained(pool: PoolConfig, images: np.ndarray, seeds: Sequence[int], dense: bool = False) -> Invariance:
    """Measure networks of three 3x3 convolutions (8, 16, 32 filters), pooled after the first two, with a mean head.

    Args:
        pool: the operator and its window; its padding is left out, since maps wrap around.
        images: (N, H, W, C), levels 0..255.
        seeds: of the weights, a network each.
        dense: the à-trous network instead, whose pools don't subsample: the control that is invariant by its form.

    Raises:
        PoolscopeError: where the operator or the images don't fit such a network.
    """
    check_pool(pool)
    if len(images) < 2:
        raise PoolscopeError(f"At least 2 images are needed, not {len(images)}.")
    model = ModelConfig(
        blocks=3, pool_stages=2, pool_after="early", width=WIDTH, conv_padding="CIRCULAR", head="avg", dense=dense
    )
    config = RunConfig(model=model, pool=pool)
    plan = plan_network(config, images.shape[1:], CLASSES)
    windows = [layer.window for layer in plan.layers if layer.kind == "pool" and layer.window]
    drawings: dict[str, Drawing] = {}
    networks = [nnx.split(ConvNet(config, plan, jax.random.key(seed), drawings)) for seed in seeds]
    graph = networks[0][0]
    program = jax.jit(lambda state, x: nnx.merge(graph, state)(x, train=False))
    circular, subpixel, biases = [], [], []
    for _, state in networks:
        predict = partial(_predict, program, state)
        circular.append(predict_shifts(predict, images, square_shifts(MAX_SHIFT)))
        subpixel.append(predict_shifts(predict, images, square_shifts(2) / 2, "subpixel"))
        for (before, after), window in zip(_run(program, state, images)[1].values(), windows, strict=True):
            biases.append(_measure_bias(before, after, window))
    values: dict[str, Any] = {"seeds": len(seeds), "images": len(images)}
    values["sampling_bias"] = float(np.mean(biases)) if biases else float("nan")
    for name, shifted in (("circular", circular), ("subpixel", subpixel)):
        values[f"consistency_{name}"] = float(np.mean([shift_consistency(one.predictions) for one in shifted]))
        values[f"stability_{name}"] = float(np.mean([logit_stability(one) for one in shifted]))
        values[f"exact_{name}"] = all(bool(one.moved.max() <= EXACT * one.spread) for one in shifted)
    return Invariance(**values)


def _measure_bias(before: jax.Array, after: jax.Array, window: Window) -> float:
    """`max_sampling_bias` without padding; NaN where the pooled maps have another shape than windows give."""
    plain = make_window(window.size, window.stride, "VALID", window.dilation)
    if plain.output(*before.shape[1:3]) != after.shape[1:3] or before.shape[3] != after.shape[3]:
        return float("nan")
    return float(max_sampling_bias(before, after, plain))


def measure_rows(
    pools: Sequence[PoolConfig], data: str, images: np.ndarray, seeds: Sequence[int]
) -> list[dict[str, Any]]:
    """Make the rows of the table: each operator, and max in the à-trous network as the control."""
    measure = partial(measure_untrained, images=images, seeds=seeds)
    rows = []
    for pool, dense in [*((pool, False) for pool in pools), (PoolConfig(name="max"), True)]:
        window = make_window(pool.window, pool.stride)
        sizes = {"window": str(window.size[0]), "stride": str(window.stride[0])}
        key = {"data": data, "pool": pool.name, **sizes, "network": "a-trous" if dense else "strided"}
        rows.append(key | asdict(measure(pool, dense=dense)))
    return rows


def _run(program: Callable[..., Any], state: Any, images: np.ndarray) -> Any:
    return program(state, jnp.asarray(images, jnp.float32) / 255 - 0.5)


def _predict(program: Callable[..., Any], state: Any, images: np.ndarray) -> np.ndarray:
    return np.asarray(_run(program, state, images)[0])
