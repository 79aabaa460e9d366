"""What an operator does to one small map, cell by cell: who reads whom, and where the gradient goes.

Nothing is asked of an operator but its function: derivatives come from JAX, what an output reads from changing one cell
at a time, and corners (ties of a maximum, say) from second differences that don't shrink with the step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from poolscope.pooling.contract import compile_quickly
from poolscope.spec.errors import PoolscopeError

MOST_CELLS = 1024  # of a map: all derivatives are held, a map for each output
LARGEST = 1_000_000  # a cell's value: cells are moved by a thousand times as much, and some operators take powers
_FAR = 1e3  # times the largest value: what a cell is changed by to see who reads it


@dataclass(frozen=True)
class Tie:
    """Equal cells at which an output's derivative isn't unique, and the share of its gradient that each one gets."""

    output: tuple[int, int]
    cells: tuple[tuple[int, int], ...]
    value: float
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Routing:
    """An operator traced on one map x, (H, W).

    output: (out_h, out_w, channels). cotangent: the weight of each output, of the same shape. gradient: of the weighted
    sum by each cell, (H, W). shares: derivative of each output by each cell, (out_h, out_w, channels, H, W). reads:
    whether the output changes with the cell in any channel, (out_h, out_w, H, W). corners: whether its derivative jumps
    where the cell passes its value, likewise.
    """

    x: np.ndarray
    output: np.ndarray
    cotangent: np.ndarray
    gradient: np.ndarray
    shares: np.ndarray
    reads: np.ndarray
    corners: np.ndarray

    @property
    def unread(self) -> np.ndarray:
        """Cells that no output reads, bool (H, W)."""
        return np.asarray(~self.reads.any((0, 1)))

    @property
    def indices(self) -> np.ndarray | None:
        """The number of the cell that each output copies, row by row, (out_h, out_w, channels); None if not all do."""
        flat = self.shares.reshape(*self.output.shape, -1)
        copies = (np.abs(flat - 1) < 1e-5).sum(-1) == 1
        alone = (np.abs(flat) > 1e-5).sum(-1) == 1
        return np.abs(flat).argmax(-1) if bool((copies & alone).all()) else None

    def ties(self) -> Iterator[Tie]:
        """The ties of each output, in order."""
        for place in np.ndindex(self.reads.shape[:2]):
            concerned = self.reads[place] & self.corners[place]
            for value in np.unique(self.x[concerned]):
                cells = np.argwhere(self.reads[place] & (self.x == value))
                if len(cells) > 1:
                    shares = self.shares[place].sum(0)[tuple(cells.T)]
                    yield Tie(place, tuple((int(r), int(c)) for r, c in cells), float(value), tuple(shares.tolist()))


def check_traceable(values: np.ndarray, name: str) -> None:
    """Refuse a map too large to trace cell by cell, or with values too large, or not finite, to take derivatives at.

    Args:
        values: of a map, or the cotangent of one, (H, W).
        name: what the sentence calls it.

    Raises:
        PoolscopeError: naming the size or the value.
    """
    if values.size > MOST_CELLS:
        raise PoolscopeError(
            f"{name} must have at most {MOST_CELLS} cells for a backward pass, not {'x'.join(map(str, values.shape))}."
        )
    if len(odd := values[~(np.abs(values) <= LARGEST)]):
        raise PoolscopeError(
            f"{name} must hold numbers from {-LARGEST:,} to {LARGEST:,} for a backward pass, not {odd[0]:g}."
        )


def trace_operator(
    function: Callable[[jax.Array], jax.Array], x: np.ndarray, cotangent: np.ndarray | None = None
) -> Routing:
    """Trace an operator on one map.

    Args:
        function: of maps (1, H, W, 1), to (1, out_h, out_w, channels); of one that draws at random with its key fixed.
        x: float32 (H, W), one that `check_traceable` takes.
        cotangent: the weight of each output, (out_h, out_w); ones by default.
    """

    def one(x: jax.Array) -> jax.Array:
        return function(x[None, :, :, None])[0]

    changes = np.eye(x.size, dtype=np.float32).reshape(x.size, *x.shape)
    size = max(1.0, float(np.abs(x).max()))
    step = _choose_step(x, size)
    steps = [sign * scale for scale in (_FAR * size, step, step / 4) for sign in (1, -1)]

    def program(x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        moved = [jax.vmap(one)(x + jnp.float32(scale) * changes) for scale in steps]
        return one(x), jax.jacrev(one)(x), jnp.stack(moved)

    output, shares, moved = (np.asarray(part, np.float32) for part in compile_quickly(program)(jnp.asarray(x)))
    moved = moved.reshape(len(steps), *x.shape, *output.shape).transpose(0, 3, 4, 5, 1, 2)
    still = output[..., None, None]
    up, down, near_up, near_down = moved[2:]
    jumps = [np.abs(a + b - 2 * still) / scale for a, b, scale in ((up, down, step), (near_up, near_down, step / 4))]
    corners = (jumps[0] > 0.02) & (jumps[1] > 0.6 * jumps[0])
    weights = np.ones(output.shape[:2], np.float32) if cotangent is None else cotangent
    weights = np.broadcast_to(weights[:, :, None], output.shape)
    return Routing(
        x,
        output,
        weights,
        np.tensordot(weights, shares, 3),
        shares,
        (np.abs(moved[:2] - still) > 1e-3 * size).any((0, 3)),
        corners.any(2),
    )


def _choose_step(x: np.ndarray, size: float) -> float:
    """A step that moves no cell past another one that it isn't equal to, as far as float32 allows."""
    gaps = np.diff(np.unique(x))
    return float(np.clip(gaps.min() / 4 if gaps.size else size, 1e-3 * size, 0.05 * size))
