"""The cells that a sliding window reads, and the sums over them that every local operator is made of.

A local operator is a *reduction over cells*: cell q is the map of the q-th cell (row-major) of every window. The same
reduction at stride 1 followed by taking every s-th position is the operator at stride s, and the same reduction over
dilated cells is the operator's a-trous form; so neither needs code of its own.

Cells that are padding are known from the geometry alone. They hold 0 and are left out of every sum, mean and
maximum, so padding never leaks into a result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from poolscope.kernels.fusion import compute_apart
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import Pair, Window, make_window

Size = int | Sequence[int] | Window
Stride = int | Sequence[int] | None  # as the window where None


def fit_window(
    x: Array, window: Size, stride: Stride = None, padding: Any = "VALID", dilation: Any = 1, ceil_mode: bool = False
) -> Window:
    """The checked window of an operator on feature maps x, (N, H, W, C) and floating.

    A ready Window may be given as `window`; it brings its own stride, padding and dilation, and its ceil_mode where
    that isn't asked for here.
    Raises PoolscopeError if x is no such array, the window doesn't fit, or a window would see nothing but padding.
    """
    if x.ndim != 4:
        raise PoolscopeError(f"x must be feature maps of shape (N, H, W, C), not {x.shape}.")
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise PoolscopeError(f"x must hold floating-point numbers, not {x.dtype}.")
    if isinstance(window, Window):
        fitted = replace(window, ceil_mode=True) if ceil_mode else window
    else:
        fitted = make_window(window, stride, padding, dilation, ceil_mode=ceil_mode)
    height, width = x.shape[1:3]
    if min(fitted.output(height, width)) < 1:
        raise PoolscopeError(f"window {_plain(window)} is larger than its {height}x{width} input.")
    if not all(axis.any(axis=0).all() for axis in real_cells(fitted, height, width)):
        raise PoolscopeError(
            f"padding {fitted.padding} gives window {_plain(window)} positions on a {height}x{width} input that see "
            "nothing but padding; each side must be smaller than the window."
        )
    return fitted


def dense_window(window: Window, height: int, width: int) -> Window:
    """The window at stride 1 with the padding it has at its own stride; every s-th position is the strided output."""
    return replace(window, stride=(1, 1), padding=window.pads(height, width))


def real_cells(
    window: Window, height: int, width: int, counted: tuple[Pair, Pair] = ((0, 0), (0, 0))
) -> tuple[np.ndarray, np.ndarray]:
    """For each axis, bool (taps, outputs): whether the tap reads a cell of the map or of the counted padding."""
    return tuple(  # type: ignore[return-value]
        (cells >= -before) & (cells < n + after)
        for cells, n, (before, after) in zip(
            tap_positions(window, height, width), (height, width), counted, strict=True
        )
    )


def tap_positions(window: Window, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """For each axis, int (taps, outputs): the row or column that the tap reads; outside the map where it is padding."""
    return tuple(  # type: ignore[return-value]
        np.arange(k)[:, None] * d + np.arange(out)[None, :] * s - pad[0]
        for k, d, s, out, pad in zip(
            window.size,
            window.dilation,
            window.stride,
            window.output(height, width),
            window.pads(height, width),
            strict=True,
        )
    )


def cell_counts(window: Window, height: int, width: int, counted: tuple[Pair, Pair] = ((0, 0), (0, 0))) -> np.ndarray:
    """Number of cells of the map, and of the padding that is counted, in each window, int (out_h, out_w)."""
    rows, columns = real_cells(window, height, width, counted)
    return np.outer(rows.sum(0), columns.sum(0))


@dataclass(frozen=True)
class WindowCells:
    """The K cells of every window, each an array (N, out_h, out_w, C), and which of them are real.

    real: bool (K, out_h, out_w, 1), or None where no window touches padding.
    """

    values: tuple[Array, ...]
    real: np.ndarray | None

    @property
    def counts(self) -> np.ndarray:
        """Real cells in each window, (out_h, out_w, 1) or (1, 1, 1)."""
        return np.full((1, 1, 1), len(self.values)) if self.real is None else self.real.sum(0)

    def keep(self, terms: Iterable[Array], otherwise: float = 0.0) -> list[Array]:
        """One term per tap, with `otherwise` in the place of padding."""
        if self.real is None:
            return list(terms)
        return [jnp.where(real, term, otherwise) for real, term in zip(self.real, terms, strict=True)]

    def sum(self, terms: Iterable[Array]) -> Array:
        """Sum over the real cells of one term per tap."""
        return _materialise(reduce(jnp.add, self.keep(terms)))

    def mean(self, terms: Iterable[Array]) -> Array:
        """Mean over the real cells of one term per tap."""
        total = self.sum(terms)
        return total / jnp.asarray(self.counts, total.dtype)

    def top(self, terms: Iterable[Array]) -> Array:
        """Largest term over the real cells, as a constant: the safe scale of exponentials and powers."""
        return _materialise(lax.stop_gradient(reduce(jnp.maximum, self.keep(terms, -jnp.inf))))

    def softmax(self, scores: Sequence[Array]) -> list[Array]:
        """exp(score - top score) for each tap, exactly 0 on padding; divide by their sum for weights."""
        top = self.top(scores)
        return [jnp.exp(score) for score in self.keep((score - top for score in scores), -jnp.inf)]


@dataclass(frozen=True)
class WholeMap(WindowCells):
    """One window that is the whole map, held as a single array (N, H, W, C) instead of a tap per cell."""

    @property
    def counts(self) -> np.ndarray:
        """Cells of the map."""
        return np.full((1, 1, 1), self.values[0].shape[1] * self.values[0].shape[2])

    def sum(self, terms: Iterable[Array]) -> Array:
        """Sum over the map."""
        (term,) = terms
        return term.sum((1, 2), keepdims=True)

    def top(self, terms: Iterable[Array]) -> Array:
        """Largest term of the map, as a constant."""
        (term,) = terms
        return lax.stop_gradient(term.max((1, 2), keepdims=True))


def read_cells(x: Array, window: Window) -> WindowCells:
    """The taps of a fitted window, in float32 at least (sums over bfloat16 would lose digits)."""
    x = widen(x)
    height, width = x.shape[1:3]
    real = None
    if any(map(any, window.pads(height, width))):
        rows, columns = real_cells(window, height, width)
        real = (rows[:, None, :, None] & columns[None, :, None, :]).reshape(window.cells, len(rows[0]), -1, 1)
    return WindowCells(tuple(slice_taps(x, window, 0.0)), real)


def slice_taps(x: Array, window: Window, fill: float) -> list[Array]:
    """The K strided slices of x, row-major, with `fill` outside the map."""
    height, width = x.shape[1:3]
    (top, bottom), (left, right) = window.pads(height, width)
    if top + bottom + left + right:
        x = lax.pad(x, jnp.asarray(fill, x.dtype), ((0, 0, 0), (top, bottom, 0), (left, right, 0), (0, 0, 0)))
    (out_h, out_w), (step_h, step_w), (gap_h, gap_w) = window.output(height, width), window.stride, window.dilation
    return [
        x[:, i : i + (out_h - 1) * step_h + 1 : step_h, j : j + (out_w - 1) * step_w + 1 : step_w]
        for i in range(0, window.size[0] * gap_h, gap_h)
        for j in range(0, window.size[1] * gap_w, gap_w)
    ]


def reduce_cells(x: Array, window: Window, reduction: Callable[[WindowCells], Array], symmetric: bool = False) -> Array:
    """The local operator that a reduction over taps defines; the result has x's dtype.

    symmetric: the reduction treats all cells alike, so a window that is the whole map needs no separate taps.
    """
    whole = symmetric and window.size == x.shape[1:3] and not any(map(any, window.pads(*x.shape[1:3])))
    return reduction(WholeMap((widen(x),), None) if whole else read_cells(x, window)).astype(x.dtype)


def take_positions(x: Array, axis: int, positions: np.ndarray) -> Array:
    """x at static positions along one axis, by as few slices as they have evenly spaced runs (no gather)."""
    runs: list[list[int]] = []
    for position in map(int, positions):
        run = runs[-1] if runs else []
        if run and position > run[-1] and (len(run) == 1 or position - run[-1] == run[1] - run[0]):
            run.append(position)
        else:
            runs.append([position])
    pieces = [lax.slice_in_dim(x, run[0], run[-1] + 1, run[1] - run[0] if len(run) > 1 else 1, axis) for run in runs]
    return pieces[0] if len(pieces) == 1 else lax.concatenate(pieces, axis)


def widen(x: Array) -> Array:
    """x in float32 if it is narrower, else as it is."""
    return x.astype(jnp.float32) if jnp.finfo(x.dtype).bits < 32 else x


def _materialise(statistic: Array) -> Array:
    """One number per window, kept from being computed anew, on CPU, by each of the taps' terms that use it."""
    return lax.platform_dependent(statistic, cpu=partial(compute_apart, _pass), default=_pass)


def _pass(x: Array) -> Array:
    return x


def check_number(operator: str, option: str, value: Any, fits: Callable[[float], bool], wanted: str) -> None:
    """Refuse a plain number that an operator can't work with; arrays and traced values pass."""
    if isinstance(value, (int, float)) and (isinstance(value, bool) or not fits(value)):
        raise PoolscopeError(f"{operator} {option} must be {wanted}, not {value!r}.")


def _plain(window: Size) -> Any:
    size: Pair | Any = window.size if isinstance(window, Window) else window
    return list(size) if isinstance(size, (list, tuple)) else size
