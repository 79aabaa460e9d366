"""What `show`, `apply` and `list` print: a network's layers, operators on a small matrix, and what there is."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from poolscope.spec.config import PoolConfig, RunConfig
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import make_window
from poolscope.spec.operators import OPERATORS
from poolscope.spec.plan import describe_dropped, plan_network

if TYPE_CHECKING:
    import numpy as np

_TUTORIAL_MATRIX = "1 3 2 4 / 5 6 7 8 / 9 10 11 12 / 13 14 15 16"


def show_network(config: RunConfig) -> None:
    """Print the network's plan: a row a layer, then what its strides leave unread, then the totals."""
    from poolscope.data.datasets import describe_dataset

    shape, classes = describe_dataset(config.data)
    plan = plan_network(config, shape, classes)
    pool = config.pool
    window = make_window(pool.window, pool.stride, pool.padding)
    kind = f"{pool.name} {_size(window.size)}/{_size(window.stride)}" if OPERATORS[pool.name].kind != "none" else "none"
    table = Table(title=f"{config.data.name} {shape}, pool {kind}, head {config.model.head}", title_justify="left")
    table.add_column("layer")
    for heading in ("output shape", "parameters", "MACs", "pool ops", "receptive field", "jump", "left out"):
        table.add_column(heading, justify="right")
    table.add_row("input", str(plan.input), "0", "0", "0", "1", "1", "")
    for layer in plan.layers:
        left_out = describe_dropped(layer.dropped)
        field = "all" if layer.kind in ("head_pool", "dense") else _size(layer.receptive_field)
        counts = (f"{count:,}" for count in (layer.parameters, layer.macs, layer.pool_ops))
        jump = "" if layer.kind in ("head_pool", "dense") else _size(layer.jump)
        table.add_row(layer.name, str(layer.output), *counts, field, jump, left_out)
    table.add_section()
    table.add_row("total", "", f"{plan.parameters:,}", f"{plan.macs:,}", f"{plan.pool_ops:,}", "", "", "")
    console = _console()
    console.print(table)
    for sentence in plan.remainders:
        console.print(f"note: {sentence}", highlight=False)


def read_matrix(text: str | None) -> np.ndarray:
    """A matrix from rows separated by "/" or line ends ("-": from standard input); the tutorial's if there is none.

    Raises PoolscopeError where rows differ in length or something is no number.
    """
    import numpy as np

    text = _TUTORIAL_MATRIX if text is None else sys.stdin.read() if text == "-" else text
    rows = [line.split() for line in text.replace(",", " ").replace("/", "\n").splitlines() if line.strip()]
    if not rows or len({len(row) for row in rows}) > 1:
        got = f"rows of {', '.join(str(len(row)) for row in rows)} numbers" if rows else "nothing"
        raise PoolscopeError(f"--matrix must have rows of equal length, separated by '/'; got {got}.")
    try:
        return np.array(rows, dtype=np.float32)
    except ValueError as error:
        word = next(word for row in rows for word in row if not _is_number(word))
        raise PoolscopeError(f"--matrix must hold numbers only; got {word!r}.") from error


def apply_operators(pools: Sequence[PoolConfig], matrix: np.ndarray, train: bool, seed: int) -> None:
    """Print the matrix and what each operator makes of it, with the rows and columns that no window reads."""
    height, width = matrix.shape
    headings = [_describe_pool(pool, height, width) for pool in pools]
    import jax
    import jax.numpy as jnp
    import numpy as np
    from flax import nnx

    from poolscope.pooling import make_pool

    console = _console()
    console.print(f"input {height}x{width}", _grid(matrix))
    for pool, heading in zip(pools, headings, strict=True):
        output = jnp.asarray(matrix)[None, :, :, None]
        if OPERATORS[pool.name].kind != "none":
            layer = make_pool(pool, 1, rngs=nnx.Rngs(jax.random.key(seed)))
            output = layer(output, key=jax.random.key(seed), deterministic=not train)
        result = np.asarray(output, np.float32)[0]
        console.print(f"\n{heading}: {result.shape[0]}x{result.shape[1]}", highlight=False)
        for channel in range(result.shape[2]):
            console.print(_grid(result[:, :, channel]))


def _describe_pool(pool: PoolConfig, height: int, width: int) -> str:
    """The operator, its window and what that leaves out; refuses what can't be applied to a matrix of this size."""
    kind = OPERATORS[pool.name].kind
    if kind == "none":
        return f"{pool.name}: the matrix as it is"
    if pool.name == "conv_stride":
        raise PoolscopeError("pool=conv_stride acts through a convolution, so it can't be applied to a matrix alone.")
    window = make_window(pool.window, pool.stride, pool.padding, prefix="pool.")
    if min(window.output(height, width)) < 1:
        raise PoolscopeError(
            f"pool.window={pool.window} is larger than the {height}x{width} matrix; use a smaller window."
        )
    left_out = describe_dropped(window.dropped(height, width))
    return f"{pool.name}, window {_size(window.size)}, stride {_size(window.stride)}" + (
        f" (leaves out the last {left_out})" if left_out else ""
    )


def list_what(what: str, results: str, study: str | None) -> None:
    """Print one of the lists: pools, data, measures, studies or runs."""
    table = Table(box=None, pad_edge=False)
    if what == "pools":
        for heading in ("pool=", "what it gives", "definition", "parameters", "random", "gain", "options", "source"):
            table.add_column(heading)
        for name, operator in OPERATORS.items():
            options = ", ".join(f"{option}={default}" for option, default in operator.options.items())
            random = "in training" if operator.stochastic else ""
            table.add_row(
                name,
                operator.summary,
                operator.formula,
                operator.learnable,
                random,
                operator.gain,
                options,
                operator.source,
            )
    elif what == "data":
        from poolscope.data.datasets import list_datasets

        _add_rows(table, list_datasets())
    elif what == "measures":
        from poolscope.measures.columns import list_columns

        _add_rows(table, list_columns())
    elif what == "studies":
        from poolscope.reports.study import list_studies

        _add_rows(table, list_studies(results).to_dict("records"))
    else:
        from poolscope.reports.study import list_runs, list_studies

        studies = list_studies(results)
        names = [study] if study else studies["study"][(studies["records"] > 0) | studies["committed"]]
        _add_rows(table, [row for name in names for row in list_runs(results, name, _warn).to_dict("records")])
    _console().print(table)


def _add_rows(table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    if not rows:
        table.add_column("nothing yet")
        return
    for heading in rows[0]:
        table.add_column(heading)
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))


def _warn(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def _console() -> Console:
    """Wide enough for the tables where the output is a file or a pipe."""
    console = Console()
    return console if console.is_terminal else Console(width=200)


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


def _size(pair: tuple[int, int]) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}x{pair[1]}"
