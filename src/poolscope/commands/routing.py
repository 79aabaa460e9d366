"""What `poolscope apply` and `poolscope exercise` print of an operator's backward pass: sentences and small grids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.table import Table

from poolscope.spec.geometry import Window

if TYPE_CHECKING:
    from poolscope.measures.routing import Routing, Tie

_MOST_LINES = 16  # of a list; larger maps are shown as grids only
_MOST_NAMED = 9  # cells of one line
UNREAD, PADDING = "·", "p"


def print_gradient(console: Console, routing: Routing) -> None:
    """Print the gradient as a grid, output by output where it goes, and the ties."""
    weights = routing.cotangent
    if (weights == 1).all():
        console.print("gradient of the sum of the outputs:")
    else:
        console.print("cotangent:", make_grid(weights[:, :, 0]))
        console.print("gradient of the sum of cotangent x output:")
    console.print(make_grid(routing.gradient, lambda row, column: UNREAD if routing.unread[row, column] else None))
    for line in _shorten(_describe_shares(routing), int(np.count_nonzero(weights))):
        console.print(f"  {line}")
    ties = [describe_tie(tie) for tie in routing.ties()]
    for line in _shorten(ties, len(ties)):
        console.print(f"  tie: {line}")
    _explain_marks(console, routing)


def print_indices(console: Console, routing: Routing) -> None:
    """Print the place of the cell that each output copies, and its number in the flattened map."""
    if routing.indices is None:
        console.print("indices: none, since its outputs aren't copies of single cells")
        return
    width = routing.x.shape[1]
    for numbers in np.moveaxis(routing.indices, 2, 0):
        places = np.vectorize(lambda number: "{},{} ({})".format(*divmod(number, width), number))(numbers)
        console.print("indices, row,column and the number in the flattened map:")
        console.print(make_grid(numbers, lambda row, column, places=places: str(places[row, column])))  # type: ignore[misc]


def print_windows(console: Console, routing: Routing, window: Window) -> None:
    """Print which rows and columns each window spans, padding included, and how many outputs read each cell."""
    from poolscope.pooling.window_cells import tap_positions

    height, width = routing.x.shape
    pads = window.pads(height, width)
    for name, n, read in zip(("rows", "columns"), (height, width), tap_positions(window, height, width), strict=True):
        spans = (" ".join(str(cell) if 0 <= cell < n else PADDING for cell in span) for span in read.T)
        console.print(f"windows, {name}: " + " | ".join(_shorten(spans, read.shape[1])))
    (top, bottom), (left, right) = pads
    counts = np.pad(routing.reads.sum((0, 1)), ((top, bottom), (left, right)), constant_values=-1)
    console.print("outputs that read each cell:")
    console.print(make_grid(counts, lambda r, c: {-1: PADDING, 0: UNREAD}.get(int(counts[r, c]))))
    if (counts == -1).any():
        console.print(f"  {PADDING} padding")
    _explain_marks(console, routing)


def print_bins(console: Console, routing: Routing) -> None:
    """Print the rows and columns that each row and column of the output reads."""
    for name, others in (("rows", (1, 3)), ("columns", (0, 2))):
        bins = [np.flatnonzero(cells) for cells in np.asarray(routing.reads.any(others))]
        shared = any(np.intersect1d(one, other).size for one, other in pairwise(bins))
        spans = _shorten((_describe_run(cells) for cells in bins), len(bins))
        console.print(f"bins, {name}: " + " | ".join(spans) + (" (they overlap)" if shared else ""))


def describe_tie(tie: Tie) -> str:
    """Say which cells are equal, and how the gradient of their output is shared among them."""
    cells = [name_cell("x", cell) for cell in tie.cells]
    equal = f"for {name_cell('y', tie.output)}, {_join(cells)} are equal ({tie.value:g})"
    shares = np.array(tie.shares)
    if np.allclose(shares, shares[0], atol=1e-5):
        return f"{equal}; each gets {shares[0]:.4g} of the gradient"
    if np.allclose(shares[1:], 0, atol=1e-5):
        return f"{equal}; {cells[0]}, the first in reading order, gets all of the gradient, {shares[0]:.4g}"
    parts = [f"{cell} gets {share:.4g}" for cell, share in zip(cells, shares, strict=True)]
    return f"{equal}; of the gradient {_join(parts)}"


def make_grid(values: np.ndarray, replaced: Callable[[int, int], str | None] = lambda row, column: None) -> Table:
    """Make a table of numbers, aligned right; a cell for which `replaced` gives a text shows that instead."""
    table = Table(show_header=False, box=None, pad_edge=False)
    for row, numbers in enumerate(values):
        texts = (replaced(row, column) for column in range(len(numbers)))
        table.add_row(*(text or f"{number:g}" for text, number in zip(texts, numbers + 0.0, strict=True)))
    for column in table.columns:
        column.justify = "right"
    return table


def name_cell(array: str, cell: Sequence[int]) -> str:
    """Name a cell of a map, such as x[0,1]."""
    return f"{array}[{','.join(map(str, cell))}]"


def _describe_shares(routing: Routing) -> Iterator[str]:
    """For each output, what share of its gradient goes to which cells."""
    channels = routing.output.shape[2]
    for *place, channel in np.argwhere(routing.cotangent != 0).tolist():
        shares = routing.shares[(*place, channel)]
        cells = np.argwhere(np.abs(shares) > 1e-6)
        values = shares[tuple(cells.T)]
        name = name_cell("y", place if channels == 1 else (*place, channel))
        named = [name_cell("x", cell) for cell in cells[:_MOST_NAMED]]
        more = f" and {len(cells) - _MOST_NAMED} more" if len(cells) > _MOST_NAMED else ""
        if not len(cells):
            yield f"{name} -> nowhere"
        elif np.allclose(values, values[0], atol=1e-6):
            share = "" if len(cells) == 1 and abs(values[0] - 1) < 1e-6 else f"{values[0]:.4g} to each of "
            yield f"{name} -> {share.replace('each of ', '') if len(cells) == 1 else share}{' '.join(named)}{more}"
        else:
            parts = (f"{value:.3g} {cell}" for value, cell in zip(values, named, strict=False))
            yield f"{name} -> {', '.join(parts)}{more}"


def _explain_marks(console: Console, routing: Routing) -> None:
    if count := int(routing.unread.sum()):
        console.print(f"  {UNREAD} {count} cell{'s' if count > 1 else ''} that no output reads")


def _shorten(lines: Iterable[str], count: int) -> list[str]:
    kept = [line for line, _ in zip(lines, range(_MOST_LINES), strict=False)]
    return [*kept, f"... and {count - _MOST_LINES} more"] if count > _MOST_LINES else kept


def _describe_run(cells: np.ndarray) -> str:
    if len(cells) < 2:
        return " ".join(map(str, cells)) or "none"
    step = cells[1] - cells[0]
    if step == 1 and (np.diff(cells) == 1).all():
        return f"{cells[0]}-{cells[-1]}"
    return " ".join(map(str, cells))


def _join(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
