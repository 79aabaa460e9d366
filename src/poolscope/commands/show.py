"""`poolscope show`: a network as a table of layers."""

from __future__ import annotations

import argparse

from rich.table import Table

from poolscope.commands.arguments import MOST_SHOWN, add_job_flags, add_overrides
from poolscope.process.terminal import open_console
from poolscope.spec.config import RunConfig
from poolscope.spec.geometry import format_size, make_window
from poolscope.spec.operators import OPERATORS
from poolscope.spec.plan import describe_dropped, plan_network

SUMMARY = "Print a network as a table of layers: output shape, parameters, MACs, receptive field."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `poolscope show`."""
    add_overrides(parser, "as for poolscope train")
    add_job_flags(parser)


def run(options: argparse.Namespace) -> int:
    """Print the network of each job."""
    from poolscope.spec.compose import compose_runs

    for config in compose_runs(options.overrides, True, options.config_dir, most_jobs=MOST_SHOWN).configs:
        show_network(config)
    return 0


def show_network(config: RunConfig) -> None:
    """Print the network's plan: a row a layer, then what its strides leave unread, then the totals."""
    from poolscope.data.datasets import describe_dataset

    shape, classes = describe_dataset(config.data)
    plan = plan_network(config, shape, classes)
    pool = config.pool
    window = make_window(pool.window, pool.stride, pool.padding)
    size = f" {format_size(window.size)}/{format_size(window.stride)}" if OPERATORS[pool.name].kind != "none" else ""
    table = Table(
        title=f"{config.data.name} {shape}, pool {pool.name}{size}, head {config.model.head}", title_justify="left"
    )
    table.add_column("layer")
    for heading in ("output shape", "parameters", "MACs", "pool ops", "receptive field", "jump", "left out"):
        table.add_column(heading, justify="right")
    table.add_row("input", str(plan.input), "0", "0", "0", "1", "1", "")
    for layer in plan.layers:
        left_out = describe_dropped(layer.dropped)
        of_head = layer.kind in ("head_pool", "hidden", "dense")
        field = "all" if of_head else format_size(layer.receptive_field)
        counts = (f"{count:,}" for count in (layer.parameters, layer.macs, layer.pool_ops))
        jump = "" if of_head else format_size(layer.jump)
        table.add_row(layer.name, str(layer.output), *counts, field, jump, left_out)
    table.add_section()
    table.add_row("total", "", f"{plan.parameters:,}", f"{plan.macs:,}", f"{plan.pool_ops:,}", "", "", "")
    console = open_console()
    console.print(table)
    for sentence in plan.remainders:
        console.print(f"note: {sentence}", soft_wrap=True)
