"""Operators on polyphase components: the s_h s_w maps that start at each offset and take every s-th cell.

All phases have the window geometry's size; a cell past the edge wraps around to the other side (on sizes that the
stride divides, none is).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from poolscope.kernels.convolution import fast_conv
from poolscope.pooling.declare import operator
from poolscope.pooling.sampling import need_key
from poolscope.pooling.window_cells import take_positions, widen
from poolscope.spec.declaration import Choice, Learned, Real, Whole
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import Window

NORMS: dict[str, Callable[[Array], Array]] = {
    "l2": lambda phase: jnp.sum(jnp.square(phase), (1, 2, 3)),
    "l1": lambda phase: jnp.sum(jnp.abs(phase), (1, 2, 3)),
    "linf": lambda phase: jnp.max(jnp.abs(phase), (1, 2, 3)),
}


def split_phases(x: Array, window: Window) -> list[Array]:
    """The phases of a fitted geometry in row-major order of their offsets, each (N, out_h, out_w, C)."""
    (step_h, step_w), (out_h, out_w) = window.stride, window.output(*x.shape[1:3])
    rows = [take_positions(x, 1, (a + step_h * np.arange(out_h)) % x.shape[1]) for a in range(step_h)]
    return [take_positions(row, 2, (b + step_w * np.arange(out_w)) % x.shape[2]) for row in rows for b in range(step_w)]


def space_to_depth(x: Array, block: int | Sequence[int]) -> Array:
    """All cells of each block as channels: (N, H, W, C) -> (N, H / h, W / w, h w C), offset-major as in TensorFlow.

    Rows and columns past the last whole block are left out. Raises PoolscopeError if a block is larger than the map.

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> space_to_depth(x, 2).tolist()
        [[[1.0, 2.0, 3.0, 6.0]]]
    """
    return stack_phases(x, block)


@operator(
    "space_to_depth",
    order=33,
    family="phases",
    summary="every cell kept: blocks become channels",
    formula="x[i::s, j::s] for all i, j",
    source="Shi et al. 2016",
    also="pixel unshuffle",
    kind="map",
    channels="S",
)
def stack_phases(x: Array, window: Window) -> Array:
    """`space_to_depth` on a window's geometry: the blocks are its strides, the size is its output."""
    return jnp.concatenate(split_phases(x, window), axis=3)


@operator(
    "aps",
    order=30,
    family="phases",
    summary="the polyphase component with the largest norm, example by example",
    formula="x[i::s, j::s], (i, j) = argmax norm",
    source="Chaman & Dokmanic 2021",
    recommended="where shifts must not change a prediction: 100 % consistency, before training too, without "
    "loss of accuracy",
    options={"norm": Choice(help="l2, l1 or linf", choices=("l2", "l1", "linf"))},
    no_stride1_form="the phase that it keeps depends on the image",
    kind="map",
)
def aps_pool(x: Array, window: Window, *, norm: str = "l2") -> Array:
    """Adaptive polyphase sampling: of each example, the phase with the largest norm over all positions and channels.

    x: (N, H, W, C); norm: l2, l1 or linf. Of equal phases the first in row-major order. A circular shift of an input
    whose size the stride divides only shifts the output. The gradient goes to the chosen phase. Raises PoolscopeError
    on another norm or a window that doesn't fit. (Chaman & Dokmanic 2021.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> aps_pool(x, 2).item()
        6.0
    """
    if norm not in NORMS:
        raise PoolscopeError(f"aps norm must be one of {', '.join(NORMS)}, not {norm!r}.")
    phases = split_phases(x, window)
    return choose_phase(phases, jnp.stack([NORMS[norm](widen(phase)) for phase in phases]))


@operator(
    "lps",
    order=31,
    family="phases",
    summary="polyphase components scored by a small network; mixed in training, the best one when evaluated",
    formula="sum softmax((f + gumbel) / tau) x[i::s, j::s]",
    source="Rojas-Gomez et al. 2022",
    recommended="where shifts must not change a prediction: consistent as aps, at equal or higher accuracy; for "
    "segmentation too",
    options={
        "hidden": Whole(8, help="width of the scoring network", most=1000),
        "tau": Real(help="temperature of the mixture", least=0, open=True, most=1e6),
    },
    learned={
        "kernel1": Learned((3, 3, "C", "hidden"), "he_normal"),
        "bias1": Learned(("hidden",)),
        "kernel2": Learned((3, 3, "hidden", "hidden"), "he_normal"),
        "bias2": Learned(("hidden",)),
    },
    stochastic=True,
    no_stride1_form="the phase that it keeps depends on the image",
    kind="map",
    macs="9*hidden*(C + hidden)*S*O",
)
def lps_pool(
    x: Array,
    window: Window,
    *,
    kernel1: Array,
    bias1: Array,
    kernel2: Array,
    bias2: Array,
    tau: float = 1.0,
    key: Array | None = None,
    deterministic: bool = False,
) -> Array:
    """Learnable polyphase sampling: phases scored by a small network f; training mixes them, evaluation picks the best.

    f = mean(conv(relu(conv(phase)))) with circular 3x3 filters kernel1 (3, 3, C, h), kernel2 (3, 3, h, h); training:
    sum_k softmax((f_k + Gumbel noise) / tau) phase_k; deterministic: the phase with the largest f. x: (N, H, W, C).
    Scope of the randomness: every example and phase draws its own noise. Raises PoolscopeError without a key unless
    deterministic. (Rojas-Gomez et al. 2022.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> zeros = {"kernel1": jnp.zeros((3, 3, 1, 1)), "bias1": jnp.zeros(1)}
        >>> zeros |= {"kernel2": jnp.zeros((3, 3, 1, 1)), "bias2": jnp.zeros(1)}
        >>> lps_pool(x, 2, deterministic=True, **zeros).item()
        1.0
    """
    phases = split_phases(x, window)

    together = widen(jnp.concatenate(phases))
    hidden = jax.nn.relu(_filter_circle(together, kernel1) + bias1.astype(together.dtype))
    # On a circle the mean of what a filter gives is the filter's sum times the mean of what it reads.
    second = kernel2.astype(together.dtype).sum((0, 1)).mean(1)
    scores = hidden.mean((1, 2)) @ second + bias2.astype(together.dtype).mean()
    scores = scores.reshape(len(phases), x.shape[0])
    if deterministic:
        return choose_phase(phases, scores)
    noise = jax.random.gumbel(need_key("lps", key), scores.shape, scores.dtype)
    weights = jax.nn.softmax((scores + noise) / tau, axis=0)[:, :, None, None, None]
    mixed = [w * widen(phase) for w, phase in zip(weights, phases, strict=True)]
    return sum(mixed[1:], mixed[0]).astype(x.dtype)


def _filter_circle(maps: Array, kernel: Array) -> Array:
    """The circular 3x3 convolution of maps (N, H, W, C) with few filters (3, 3, C, F), by the taps' products.

    On CPU one product gives every cell's part in its nine neighbours' sums: a convolution leaves registers empty there.
    """
    filters = kernel.shape[3]
    weights = kernel.astype(maps.dtype).transpose(2, 0, 1, 3).reshape(1, 1, maps.shape[3], 9 * filters)
    parts = fast_conv(maps, weights, (1, 1), "VALID")
    taps = jnp.split(parts, 9, axis=3)
    moved = [jnp.roll(tap, (1 - number // 3, 1 - number % 3), (1, 2)) for number, tap in enumerate(taps)]
    return sum(moved[1:], moved[0])


def choose_phase(phases: Sequence[Array], scores: Array) -> Array:
    """Each example's phase with the largest score, (phases, N); the first of equals."""
    best = jnp.argmax(lax.stop_gradient(scores), axis=0)[:, None, None, None]
    chosen = phases[0]
    for number, phase in enumerate(phases[1:], start=1):
        chosen = jnp.where(best == number, phase, chosen)
    return chosen
