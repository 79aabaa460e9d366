"""`poolscope apply`: pooling operators on a small matrix, side by side, forwards and backwards."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poolscope.commands.arguments import MOST_SHOWN, add_job_flags, add_overrides, prepare_backend, read_seed
from poolscope.process.terminal import open_console
from poolscope.spec.config import PoolConfig
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import Window, extent, format_size, make_window
from poolscope.spec.operators import OPERATORS
from poolscope.spec.plan import describe_dropped
from poolscope.store.files import check_writable

if TYPE_CHECKING:
    import numpy as np

    from poolscope.measures.routing import Routing

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
    parser.add_argument("--gradient", action="store_true", help="the gradient, output by output, with its ties")
    parser.add_argument(
        "--cotangent",
        metavar="MATRIX",
        help='the weight of each output in that gradient, as rows like those of --matrix, or "ROW,COLUMN" for one '
        "output alone; default: ones",
    )
    parser.add_argument("--indices", action="store_true", help="the cell that each output is a copy of")
    parser.add_argument("--windows", action="store_true", help="the rows and columns that each window spans")
    parser.add_argument("--bins", action="store_true", help="the rows and columns that each output reads")
    parser.add_argument("--figure", metavar="FILE", help="draw it all into this file, .svg or .png")
    add_job_flags(parser)


def run(options: argparse.Namespace) -> int:
    """Print the matrix and what each operator makes of it."""
    from poolscope.spec.compose import compose_runs

    configs = compose_runs(options.overrides, True, options.config_dir, most_jobs=MOST_SHOWN).configs
    pools, matrix = [config.pool for config in configs], read_matrix(options.matrix)
    if options.gradient or options.cotangent or options.indices or options.windows or options.bins or options.figure:
        trace_operators(pools, matrix, options)
    else:
        apply_operators(pools, matrix, options.train, options.seed)
    return 0


def read_matrix(text: str | None, flag: str = "--matrix") -> np.ndarray:
    """A matrix from rows separated by "/" or line ends ("-": from standard input); the tutorial's if there is none.

    Raises PoolscopeError, which names the flag, where rows differ in length or something is no number.
    """
    import numpy as np

    text = _TUTORIAL_MATRIX if text is None else sys.stdin.read() if text == "-" else text
    rows = [line.split() for line in text.replace(",", " ").replace("/", "\n").splitlines() if line.strip()]
    if not rows or len({len(row) for row in rows}) > 1:
        got = f"rows of {', '.join(str(len(row)) for row in rows)} numbers" if rows else "nothing"
        raise PoolscopeError(f"{flag} must have rows of equal length, separated by '/'; got {got[:200]}.")
    if max(len(rows), len(rows[0])) > _MOST_CELLS:
        raise PoolscopeError(
            f"{flag} must have at most {_MOST_CELLS} rows and columns, not {len(rows)}x{len(rows[0])}."
        )
    try:
        return np.array(rows, dtype=np.float32)
    except ValueError as error:
        word = next(word for row in rows for word in row if not _is_number(word))
        raise PoolscopeError(f"{flag} must hold numbers only; got {word!r}.") from error


def apply_operators(pools: Sequence[PoolConfig], matrix: np.ndarray, train: bool, seed: int) -> None:
    """Print the matrix and what each operator makes of it, with the rows and columns that no window reads."""
    from poolscope.commands.routing import make_grid

    headings = [describe_pool(pool, *matrix.shape) for pool in pools]
    results = [_apply_plainly(pool, matrix) for pool in pools]
    if any(result is None for result in results):
        prepare_backend()
    console = open_console()
    console.print(f"input {format_shape(matrix)}", make_grid(matrix))
    for pool, heading, plain in zip(pools, headings, results, strict=True):
        result, note = (plain, "") if plain is not None else _apply_layer(pool, matrix, train, seed)
        console.print(f"\n{heading}: {format_shape(result)}{note}")
        for channel in range(result.shape[2]):
            console.print(make_grid(result[:, :, channel]))


def trace_operators(pools: Sequence[PoolConfig], matrix: np.ndarray, options: argparse.Namespace) -> None:
    """Print what each operator makes of the matrix, and its backward pass as far as options ask for it; or draw it."""
    headings = [describe_pool(pool, *matrix.shape) for pool in pools]
    cotangents = [read_cotangent(options.cotangent, pool, matrix.shape) for pool in pools]
    suffix = Path(options.figure).suffix if options.figure else ""
    if options.figure and (suffix not in (".svg", ".png") or Path(options.figure).is_dir()):
        raise PoolscopeError(f"--figure must be a file that ends in .svg or .png, not {options.figure!r}.")
    if options.figure:
        check_writable(Path(options.figure).parent)
    prepare_backend()
    from poolscope.commands.routing import make_grid, print_bins, print_gradient, print_indices, print_windows
    from poolscope.measures.routing import check_traceable, trace_operator

    check_traceable(matrix, "--matrix")
    for cotangent in cotangents:
        if cotangent is not None:
            check_traceable(cotangent, "--cotangent")

    console, panels = open_console(), []
    console.print(f"input {format_shape(matrix)}", make_grid(matrix))
    for pool, heading, cotangent in zip(pools, headings, cotangents, strict=True):
        function, note = build_function(pool, options.train, options.seed)
        routing = trace_operator(function, matrix, cotangent)
        console.print(f"\n{heading}: {format_shape(routing.output)}{note}")
        for channel in range(routing.output.shape[2]):
            console.print(make_grid(routing.output[:, :, channel]))
        if options.windows and OPERATORS[pool.name].sized:
            console.print(f"windows: none, since {pool.name} divides the map into bins")
        elif options.windows:
            print_windows(console, routing, read_window(pool))
        if options.bins:
            print_bins(console, routing)
        if options.indices:
            print_indices(console, routing)
        if options.gradient or options.cotangent:
            print_gradient(console, routing)
        panels.append(_make_panel(heading, routing, pool))
    if options.figure:
        from poolscope.reports.figures.files import save_figure
        from poolscope.reports.figures.routing import draw_routing

        path = Path(options.figure)
        save_figure(draw_routing(panels), path.parent, path.stem, [suffix[1:]])
        console.print(f"\nDrawn in {path}")


def apply_traced(pool: PoolConfig, matrix: np.ndarray) -> dict[str, Any]:
    """What `reports.figures.routing.draw_routing` draws of an operator on a matrix, evaluated, its cotangent ones."""
    from poolscope.measures.routing import trace_operator

    function, note = build_function(pool, train=False, seed=0)
    return _make_panel(describe_pool(pool, *matrix.shape) + note, trace_operator(function, matrix), pool)


def read_cotangent(text: str | None, pool: PoolConfig, size: tuple[int, ...]) -> np.ndarray | None:
    """The weight of each output from rows of numbers, or from "ROW,COLUMN" for one output alone; None for ones.

    Raises PoolscopeError where it doesn't fit the operator's output.
    """
    import numpy as np

    if text is None:
        return None
    wanted = read_window(pool).output(size[0], size[1])
    if cell := re.fullmatch(r"\s*(\d+),(\d+)\s*", text):
        place = (int(cell[1][:9]), int(cell[2][:9]))
        if any(part >= most for part, most in zip(place, wanted, strict=True)):
            raise PoolscopeError(
                f"--cotangent {text.strip()} is no output of {pool.name}: rows are 0 to {wanted[0] - 1}, columns 0 to "
                f"{wanted[1] - 1}."
            )
        alone = np.zeros(wanted, np.float32)
        alone[place] = 1
        return alone
    weights = read_matrix(text, "--cotangent")
    if weights.shape != wanted:
        raise PoolscopeError(
            f"--cotangent must be {wanted[0]}x{wanted[1]}, as the output of {pool.name} is, not "
            f"{format_shape(weights)}; or name one output as ROW,COLUMN."
        )
    return weights


def read_window(pool: PoolConfig) -> Window:
    """The operator's window; of one cell where there is no pooling."""
    if OPERATORS[pool.name].kind == "none":
        return make_window(1)
    return make_window(pool.window, pool.stride, pool.padding, pool.dilation or 1, prefix="pool.")


def format_shape(matrix: np.ndarray) -> str:
    """Height and width, such as 4x4."""
    return f"{matrix.shape[0]}x{matrix.shape[1]}"


def _make_panel(heading: str, routing: Routing, pool: PoolConfig) -> dict[str, Any]:
    """What `draw_routing` takes; outlines are windows, or of an operator on the whole map what its outputs read."""
    import numpy as np

    size = routing.x.shape
    if OPERATORS[pool.name].kind in ("local", "layer"):
        window = read_window(pool)
        pads, spans = window.pads(*size), [extent(*axis) for axis in zip(window.size, window.dilation, strict=True)]
        corners = np.multiply([*np.ndindex(*window.output(*size))], window.stride) - (pads[0][0], pads[1][0])
        boxes = [(*corner, *spans) for corner in corners.tolist()]
    else:
        pads, cells = ((0, 0), (0, 0)), [np.argwhere(reads) for reads in routing.reads.reshape(-1, *size)]
        boxes = [(*read.min(0), *(np.ptp(read, 0) + 1)) if len(read) else (0, 0, 0, 0) for read in cells]
    return {
        "heading": heading,
        "x": routing.x,
        "output": routing.output,
        "cotangent": routing.cotangent,
        "gradient": routing.gradient,
        "unread": routing.unread,
        "ties": [tie.cells for tie in routing.ties()],
        "pads": pads,
        "boxes": boxes,
    }


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
    import jax.numpy as jnp
    import numpy as np

    function, note = build_function(pool, train, seed)
    return np.asarray(function(jnp.asarray(matrix)[None, :, :, None]), np.float32)[0], note


def build_function(pool: PoolConfig, train: bool, seed: int) -> tuple[Callable[[Any], Any], str]:
    """The operator as a function of maps (1, H, W, 1), its draws and weights fixed by the seed, and a note on both."""
    import jax
    from flax import nnx

    from poolscope.pooling import make_pool

    if OPERATORS[pool.name].kind == "none":
        return lambda x: x, ""
    layer, other = (make_pool(pool, 1, rngs=nnx.Rngs(jax.random.key(draw))) for draw in (seed, seed + 1))
    weights, others = (jax.tree.leaves(nnx.state(each, nnx.Param)) for each in (layer, other))
    note = ""
    if any((mine != theirs).any() for mine, theirs in zip(weights, others, strict=True)):
        note = f"; its weights are random, as before any training (--seed {seed})"
    elif weights:
        note = "; its weights are as before any training"
    return lambda x: layer(x, rngs=jax.random.key(seed), deterministic=not train), note


def describe_pool(pool: PoolConfig, height: int, width: int) -> str:
    """Name the operator, its window and what that leaves out; refuse what can't be applied to a matrix of this size."""
    kind = OPERATORS[pool.name].kind
    if kind == "none":
        return f"{pool.name}: the matrix as it is"
    if OPERATORS[pool.name].strides_convolution:
        raise PoolscopeError(f"pool={pool.name} acts through a convolution, so it can't be applied to a matrix alone.")
    window = read_window(pool)
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


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
