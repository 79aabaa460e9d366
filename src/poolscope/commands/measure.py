"""`poolscope measure`: operators on raw images, from the command line to tables, figures and a printed table."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from poolscope.commands.arguments import add_overrides, prepare_backend
from poolscope.process.terminal import format_count, list_rows, make_bars, open_console
from poolscope.spec.compose import compose_runs
from poolscope.spec.config import DataConfig
from poolscope.spec.errors import PoolscopeError
from poolscope.store.files import check_writable

SUMMARY = "Measure what operators do to raw images, without training; continues results/operators, redraws its figures."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `poolscope measure`."""
    add_overrides(parser, "pool=max,avg data=mnist; default: all, on MNIST and CIFAR-10")
    parser.add_argument(
        "--invariance",
        action="store_true",
        help="instead: untrained networks under shifts by whole pixels and halves; default: operators with a claim, "
        "on CIFAR-10",
    )


def run(options: argparse.Namespace) -> int:
    """Measure the operators that the arguments name."""
    return measure_invariances(options.overrides) if options.invariance else measure_overrides(options.overrides)


def measure_overrides(overrides: Sequence[str]) -> int:
    """Measure every operator that the overrides name; by default all that there are, on MNIST and CIFAR-10.

    Rows are written after each data set, so that an interrupted command keeps what it has. Returns the exit status.
    """
    from poolscope.data.datasets import check_dataset
    from poolscope.measures.operators import check_operator, measurable_pools, measure_caution, measure_operators
    from poolscope.reports.operator_tables import continue_tables, show_rows
    from poolscope.reports.operators import build_page

    named = {text.split("=", 1)[0] for text in overrides}
    given = [*overrides, *(["data=mnist,cifar10"] if "data" not in named else [])]
    given += [f"pool={','.join(measurable_pools())}"] if "pool" not in named else []
    configs = sorted(compose_runs(given, multirun=True).configs, key=lambda config: config.data.name)
    for config in configs:
        check_operator(config)
    check_writable(folder := Path(configs[0].results) / "operators")
    prepare_backend()
    for data in _distinct([config.data for config in configs]):
        if check_dataset(data) < 2:
            raise PoolscopeError(
                f"data.train={data.train} names 1 image to measure with; probes are fitted on some and chosen on "
                "others: use at least 2."
            )
    console = open_console(stderr=True)
    began = time.perf_counter()
    bars = make_bars(console)
    with bars:
        task = bars.add_task("operators", total=len(configs))

        def notify(sentence: str) -> None:
            bars.update(task, description=sentence)
            if not console.is_terminal:
                console.print(sentence, soft_wrap=True)

        for data in _distinct([config.data for config in configs]):
            rows: dict[str, list] = {"operators": [], "spectra": [], "ceiling": [], "gallery": [], "caution": []}
            for inputs, found in measure_operators([config for config in configs if config.data == data], notify):
                rows["operators"].append(found.row)
                rows["spectra"] += found.spectra
                rows["gallery"] += found.gallery
                rows["ceiling"] = inputs.ceiling_rows
                bars.advance(task)
            notify(f"{data.name}: counting codes")
            rows["caution"] = measure_caution(inputs)
            tables = continue_tables(folder, rows)
    page = build_page(configs[0].results)
    open_console().print(list_rows(show_rows(tables["operators"]), left=("data", "pool", "options")))
    took = f"{format_count(len(configs), 'operator')} in {time.perf_counter() - began:.0f} s"
    print(f"{took}. Written to {folder}/tables; open {page}")
    return 0


def measure_invariances(overrides: Sequence[str], seeds: int = 5, images: int = 100) -> int:
    """Measure untrained networks with the operators that the overrides name under shifts, into the table invariance.

    On the first test images, with seeds 0, 1, ... of the weights. Returns the exit status.
    """
    from poolscope.data.datasets import load_dataset
    from poolscope.measures.invariance import COMPARED, measure_rows
    from poolscope.reports.operator_tables import continue_tables, show_invariance
    from poolscope.reports.operators import build_page

    named = {text.split("=", 1)[0] for text in overrides}
    given = [*overrides, *(["data=cifar10"] if "data" not in named else [])]
    given += [f"pool={','.join(COMPARED)}"] if "pool" not in named else []
    configs = compose_runs(given, multirun=True).configs
    check_writable(folder := Path(configs[0].results) / "operators")
    prepare_backend()
    for data in _distinct([config.data for config in configs]):
        pools = [config.pool for config in configs if config.data == data]
        shown = load_dataset(data, seed=0).test.images[:images]
        tables = continue_tables(folder, {"invariance": measure_rows(pools, data.name, shown, range(seeds))})
    open_console().print(list_rows(show_invariance(tables["invariance"]), left=("data", "pool", "network", "exact")))
    page = build_page(configs[0].results) if len(tables["operators"]) else folder / "tables" / "invariance.csv"
    print(f"Written to {folder}/tables; open {page}")
    return 0


def _distinct(configs: Sequence[DataConfig]) -> list[DataConfig]:
    return [config for place, config in enumerate(configs) if config not in configs[:place]]
