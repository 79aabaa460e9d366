"""`poolscope apply`: pooling operators on a small matrix, side by side."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from poolscope.commands.arguments import MOST_SHOWN, add_job_flags, add_overrides, check_backend, read_seed
from poolscope.process.terminal import open_console
from poolscope.spec.config import PoolConfig
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import format_size, make_window
from poolscope.spec.operators import OPERATORS
from poolscope.spec.plan import describe_dropped

if TYPE_CHECKING:
    import numpy as np

SUMMARY = "Apply pooling operators to a small matrix and print what comes out, side by side."
_MOST_CELLS = 1000  # a side
_MOST_IN_NUMPY = 1024  # cells
_TUTORIAL_MATRIX = "1 3 2 4 / 5 6 7 8 / 9 10 11 12 / 13 14 15 16"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `poolscope apply`."""
    add_overrides(parser, "pool=max,avg pool.window=2 pool.stride=1 ...")
    parser.add_argument(
        "--matrix",
        help='rows separated by "/", for instance "1 3 2 4 / 5 6 7 8", or - to read rows from standard input; '
        "default: the 4x4 matrix of the tutorial",
    )
    parser.add_argument("--train", action="store_true", help="the training form of operators that draw at random")
    parser.add_argument("--seed", type=read_seed, default=0, help="seed of the draws (default 0)")
    add_job_flags(parser)


def run(options: argparse.Namespace) -> int:
    """Print the matrix and what each operator makes of it."""
    from poolscope.spec.compose import compose_runs

    configs = compose_runs(options.overrides, True, options.config_dir, most_jobs=MOST_SHOWN).configs
    apply_operators([config.pool for config in configs], read_matrix(options.matrix), options.train, options.seed)
    return 0


def read_matrix(text: str | None) -> np.ndarray:
    """A matrix from rows separated by "/" or line ends ("-": from standard input); the tutorial's if there is none.

    Raises PoolscopeError where rows differ in length or something is no number.
    """
    import numpy as np

    text = _TUTORIAL_MATRIX if text is None else sys.stdin.read() if text == "-" else text
    rows = [line.split() for line in text.replace(",", " ").replace("/", "\n").splitlines() if line.strip()]
    if not rows or len({len(row) for row in rows}) > 1:
        got = f"rows of {', '.join(str(len(row)) for row in rows)} numbers" if rows else "nothing"
        raise PoolscopeError(f"--matrix must have rows of equal length, separated by '/'; got {got[:200]}.")
    if max(len(rows), len(rows[0])) > _MOST_CELLS:
        raise PoolscopeError(
            f"--matrix must have at most {_MOST_CELLS} rows and columns, not {len(rows)}x{len(rows[0])}."
        )
    try:
        return np.array(rows, dtype=np.float32)
    except ValueError as error:
        word = next(word for row in rows for word in row if not _is_number(word))
        raise PoolscopeError(f"--matrix must hold numbers only; got {word!r}.") from error


def apply_operators(pools: Sequence[PoolConfig], matrix: np.ndarray, train: bool, seed: int) -> None:
    """Print the matrix and what each operator makes of it, with the rows and columns that no window reads."""
    height, width = matrix.shape
    headings = [_describe_pool(pool, height, width) for pool in pools]
    results = [_apply_plainly(pool, matrix) for pool in pools]
    if any(result is None for result in results):
        check_backend()
    console = open_console()
    console.print(f"input {height}x{width}", _grid(matrix))
    for pool, heading, plain in zip(pools, headings, results, strict=True):
        result, note = (plain, "") if plain is not None else _apply_layer(pool, matrix, train, seed)
        console.print(f"\n{heading}: {result.shape[0]}x{result.shape[1]}{note}")
        for channel in range(result.shape[2]):
            console.print(_grid(result[:, :, channel]))


def _apply_plainly(pool: PoolConfig, matrix: np.ndarray) -> np.ndarray | None:
    """The operator's output (H, W, 1) where NumPy will do, without the seconds that importing JAX takes; else None."""
    import numpy as np

    from poolscope.kernels.small_maps import reduce_windows

    if OPERATORS[pool.name].kind == "none":
        return matrix[:, :, None]
    given = {name: (getattr(pool, name), option.default) for name, option in OPERATORS[pool.name].options.items()}
    special = any(value not in (None, default) for name, (value, default) in given.items() if name != "dilation")
    if special or not OPERATORS[pool.name].numpy or matrix.size > _MOST_IN_NUMPY:
        return None
    window = make_window(pool.window, pool.stride, pool.padding, pool.dilation or 1)
    reduced = reduce_windows(matrix, window, getattr(np, OPERATORS[pool.name].numpy))
    return None if reduced is None else reduced[:, :, None]


def _apply_layer(pool: PoolConfig, matrix: np.ndarray, train: bool, seed: int) -> tuple[np.ndarray, str]:
    """The output (H, W, C) of the operator's layer, and a note on its weights."""
    import jax
    import numpy as np
    from flax import nnx

    from poolscope.pooling import make_pool

    layer, other = (make_pool(pool, 1, rngs=nnx.Rngs(jax.random.key(draw))) for draw in (seed, seed + 1))
    output = layer(jax.numpy.asarray(matrix)[None, :, :, None], rngs=jax.random.key(seed), deterministic=not train)
    weights, others = (jax.tree.leaves(nnx.state(each, nnx.Param)) for each in (layer, other))
    note = ""
    if any((mine != theirs).any() for mine, theirs in zip(weights, others, strict=True)):
        note = f"; its weights are random, as before any training (--seed {seed})"
    elif weights:
        note = "; its weights are as before any training"
    return np.asarray(output, np.float32)[0], note


def _describe_pool(pool: PoolConfig, height: int, width: int) -> str:
    """The operator, its window and what that leaves out; refuses what can't be applied to a matrix of this size."""
    kind = OPERATORS[pool.name].kind
    if kind == "none":
        return f"{pool.name}: the matrix as it is"
    if OPERATORS[pool.name].strides_convolution:
        raise PoolscopeError(f"pool={pool.name} acts through a convolution, so it can't be applied to a matrix alone.")
    window = make_window(pool.window, pool.stride, pool.padding, pool.dilation or 1, prefix="pool.")
    if any(max(pad) >= k for pad, k in zip(window.pads(height, width), window.size, strict=True)):
        raise PoolscopeError(
            f"pool.padding={pool.padding} is as large as pool.window={pool.window}, so that a window would see nothing "
            "but padding; each side must be smaller than the window."
        )
    if min(window.output(height, width)) < 1:
        raise PoolscopeError(
            f"pool.window={pool.window} is larger than the {height}x{width} matrix; use a smaller window."
        )
    left_out = describe_dropped(window.dropped(height, width))
    return f"{pool.name}, window {format_size(window.size)}, stride {format_size(window.stride)}" + (
        f" (leaves out the last {left_out})" if left_out else ""
    )


def _grid(matrix: np.ndarray) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    for row in matrix:
        table.add_row(*(f"{value:g}" for value in row))
    for column in table.columns:
        column.justify = "right"
    return table


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
