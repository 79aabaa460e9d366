"""Maximum and minimum of the window, with a gradient that goes to the first extreme cell.

XLA lowers the gradient of `reduce_window` to select-and-scatter, which is several times slower on CPUs than comparing
strided slices; other back ends have fast kernels for it. Both forms are here, agree exactly (ties included), and the
compiler takes the one of the platform that it lowers for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial, reduce
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from poolscope.kernels.fusion import compute_apart
from poolscope.kernels.linear import call_linear
from poolscope.pooling.declare import operator
from poolscope.pooling.window_cells import slice_taps
from poolscope.spec.geometry import Pair, Window

T = TypeVar("T")


@operator(
    "max",
    order=0,
    family="extremes",
    summary="largest value of the window",
    formula="max x",
    source="Yamaguchi et al. 1990",
    numpy="max",
)
def max_pool(x: Array, window: Window) -> Array:
    """Largest cell of each window, y = max x_i; padding counts as minus infinity and NaN as largest.

    x: (N, H, W, C). The gradient goes to the first largest cell in row-major order. Raises PoolscopeError if the window
    doesn't fit. (Yamaguchi et al. 1990.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> max_pool(x, 2).item()
        6.0
    """
    if max(window.dilation) > 1:
        return _compare_slices(x, window)
    return lax.platform_dependent(
        x, cpu=partial(_compare_slices, window=window), default=partial(_reduce_window, window=window)
    )


@operator(
    "min",
    order=2,
    family="extremes",
    summary="smallest value of the window",
    formula="min x",
    source="-max(-x) of Yamaguchi et al. 1990",
    numpy="min",
)
def min_pool(x: Array, window: Window) -> Array:
    """Smallest cell of each window, y = min x_i = -max(-x_i); ties and padding as in `max_pool`.

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> min_pool(x, 2).item()
        1.0
    """
    return -max_pool(-x, window)


def _reduce_window(x: Array, window: Window) -> Array:
    pads = ((0, 0), *window.pads(*x.shape[1:3]), (0, 0))
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, *window.size, 1), (1, *window.stride, 1), pads)


def _compare_slices(x: Array, window: Window) -> Array:
    """Max by comparing slices: along columns, then rows, where windows overlap much; else all K taps at once.

    The first largest cell of the first row that holds it is the first in row-major order, so both have one tie rule.
    """
    rows, columns = window.pads(*x.shape[1:3])
    overlapping = any(k >= 5 or (s == 1 and k >= 3) for k, s in zip(window.size, window.stride, strict=True))
    if not overlapping or min(window.size) == 1:
        return _first_max(x, replace(window, padding=(rows, columns)), x.shape[1:3])
    (size_h, size_w), (step_h, step_w), (gap_h, gap_w) = window.size, window.stride, window.dilation
    across = Window((1, size_w), (1, step_w), ((0, 0), columns), (1, gap_w))
    down = Window((size_h, 1), (step_h, 1), (rows, (0, 0)), (gap_h, 1))
    return _first_max(_first_max(x, across, x.shape[1:3]), down, (x.shape[1], across.output(*x.shape[1:3])[1]))


@partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def _first_max(x: Array, window: Window, size: Pair) -> Array:
    """Largest tap of each window of a map of this size."""
    return _compute(lambda x: _find_first_max(x, window)[0], x, window)


@partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def _indexed_first_max(x: Array, window: Window, size: Pair) -> tuple[Array, Array]:
    """Largest tap of each window, and its number: all that the derivatives need of x, in one byte per output."""
    return _compute(partial(_find_first_max, window=window), x, window)


@_indexed_first_max.defjvp
def _differentiate_indexed(window: Window, size: Pair, primals: Any, tangents: Any) -> tuple[Any, Any]:
    y, index = _indexed_first_max(*primals, window, size)
    output = jax.ShapeDtypeStruct(y.shape, y.dtype)
    change = call_linear(_pick, _spread, [index], *tangents, output, window, size)
    return (y, index), (change, np.zeros(index.shape, jax.dtypes.float0))


@_first_max.defjvp
def _differentiate(window: Window, size: Pair, primals: Any, tangents: Any) -> tuple[Array, Array]:
    (y, _), (change, _) = _differentiate_indexed(window, size, primals, tangents)
    return y, change


def _find_first_max(x: Array, window: Window) -> tuple[Array, Array]:
    """The largest tap of each window and its number."""
    top, *others = slice_taps(x, window, -jnp.inf)
    index, magnitude = jnp.zeros(top.shape, _index_dtype(window)), jnp.abs(top)
    for number, tap in enumerate(others, start=1):
        larger = tap > top
        index = jnp.where(larger, index.dtype.type(number), index)
        top = jnp.where(larger, tap, top)
        magnitude += jnp.abs(tap)  # NaN where a tap is; cheaper than asking at every comparison
    return jnp.where(jnp.isnan(magnitude), magnitude, top), index


def _pick(fixed: Sequence[Array], change: Array, window: Window, size: Pair) -> Array:
    """The change of each output: that of the tap with its number."""
    (index,) = fixed
    taps = enumerate(slice_taps(change, window, 0.0))
    return reduce(lambda picked, tap: jnp.where(index == tap[0], tap[1], picked), taps, jnp.zeros((), change.dtype))


def _spread(fixed: Sequence[Array], gradient: Array, window: Window, size: Pair) -> Array:
    """Each output's gradient at the tap with its number."""
    (index,) = fixed
    blocks = window.stride == window.size and window.dilation == (1, 1) and not any(map(any, window.pads(*size)))
    spread = partial(_spread_blocks if blocks else _spread_phases, index=index, window=window, size=size)
    return _compute(spread, gradient, window)


def _compute(function: Callable[[Array], T], x: Array, window: Window) -> T:
    """function(x), apart unless its readers compute it again at less cost: few taps, each cell in one window, and
    enough channels to fill a vector register."""
    cheap = window.cells <= 4 and window.stride == window.size and x.shape[-1] >= 32
    return function(x) if cheap else compute_apart(function, x)


def _spread_blocks(gradient: Array, index: Array, window: Window, size: Pair) -> Array:
    """Each output's gradient at its tap, for windows that tile the map."""
    (height, width), (size_h, size_w) = size, window.size
    out_h, out_w = window.output(height, width)
    numbers = np.arange(window.cells, dtype=index.dtype).reshape(1, 1, size_h, 1, size_w, 1)
    spread = jnp.where(index[:, :, None, :, None, :] == numbers, gradient[:, :, None, :, None, :], 0)
    spread = spread.reshape(gradient.shape[0], out_h * size_h, out_w * size_w, gradient.shape[3])
    return jnp.pad(spread, ((0, 0), (0, height - out_h * size_h), (0, width - out_w * size_w), (0, 0)))


def _spread_phases(gradient: Array, index: Array, window: Window, size: Pair) -> Array:
    """Each output's gradient at its tap, for any window: one sum for each phase of the stride, then interleaved.

    Tap i of output o lies at i d + o s = phase + s (o + shift) with phase = i d mod s and shift = i d div s.
    """
    (height, width), ((top, _), (left, _)) = size, window.pads(*size)
    (step_h, step_w), (gap_h, gap_w), (out_h, out_w) = window.stride, window.dilation, window.output(height, width)
    blocks_h = max(-(-(height + top) // step_h), out_h + (window.size[0] - 1) * gap_h // step_h)
    blocks_w = max(-(-(width + left) // step_w), out_w + (window.size[1] - 1) * gap_w // step_w)
    zero = jnp.zeros((), gradient.dtype)
    empty = jnp.zeros((gradient.shape[0], blocks_h, blocks_w, gradient.shape[3]), gradient.dtype)
    phases: dict[Pair, Array] = {}
    for number in range(window.cells):
        (shift_h, phase_h), (shift_w, phase_w) = (
            divmod(tap * gap, step)
            for tap, gap, step in zip(divmod(number, window.size[1]), window.dilation, window.stride, strict=True)
        )
        chosen = jnp.where(index == index.dtype.type(number), gradient, zero)
        placed = lax.pad(
            chosen,
            zero,
            ((0, 0, 0), (shift_h, blocks_h - out_h - shift_h, 0), (shift_w, blocks_w - out_w - shift_w, 0), (0, 0, 0)),
        )
        phase = (phase_h, phase_w)
        phases[phase] = phases[phase] + placed if phase in phases else placed
    whole = interleave([[phases.get((a, b), empty) for b in range(step_w)] for a in range(step_h)])
    return whole[:, top : top + height, left : left + width]


def interleave(phases: list[list[Array]]) -> Array:
    """The map whose every (a, b)-th of (s_h, s_w) cells is phases[a][b]."""
    steps = (len(phases), len(phases[0]))
    count, height, width, channels = phases[0][0].shape
    if steps == (1, 1):
        return phases[0][0]
    stacked = jnp.stack([jnp.stack(row, 3) for row in phases], 2)
    return stacked.reshape(count, height * steps[0], width * steps[1], channels)


def _index_dtype(window: Window) -> Any:
    return jnp.int8 if window.cells <= 127 else jnp.int32
