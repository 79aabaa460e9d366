"""`poolscope report`: a study's tables, figures and pages, or those of all studies."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from poolscope.commands.arguments import add_results
from poolscope.process.terminal import open_console
from poolscope.spec.errors import PoolscopeError

SUMMARY = "Write a study's tables, figures, report.md and report.html, and print its comparison."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `poolscope report`."""
    parser.add_argument(
        "study",
        help="the study's name; ledger: what all say of the claims; guide: what to choose; all: redraw everything",
    )
    parser.add_argument("--baseline", default="max", help="arm or operator to compare with (default: max)")
    parser.add_argument("--where", action="append", default=[], metavar="KEY=VALUE", help="only such runs; repeatable")
    parser.add_argument("--by", action="append", default=[], metavar="KEY", help="compare its values apart; repeatable")
    add_results(parser)


def run(options: argparse.Namespace) -> int:
    """Build the report of one study, of the claims or of everything; returns the exit status."""
    chosen = options.baseline != "max" or options.where or options.by
    if options.study in ("all", "ledger", "guide"):
        if chosen:
            raise PoolscopeError("--baseline, --where and --by go with one study.")
        return _report_guide(options.results) if options.study == "guide" else _report_all(options)
    from poolscope.reports.study import View, build_report

    view = View(options.baseline, tuple(options.where), tuple(options.by)) if chosen else None
    report = build_report(options.results, options.study, _warn, view=view)
    open_console().print(report.table)
    print(f"Written to {report.folder}: open {report.folder / 'report.html'}")
    return report.exit_status


def _report_guide(results: str) -> int:
    from poolscope.reports.guide import build_page
    from poolscope.reports.overview import build_ledger

    build_page(results, build_ledger(results).verdicts)
    print(f"Written to {Path(results) / 'guide'}: open {Path(results) / 'guide' / 'report.html'}")
    return 0


def _report_all(options: argparse.Namespace) -> int:
    from poolscope.benchmarks.page import build_page
    from poolscope.reports.overview import build_ledger, build_overview
    from poolscope.reports.study import make_table
    from poolscope.reports.verdicts import show_claims

    results, only_ledger = options.results, options.study == "ledger"
    if only_ledger:
        ledger = build_ledger(results)
    else:
        if any((benchmarks := Path(results) / "benchmarks").glob("*.csv")):
            _warn("redrawing benchmarks")
            build_page(benchmarks, overview=True)
        ledger = build_overview(results, _warn).ledger
    open_console().print(make_table(show_claims(ledger), "The claims"))
    print(f"Written to {Path(results) / ('ledger/ledger.md' if only_ledger else 'index.html')}")
    return 0


def _warn(sentence: str) -> None:
    print(sentence, file=sys.stderr)
