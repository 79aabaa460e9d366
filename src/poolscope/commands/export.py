"""`poolscope export`: a study's table and figure for a paper, with the values behind them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from poolscope.commands.arguments import add_results
from poolscope.process.terminal import format_count
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import study_folder
from poolscope.store.files import check_writable

SUMMARY = "Write a study's table and figure for a paper, with the values behind them."
FORMS = ("latex", "pdf", "csv", "parquet", "markdown")
TRACKERS = ("tensorboard", "mlflow", "wandb")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `poolscope export`."""
    parser.add_argument("study", help="the study's name")
    parser.add_argument("--to", choices=FORMS + TRACKERS, required=True, help="the form")
    parser.add_argument("--metric", default="test_accuracy", help="a number of the runs (default: test_accuracy)")
    parser.add_argument("--arm", action="append", default=[], help="only this arm or operator; may be repeated")
    parser.add_argument("--baseline", default="max", help="arm or operator to compare with (default: max)")
    parser.add_argument("--where", action="append", default=[], metavar="KEY=VALUE", help="only such runs; repeatable")
    parser.add_argument("--figure", choices=("strip", "curves", "none"), default="strip", help="what is drawn")
    parser.add_argument("--width", default="column", help="of the figure: column (3.25 in), page (6.75 in) or inches")
    parser.add_argument("--font", choices=("serif", "computer-modern", "sans"), default="serif", help="of the figure")
    parser.add_argument(
        "--out", help="folder to write to (default: <results>/<study>/export, and below it for a tracker)"
    )
    parser.add_argument("--force", action="store_true", help="overwrite files")
    add_results(parser)


def run(options: argparse.Namespace) -> int:
    """Write the export and list its files."""
    width = _read_width(options.width)
    from poolscope.reports.load import load

    folder = Path(options.out) if options.out else study_folder(options.results, options.study) / "export"
    folder = folder / options.to if options.to in TRACKERS and not options.out else folder
    check_writable(folder)
    study = load(options.study, options.results)
    for sentence in study.tables.damaged:
        print(f"Left out: {sentence}", file=sys.stderr)
    if options.to in TRACKERS:
        from poolscope.reports.trackers import write_tracked

        selection = study.select(options.metric, options.arm, options.baseline, options.where)
        count = write_tracked(options.to, selection, study.tables, study.name, folder, options.force)
        print(f"{format_count(count, 'run')} written to {folder}")
        return 1 if study.tables.damaged else 0
    export = study.prepare(
        options.metric, options.arm, options.baseline, options.where, options.figure, width, options.font
    )
    from poolscope.reports.export import write_export

    for path in write_export(export, options.to, folder, options.force):
        print(path)
    return 1 if study.tables.damaged else 0


def _read_width(text: str) -> float:
    """Inches of "column", "page" or a number."""
    from poolscope.reports.figures.paper import WIDTHS

    try:
        width = WIDTHS[text] if text in WIDTHS else float(text)
    except ValueError:
        width = 0
    if not 1 <= width <= 30:
        raise PoolscopeError(f"--width must be column, page or 1 to 30 inches, not {text}.")
    return width
