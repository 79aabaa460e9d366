"""What `poolscope bench` compares with what, suite by suite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from poolscope.benchmarks.first_step import STATUS
from poolscope.benchmarks.networks import NETWORKS, Network, write_overrides
from poolscope.benchmarks.rounds import BenchmarkCase, Contender
from poolscope.data.datasets import check_dataset
from poolscope.spec.compose import compose_runs
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.operators import OPERATORS

MAPS = ((128, 32, 32, 32), (128, 16, 16, 64))
WINDOWS = (  # window, stride, padding
    *((2, 2, "VALID"), (3, 2, "SAME"), (3, 2, "VALID"), (3, 1, "SAME")),
    *((2, 1, "VALID"), (4, 4, "VALID"), (5, 3, "VALID")),
)
BASE = Network((16, 16, 3), (16, 32, 64), 8)  # of the cost curves
STEPS = 100  # of each command of `runs`
OPERATORS_RUN = ("max", "avg", "blur", "soft", "lip", "strided_conv")


def compare_pools() -> list[BenchmarkCase]:
    """Max and average pools, forward and forward with backward, for two sizes of maps and seven windows."""
    comparisons = []
    for operator in ("max", "avg"):
        for way in ("forward", "forward+backward"):
            for shape in MAPS:
                for window, stride, padding in WINDOWS:
                    case = {"operator": operator, "shape": shape, "window": window, "stride": stride}
                    case |= {"padding": padding, "backward": way != "forward"}
                    size = "x".join(map(str, shape))
                    comparisons.append(
                        BenchmarkCase(
                            f"{operator} pool {way}, {window}/{stride} {padding}, {size}",
                            (
                                Contender("poolscope", "poolscope", "pool", case),
                                Contender("Flax reduce_window", "flax", "pool", case),
                                Contender("torch channels_last", "torch", "pool", case | {"layout": "channels_last"}),
                                Contender("torch default", "torch", "pool", case | {"layout": "default"}),
                            ),
                        )
                    )
    return comparisons


def compare_operators() -> list[BenchmarkCase]:
    """Forward and backward of every operator at 2/2 against max."""

    def contend(operator: str) -> Contender:
        return Contender(operator, "poolscope", "operator", {"operator": operator, "shape": MAPS[1]}, "poolscope")

    names = [name for name, operator in OPERATORS.items() if operator.has_layer and name != "max"]
    return [BenchmarkCase(f"operator {name}", (contend(name), contend("max"))) for name in names]


def compare_training(threads: int = 1) -> list[BenchmarkCase]:
    """The reference networks under poolscope's Trainer, plain Flax and torch; on one thread also peak memory."""
    return [
        BenchmarkCase(
            f"training {name}" + (f" on {threads} threads" if threads > 1 else ""),
            (
                Contender("poolscope step", "poolscope", "training", network.options(loop="step")),
                Contender("poolscope scan", "poolscope", "training", network.options(loop="scan")),
                Contender("Flax step", "flax", "training", network.options(loop="step")),
                Contender("Flax scan", "flax", "training", _shorten(network, name).options(loop="scan")),
                Contender("torch channels_last", "torch", "training", network.options(layout="channels_last")),
                Contender("torch default", "torch", "training", network.options(layout="default")),
                *_contend_by_torch(network),
            ),
            ("images/CPU-s", "MiB") if threads == 1 else ("images/s",),
            threads,
        )
        for name, network in NETWORKS.items()
    ]


def _contend_by_torch(network: Network) -> list[Contender]:
    """torch's faster modes, and poolscope in bfloat16 beside torch in bfloat16."""
    halved = {"precision": "bfloat16"}
    modes: dict[str, dict[str, Any]] = {"torch compiled": {"compiled": True}, "torch bfloat16": halved}
    modes["torch compiled bfloat16"] = {"compiled": True, **halved}
    return [
        Contender("poolscope bfloat16", "poolscope", "training", network.options(loop="step", **halved)),
        *(
            Contender(name, "torch", "training", network.options(layout="channels_last", **mode))
            for name, mode in modes.items()
        ),
    ]


def _shorten(network: Network, name: str) -> Network:
    """Two steps where plain Flax in a scan takes seconds for each."""
    return network if name == "digits" else replace(network, steps=2)


def compare_starts() -> list[BenchmarkCase]:
    """Commands and imports against Python alone; `poolscope train` to its first step, with warm caches against cold,
    and against the same step of plain Flax and torch."""
    python = Contender("python -c pass", "command", "process", {"arguments": ["-c", "pass"]})
    commands = {
        "poolscope --help": ["-m", "poolscope", "--help"],
        "poolscope list": ["-m", "poolscope", "list"],
        "import poolscope.reports.study": ["-c", "import poolscope.reports.study"],
    }
    started = [Contender(name, "command", "process", {"arguments": words}) for name, words in commands.items()]
    comparisons = [BenchmarkCase("start-up", (*started, python), ("s", "CPU-s"), 0, (python.name,))]
    for name, data in (("digits", "digits"), ("cifar", "synthetic")):
        ends = ["train.steps=1", "measure=none", "results={folder}/results"]
        words = ["-m", "poolscope.benchmarks.first_step", "train", *write_overrides(NETWORKS[name], data), *ends]
        runs = [
            Contender(state, "command", "process", {"arguments": words, "warm": state == "warm", "status": STATUS})
            for state in ("warm", "cold")
        ]
        one = Network(NETWORKS[name].shape, NETWORKS[name].filters, 1)
        for library, options in (("flax", one.options(loop="step")), ("torch", one.options(layout="default"))):
            call = f"from poolscope.benchmarks.by_{library} import prepare_training; prepare_training(**{options})()"
            runs.append(Contender(f"plain {library}", "command", "process", {"arguments": ["-c", call]}))
        comparisons.append(BenchmarkCase(f"start to first step, {name}", tuple(runs), ("s", "CPU-s"), 0))
    return comparisons


def compare_runs() -> list[BenchmarkCase]:
    """Whole commands on real data: start, compilation, training with batch norm and augmentation, evaluation, record.

    MNIST and CIFAR-10 where they are prepared, else the digits. The same training in plain Flax and in PyTorch stands
    beside them for the operators that those have.
    """
    cases = []
    sets = {"mnist": ("mnist", 16, "train.shift=2"), "cifar": ("cifar10_heldout", 32, "train.shift=4 train.flip=true")}
    found = {name: described for name, described in sets.items() if _is_prepared(described[0])}
    for name, (data, width, augmented) in (found or {"digits": ("digits", 16, "train.shift=1")}).items():
        words = [f"data={data}", f"model.width={width}", "model.norm=batch", *augmented.split()]
        words += [f"train.steps={STEPS}", "train.batch_size=128"]
        arms = {operator: [f"pool={operator}"] for operator in OPERATORS_RUN} | {"max, scan": ["train.loop=scan"]}
        contenders = [
            _run_command(arm, "poolscope", ["train", *words, *keys, "results={folder}/results"])
            for arm, keys in arms.items()
        ]
        contenders += [
            _run_command(f"plain Flax {operator}", "poolscope.benchmarks.flax_run", [*words, f"pool={operator}"])
            for operator in ("max", "avg")
        ]
        contenders += [
            _run_command(
                f"torch {mode} {operator}", "poolscope.benchmarks.torch_run", [mode, *words, f"pool={operator}"]
            )
            for operator in ("max", "avg")
            for mode in ("eager", "compiled", "bfloat16")
        ]
        units = ("images/CPU-s", "faults/image", "MiB")
        cases.append(BenchmarkCase(f"run on {name}", tuple(contenders), units, 1, ("max", "avg")))
    return cases


def _run_command(name: str, module: str, words: list[str]) -> Contender:
    return Contender(name, "command", "process", {"arguments": ["-m", module, *words], "items": 128 * STEPS})


def _is_prepared(data: str) -> bool:
    try:
        check_dataset(compose_runs([f"data={data}"]).configs[0].data)
    except PoolscopeError:
        return False
    return True


def compare_sweeps() -> list[BenchmarkCase]:
    """Eight runs on the digits of some seconds each: a worker for each core against one process on two threads."""
    words = ["-m", "poolscope", "train", "-m", "data=digits", "pool=max,avg,lp,lse,soft,stochastic,mixed,subsample"]
    words += ["train.epochs=40", "results={folder}/results", "study=sweep"]
    forms = {"hydra/launcher=local": [*words, "hydra/launcher=local"], "one process, two threads": words}
    runs = [Contender(name, "command", "process", {"arguments": form, "items": 8}) for name, form in forms.items()]
    return [BenchmarkCase("sweep of 8 runs", tuple(runs), ("runs/min",), 2)]


def compare_costs() -> list[BenchmarkCase]:
    """poolscope's training speed against batch size, image size, width and depth, and of a run against its seeds."""
    filters = {
        "width": {width: (width, 2 * width, 4 * width) for width in (8, 16, 32, 64)},
        "blocks": {blocks: tuple(16 * 2**block for block in range(blocks)) for blocks in (1, 2, 3, 4)},
    }
    images = BASE.steps * BASE.batch
    grids = {
        "batch size": {
            size: Network(BASE.shape, BASE.filters, images // size, size) for size in (16, 64, 128, 256, 512)
        },
        "image size": {side: Network((side, side, 3), BASE.filters, 4) for side in (8, 16, 32, 64)},
        **{name: {x: Network(BASE.shape, widths, 4) for x, widths in grid.items()} for name, grid in filters.items()},
    }
    base = {"batch size": 128, "image size": 16, "width": 16, "blocks": 3}
    comparisons = [
        BenchmarkCase(
            f"curve: {axis}",
            tuple(Contender(str(x), "poolscope", "training", n.options(loop="step"), "curve") for x, n in grid.items()),
            references=(str(base[axis]),),
        )
        for axis, grid in grids.items()
    ]
    comparisons += [
        BenchmarkCase(
            f"curve: seeds in one program, {name}",
            tuple(
                Contender(str(n), "poolscope", "training", network.options(loop="step", seeds=n), "curve")
                for n in (1, 2, 4)
            ),
            references=("1",),
        )
        for name, network in NETWORKS.items()
        if network.norm == "none"
    ]
    words = ["-m", "poolscope", "train", *write_overrides(NETWORKS["digits"], "digits")]
    words += ["train.epochs=10", "measure=none", "results={folder}/results"]
    seeded = [
        Contender(str(n), "command", "process", {"arguments": [*words, f"seeds={list(range(n))}"], "items": n})
        for n in (1, 2, 4, 8)
    ]
    return [*comparisons, BenchmarkCase("curve: seeds of a command", tuple(seeded), ("runs/min",), 1, ("1",))]


SUITES: dict[str, Callable[[], list[BenchmarkCase]]] = {
    "training": compare_training,
    "pools": compare_pools,
    "operators": compare_operators,
    "threads": lambda: compare_training(2),
    "runs": compare_runs,
    "start": compare_starts,
    "sweep": compare_sweeps,
    "curves": compare_costs,
}
