"""`poolscope list`: the operators, heads, data sets, measurements, studies and runs that exist."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence

from poolscope.commands.arguments import add_results
from poolscope.process.terminal import list_rows, open_console
from poolscope.spec.heads import HEADS
from poolscope.spec.operators import OPERATORS

SUMMARY = "List what there is."
LISTS = ("pools", "heads", "data", "measures", "studies", "runs")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `poolscope list`."""
    parser.add_argument("what", nargs="?", choices=LISTS, default="pools")
    parser.add_argument("study", nargs="?", help="with runs: only those of this study")
    add_results(parser)


def run(options: argparse.Namespace) -> int:
    """Print one of the lists."""
    open_console().print(list_rows(_find_rows(options.what, options.results, options.study)))
    return 0


def complete(words: list[str]) -> list[str] | None:
    """The lists, and for runs the studies (None)."""
    return list(LISTS) if len(words) == 1 else None if words[0] == "runs" else []


def _find_rows(what: str, results: str, study: str | None) -> Sequence[Mapping[str, object]]:
    if what == "pools":
        return [
            {
                "pool=": name,
                "what it gives": operator.summary + (f" ({operator.also})" if operator.also else ""),
                "definition": operator.formula,
                "parameters": operator.learnable,
                "random": "in training" if operator.stochastic else "",
                "gain": operator.gain,
                "options": ", ".join(f"{option}={default}" for option, default in operator.defaults.items()),
                "source": operator.source + (f" ({operator.package} {operator.version})" if operator.package else ""),
            }
            for name, operator in OPERATORS.items()
        ]
    if what == "heads":
        return [
            {
                "model.head=": name,
                "what it gives": head.summary,
                "definition": head.formula,
                "features": head.features,
                "parameters": head.learnable,
                "source": head.source,
            }
            for name, head in HEADS.items()
        ]
    if what == "data":
        from poolscope.data.datasets import list_datasets

        return list_datasets()
    if what == "measures":
        from poolscope.measures.columns import list_columns

        return list_columns()
    from poolscope.statistics.tables import list_studies

    studies = list_studies(results)
    if what == "studies":
        return studies.to_dict("records")
    from poolscope.reports.runs import list_runs

    names = [study] if study else studies["study"][(studies["records"] > 0) | studies["committed"]]
    return [row for name in names for row in list_runs(results, name, _warn).to_dict("records")]


def _warn(sentence: str) -> None:
    print(sentence, file=sys.stderr)
