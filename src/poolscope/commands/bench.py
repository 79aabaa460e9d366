"""`poolscope bench`: speed beside plain Flax and PyTorch."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from poolscope.commands.arguments import add_results, read_count
from poolscope.store.files import check_writable

SUMMARY = (
    "Measure poolscope beside plain Flax and, where it is installed, PyTorch; writes tables, figures and report.md to "
    "results/benchmarks. Contenders have a process and a core each and are asked in turn."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `poolscope bench`."""
    parser.add_argument(
        "suite", nargs="*", help="training, pools, operators, threads, runs, start, sweep, curves; default: all"
    )
    parser.add_argument("--quick", action="store_true", help="few and short rounds")
    parser.add_argument("--rounds", type=read_count, help="how many rounds (default 11, quick 3)")
    parser.add_argument("--core", type=int, help="the core to measure on (default: the last one)")
    parser.add_argument("--redraw", action="store_true", help="measure nothing; draw the figures and the report again")
    add_results(parser)


def run(options: argparse.Namespace) -> int:
    """Measure the suites that were asked for, then draw the page; returns the exit status."""
    folder, status = Path(options.results) / "benchmarks", 0
    check_writable(folder)
    if not options.redraw:
        from poolscope.benchmarks.bench import choose_pace, run_suites

        try:
            status = run_suites(options.suite, folder, choose_pace(options.quick, options.rounds), options.core)
        except KeyboardInterrupt:
            print("poolscope: interrupted; the tables hold what was measured until now.", file=sys.stderr)
            return 130
    from poolscope.benchmarks.page import build_page

    print(f"Written to {build_page(folder)}")
    return status


def complete(words: list[str]) -> list[str]:
    """What may be asked for: the suites."""
    from poolscope.benchmarks.suites import SUITES

    return list(SUITES)
