"""`poolscope gallery`: what every operator does to the same images, as tables and a page."""

from __future__ import annotations

import argparse
import sys

from poolscope.commands.arguments import add_results, check_backend

SUMMARY = "Measure every operator on the same images and write the gallery's tables and page."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `poolscope gallery`."""
    add_results(parser)


def run(options: argparse.Namespace) -> int:
    """Measure, write the tables, and build the page from them."""
    from poolscope.measures.responses import write_gallery

    check_backend()
    write_gallery(options.results, notify=lambda name: print(f"measuring {name}", file=sys.stderr))
    from poolscope.reports.gallery import build_page

    print(f"Written to {build_page(options.results)}")
    return 0
