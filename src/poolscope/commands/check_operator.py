"""`poolscope check-operator`: what every operator promises, checked on one operator."""

from __future__ import annotations

import argparse

from poolscope.process.terminal import list_rows, open_console
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.operators import OPERATORS

SUMMARY = (
    "Check an operator, your own too, against what every operator promises: size, finite gradients, dtype, jit, vmap, "
    "gain, a-trous form, anti-aliasing, parameters."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `poolscope check-operator`."""
    parser.add_argument("name", help="the operator (poolscope list pools)")


def run(options: argparse.Namespace) -> int:
    """Print each check and how it came out; 1 if one failed."""
    if options.name not in OPERATORS or not OPERATORS[options.name].has_layer:
        names = ", ".join(name for name, operator in OPERATORS.items() if operator.has_layer)
        raise PoolscopeError(f"check-operator takes one of {names}, not {options.name!r}.")
    from poolscope.pooling.contract import check_operator

    rows = [{"check": label, "what": about, "result": problem or "ok"} for label, about, problem in
            check_operator(options.name)]  # fmt: skip
    open_console().print(list_rows(rows))
    return 1 if any(row["result"] != "ok" for row in rows) else 0


def complete(words: list[str]) -> list[str]:
    """The operators with a layer."""
    return [name for name, operator in OPERATORS.items() if operator.has_layer] if len(words) == 1 else []
