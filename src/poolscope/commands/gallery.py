"""`poolscope gallery`: what every operator does to the same images, as tables and a page."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from poolscope.commands.arguments import add_results, prepare_backend
from poolscope.store.files import check_writable

SUMMARY = "Measure every operator on the same images and write the gallery's tables and page."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `poolscope gallery`."""
    parser.add_argument("pools", nargs="*", metavar="POOL", help="measure these only, and keep the rows of the others")
    add_results(parser)


def run(options: argparse.Namespace) -> int:
    """Measure, write the tables, and build the page from them."""
    from poolscope.measures.responses import write_gallery

    check_writable(Path(options.results) / "gallery")
    prepare_backend()
    write_gallery(options.results, lambda name: print(f"measuring {name}", file=sys.stderr), options.pools)
    from poolscope.reports.gallery import build_page

    print(f"Written to {build_page(options.results)}")
    return 0
