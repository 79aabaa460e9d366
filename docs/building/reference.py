"""Reference pages from where their facts stand.

Keys come from the schema, columns from the measurements, operators from their declarations and docstrings, and commands
from their parsers.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from poolscope.cli import MODULES
from poolscope.commands.arguments import Parser
from poolscope.measures.columns import MEASUREMENTS
from poolscope.spec.config import SETTINGS
from poolscope.spec.declaration import Operator
from poolscope.spec.operators import OPERATORS

_HOMES = {  # what the public API of poolscope.pooling has beside operators and their layers
    "Choosing and exchanging": ("make_layer", "replace_pools", "anti_aliased", "find_pool", "Pool"),
    "Pooling whole maps": (
        *("global_avg_pool", "global_max_pool", "global_gem_pool", "global_lse_pool", "global_avgmax_pool"),
        "global_catavgmax_pool",
        *("spatial_pyramid_pool", "bilinear_pool", "covariance_pool"),
    ),
    "Heads that learn": ("HeadPool", "attention_pool", "sim_pool", "latent_pool", "netvlad_pool"),
    "Cells as channels": ("space_to_depth",),
    "Where maxima are": ("max_pool_with_indices", "max_unpool", "max_sampling_bias"),
    "Training TIPS": ("tips_shares", "tips_share_loss", "tips_undo_loss"),
    "An operator of one's own": ("operator", "Window", "Real", "Whole", "Switch", "Choice", "Sizes", "Learned"),
}


def write_reference(folder: Path) -> None:
    """Write a Markdown page for each part of the reference into `folder`, over what was there."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {
        "keys": list_keys(),
        "columns": list_columns(),
        "operators": list_operators(),
        "commands": list_commands(),
        "api": list_api(),
    }
    for name, lines in pages.items():
        (folder / f"{name}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def list_keys() -> list[str]:
    """Every key of a run: its default, what fits, its meaning; a table for each section of the schema."""
    sections: dict[str, list[Sequence[str]]] = {}
    for key, setting in SETTINGS.items():
        section = key.rpartition(".")[0] or "the run itself"
        digest = "" if setting.result else "no"
        sections.setdefault(section, []).append((f"`{key}`", setting.expected, setting.about, digest))
    lines = ["# Configuration keys", "", _read_intro("keys"), ""]
    for section, rows in sections.items():
        lines += [f"## {section}", "", *_tabulate(("key", "what fits", "meaning", "changes a result"), rows), ""]
    return lines


def list_columns() -> list[str]:
    """Every column of the runs table that a measurement fills, by measurement."""
    lines = ["# Columns of the runs table", "", _read_intro("columns"), ""]
    for name, measurement in MEASUREMENTS.items():
        rows = [(f"`{column.name}`", column.unit, column.what) for column in measurement.columns]
        what = measurement.what[:1].upper() + measurement.what[1:].rstrip(".")
        lines += [f"## {name}", "", f"{what}. Cost: {measurement.cost}.", ""]
        lines += [*_tabulate(("column", "unit", "what"), rows), ""]
    return lines


def list_operators() -> list[str]:
    """Every operator by family: definition, options, what it learns, function and layer with their documentation."""
    families: dict[str, list[Operator]] = {}
    for operator in OPERATORS.values():
        if not operator.package:
            families.setdefault(operator.family, []).append(operator)
    lines = ["# Operators", "", _read_intro("operators"), ""]
    for family, operators in families.items():
        lines += [f"## {family.replace('_', ' ').capitalize()}", ""]
        for operator in operators:
            lines += _describe_operator(operator)
    return lines


def list_commands() -> list[str]:
    """The help of every command, printed when the site is built."""
    lines = ["# Commands", "", _read_intro("commands"), "", "```{run}", "poolscope --help", "```", ""]
    for name in MODULES:
        lines += [f"## poolscope {name}", "", *_show_help(name), ""]
    return lines


def list_api() -> list[str]:
    """The public Python API beside operators and their layers, from its docstrings."""
    lines = ["# Python API", "", _read_intro("api"), ""]
    for heading, names in _HOMES.items():
        lines += [f"## {heading}", ""]
        for name in names:
            lines += _document("poolscope.pooling", name)
    return lines


def _describe_operator(operator: Operator) -> list[str]:
    from poolscope.pooling import layer_class  # imports JAX

    facts = [("definition", f"`{operator.formula}`"), ("parameters of a layer", f"`{operator.learnable}`")]
    facts += [("gain on a constant", f"`{operator.gain}`"), ("source", operator.source)]
    facts += [("random", "in training; its expectation or best guess when evaluated")] if operator.stochastic else []
    lines = [f"({operator.name}-pool)=", f"### {operator.name}", ""]
    lines += [f"{operator.summary[:1].upper()}{operator.summary[1:]}.", "", *_tabulate(("", ""), facts), ""]
    lines += [*describe_options(operator), ""] if operator.options else []
    if operator.function and operator.has_layer:
        lines += _document("poolscope.pooling", operator.function)
        lines += _document("poolscope.pooling", layer_class(operator.name).__name__, members=False)
    return lines


def describe_options(operator: Operator) -> list[str]:
    """A table of an operator's options; no line where it has none."""
    rows = [
        (f"`pool.{name}`", f"`{_show(option.default)}`", option.describe(), option.help)
        for name, option in operator.options.items()
    ]
    return _tabulate(("key", "default", "what fits", "meaning"), rows) if rows else []


def _show_help(command: str) -> list[str]:
    module = importlib.import_module(f"poolscope.commands.{MODULES[command]}")
    if command == "train":  # its help lists every key, which have a page of their own
        return [module.SUMMARY, "", "Every key: [](keys.md); `poolscope train --help` prints them too."]
    parser = Parser(command, module.SUMMARY)
    module.add_arguments(parser)
    parser.formatter_class = lambda prog: __import__("argparse").HelpFormatter(prog, width=96)
    return ["```text", parser.format_help().rstrip(), "```"]


def _document(module: str, name: str, members: bool = True) -> list[str]:
    """A block of reStructuredText that takes the documentation of one thing from its docstring."""
    thing = getattr(importlib.import_module(module), name)
    kind = "autoclass" if isinstance(thing, type) else "autofunction"
    block = ["```{eval-rst}", f".. {kind}:: {module}.{name}"]
    return [*block, "```", ""]


def _tabulate(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"

    return [line(heads), f"|{' --- |' * len(heads)}", *(line(row) for row in rows)]


def _read_intro(page: str) -> str:
    """The paragraph that stands before what is generated, from introductions/."""
    return (Path(__file__).parent / "introductions" / f"{page}.md").read_text(encoding="utf-8").strip()


def _show(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
