"""`poolscope data prepare`: download a data set of the tensorflow-datasets catalogue."""

from __future__ import annotations

import argparse

SUMMARY = "Prepare (download) a data set of the tensorflow-datasets catalogue."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `poolscope data`."""
    parser.add_argument("action", choices=("prepare",))
    parser.add_argument("name", help="the data set, for instance mnist or cifar10")
    parser.add_argument(
        "--throwaway",
        action="store_true",
        help="install what writing needs (TensorFlow) in a temporary folder, which is deleted afterwards",
    )
    parser.add_argument("--dir", help="where to; default: TFDS_DATA_DIR, else the catalogue's own default")


def run(options: argparse.Namespace) -> int:
    """Download the set, unless it is there."""
    if options.throwaway:
        from poolscope.data.throwaway import prepare_apart

        prepare_apart(options.name, options.dir)
    else:
        from poolscope.data.datasets import prepare_dataset

        prepare_dataset(options.name, options.dir)
    return 0


def complete(words: list[str]) -> list[str]:
    """The action; data sets are too many to list."""
    return ["prepare"] if len(words) == 1 else []
