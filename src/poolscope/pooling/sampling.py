"""Operators that pick cells: at fixed positions, or at random."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from poolscope.pooling.declare import operator
from poolscope.pooling.window_cells import (
    WindowCells,
    real_cells,
    reduce_cells,
    take_positions,
    tap_positions,
)
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import Window


@operator(
    "subsample",
    order=10,
    family="sampling",
    summary="first cell of the window: plain decimation",
    formula="x[::s]",
    source="control without pooling",
    reads="1",
)
def subsample(x: Array, window: Window) -> Array:
    """First real cell of each window: plain decimation x[::s], as many cells as the window's geometry gives.

    x: (N, H, W, C). All other cells get no gradient. Raises PoolscopeError if the window doesn't fit.

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> subsample(x, 2).item()
        1.0
    """
    rows, columns = first_cells(window, *x.shape[1:3])
    return take_positions(take_positions(x, 1, rows), 2, columns)


def first_cells(window: Window, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of each window's first cell that isn't padding."""
    return tuple(
        np.take_along_axis(cells, real.argmax(0)[None], 0)[0]
        for cells, real in zip(tap_positions(window, height, width), real_cells(window, height, width), strict=True)
    )


@operator(
    "stochastic",
    order=7,
    family="sampling",
    summary="one cell drawn in proportion to its value; its expectation when evaluated",
    formula="x_l, l ~ x / sum x; evaluated: sum x^2 / sum x",
    source="Zeiler & Fergus 2013",
    recommended="to regularise large networks, also beside dropout and augmentation: the best of its time "
    "without augmentation on four sets",
    stochastic=True,
)
def stochastic_pool(x: Array, window: Window, *, key: Array | None = None, deterministic: bool = False) -> Array:
    """One cell drawn with probability p_i = a_i / sum a, a = max(x, 0); deterministic: its mean, sum a_i^2 / sum a_i.

    x: (N, H, W, C). Scope of the randomness: every window, channel and example draws for itself. Negative cells are
    never drawn, a window without positive cells gives 0. In training only the drawn cell gets a gradient.
    Raises PoolscopeError without a key unless deterministic. (Zeiler & Fergus 2013.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> stochastic_pool(x, 2, key=jax.random.key(0)).item() in (1.0, 2.0, 3.0, 6.0)
        True
        >>> round(stochastic_pool(x, 2, deterministic=True).item(), 4)
        4.1667
    """

    def expectation(cells: WindowCells) -> Array:
        mass = [jax.nn.relu(cell) for cell in cells.values]
        total = cells.sum(mass)
        positive = total > 0
        return jnp.where(positive, cells.sum(a * a for a in mass) / jnp.where(positive, total, 1), 0)

    def draw(cells: WindowCells) -> Array:
        mass = [lax.stop_gradient(jax.nn.relu(cell)) for cell in cells.values]  # padding holds 0 and is never drawn
        uniform = jax.random.uniform(need_key("stochastic", key), mass[0].shape, mass[0].dtype)
        threshold = uniform * sum(mass[1:], mass[0])
        drawn, reached = jnp.zeros_like(mass[0]), jnp.zeros_like(mass[0])
        for cell, a in zip(cells.values, mass, strict=True):
            drawn = jnp.where((reached <= threshold) & (reached + a > threshold), cell, drawn)
            reached = reached + a
        return drawn

    return reduce_cells(x, window, expectation if deterministic else draw)


def need_key(operator: str, key: Array | None) -> Array:
    """The random key, which training of a stochastic operator can't do without."""
    if key is None:
        raise PoolscopeError(f"{operator} draws at random in training and needs key=; pass one or deterministic=True.")
    return key
