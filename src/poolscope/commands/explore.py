"""`poolscope explore`: the explorer, a page to try operators, shifts and studies on."""

from __future__ import annotations

import argparse
from pathlib import Path

from poolscope.commands.arguments import add_results
from poolscope.spec.errors import PoolscopeError
from poolscope.store.files import check_writable

SUMMARY = "Write the explorer: one page, without a network, to try operators, shifts and the studies' runs on."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `poolscope explore`."""
    parser.add_argument("file", nargs="?", help="the page to write, .html (default: explorer/index.html in --results)")
    parser.add_argument("--open", action="store_true", help="open it in the browser")
    add_results(parser)


def run(options: argparse.Namespace) -> int:
    """Write the page, print where it is, and open it if that was asked for."""
    path = None if options.file is None else Path(options.file)
    if path is not None and (path.suffix.lower() not in (".html", ".htm") or path.is_dir()):
        raise PoolscopeError(f"file must be the name of an .html file, not {options.file!r}.")
    check_writable(path.parent if path else Path(options.results, "explorer"))
    from poolscope.reports.explorer import build_page

    page = build_page(options.results, path)
    print(f"Written to {page}")
    if options.open:
        open_page(page)
    return 0


def open_page(page: Path) -> None:
    """Open a file in the browser; print its address where there is none."""
    import webbrowser

    address = page.resolve().as_uri()
    if not webbrowser.open(address):
        print(f"There is no browser to open here: {address}")


def complete(words: list[str]) -> list[str]:
    """What may be given beside a file."""
    return ["--open", "--results"]
