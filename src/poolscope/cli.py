"""The door: `poolscope train | compare | report | ...`. A half is imported only when its command runs."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from poolscope import __version__
from poolscope.spec.errors import PoolscopeError

_LISTS = ("pools", "data", "measures", "studies", "runs")
_HELP = """poolscope - what pooling does to convolutional networks

usage: poolscope COMMAND ...

  train    train one configuration, or sweep over many     poolscope train -m pool=max,avg seeds=[0,1,2]
  show     a network as a table of layers                  poolscope show data=mnist pool=max pool.window=3
  apply    operators on a small matrix, side by side       poolscope apply pool=max,avg
  measure  operators on raw images: what they keep         poolscope measure pool=max,avg data=mnist
  status   how far a study is, from any shell              poolscope status quickstart
  reproduce  rerun a study as recorded and compare        poolscope reproduce quickstart --runs 3
  compare  strategies against the first: verdict, cost     poolscope compare pool=max,avg data=mnist
  report   tables, figures and a report of a study, or all poolscope report quickstart
  gallery  what every operator does to the same images     poolscope gallery
  bench    speed beside plain Flax and PyTorch             poolscope bench training --quick
  list     what there is: pools, data, measures, studies, runs
  data     prepare (download) a data set                   poolscope data prepare mnist

poolscope COMMAND --help says more. Tab completion in bash: eval "$(poolscope -sc install=bash)"
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0 if all went well, 1 if a run failed, 2 if the request can't be met."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        status = _dispatch(given)
    except PoolscopeError as error:
        if os.environ.get("POOLSCOPE_TRACEBACK"):
            raise
        print(f"poolscope: {error}", file=sys.stderr)
        status = 2
    except BrokenPipeError:
        sys.stderr.close()
        status = 0
    except OSError as error:
        if os.environ.get("POOLSCOPE_TRACEBACK") or error.strerror is None:
            raise
        print(f"poolscope: {error.strerror}: {error.filename or 'a file'}.", file=sys.stderr)
        status = 1
    except KeyboardInterrupt:
        print("poolscope: interrupted; finished runs are recorded, and the same command goes on.", file=sys.stderr)
        status = 130
    raise SystemExit(status)


def _dispatch(given: list[str]) -> int:
    if not given or given[0] in ("-h", "--help", "help"):
        print(_HELP, end="")
        return 0
    if given[0] == "--version":
        print(f"poolscope {__version__}")
        return 0
    if given[0] == "-sc":
        return _complete(given)
    command, rest = given[0], given[1:]
    if command not in COMMANDS:
        raise PoolscopeError(f"there is no command {command!r}; it must be one of {', '.join(COMMANDS)}.")
    return COMMANDS[command](rest)


def _train(given: list[str]) -> int:
    from poolscope.commands.train import train

    return train(given)


def _complete(given: list[str]) -> int:
    """Answer the shell's question for completions; Hydra knows those of overrides, without the command's name."""
    words = os.environ.get("COMP_LINE", "").split(" ")
    if any(word.startswith("query") for word in given) and (choices := _choices(words[1:])) is not None:
        print(" ".join(choice for choice in choices if choice.startswith(words[-1])))
        return 0
    if len(words) > 1 and words[1] in COMMANDS:
        os.environ["COMP_LINE"] = " ".join([words[0], *words[2:]])
    return _train(given)


def _choices(words: list[str]) -> list[str] | None:
    """What may stand in the last place of a command line; None where overrides may."""
    if len(words) < 2:
        return list(COMMANDS)
    if words[0] == "list" and len(words) == 2:
        return list(_LISTS)
    if words[0] == "data":
        return ["prepare"] if len(words) == 2 else []
    if words[0] == "bench":
        from poolscope.benchmarks.parts import PARTS

        return list(PARTS)
    if words[0] in ("report", "reproduce", "status") or words[:2] == ["list", "runs"]:
        folders = [*Path("results").glob("*/"), *Path("results/runs").glob("*/")]
        return sorted({folder.name for folder in folders} - {"runs"})
    return [] if words[0] in ("list", "gallery") else None


def _show(given: list[str]) -> int:
    parser = _parser("show", "Print a network as a table of layers: output shape, parameters, MACs, receptive field.")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="as for poolscope train")
    _add_train_flags(parser)
    options = parser.parse_intermixed_args(given)
    from poolscope.commands.show import show_network
    from poolscope.spec.compose import compose_runs

    for config in compose_runs(options.overrides, True, options.config_dir).configs:
        show_network(config)
    return 0


def _apply(given: list[str]) -> int:
    parser = _parser("apply", "Apply pooling operators to a small matrix and print what comes out, side by side.")
    parser.add_argument(
        "overrides", nargs="*", metavar="key=value", help="pool=max,avg pool.window=2 pool.stride=1 ..."
    )
    parser.add_argument(
        "--matrix",
        help='rows separated by "/", for instance "1 3 2 4 / 5 6 7 8", or - to read rows from standard input; '
        "default: the 4x4 matrix of the tutorial",
    )
    parser.add_argument("--train", action="store_true", help="the training form of operators that draw at random")
    parser.add_argument("--seed", type=_seed, default=0, help="seed of the draws (default 0)")
    _add_train_flags(parser)
    options = parser.parse_intermixed_args(given)
    from poolscope.commands.show import apply_operators, read_matrix
    from poolscope.spec.compose import compose_runs

    configs = compose_runs(options.overrides, True, options.config_dir).configs
    apply_operators([config.pool for config in configs], read_matrix(options.matrix), options.train, options.seed)
    return 0


def _measure(given: list[str]) -> int:
    parser = _parser(
        "measure",
        "Measure what operators do to raw images, without training; continues results/operators, redraws its figures.",
    )
    parser.add_argument(
        "overrides", nargs="*", metavar="key=value", help="pool=max,avg data=mnist; default: all, on MNIST and CIFAR-10"
    )
    overrides = parser.parse_args(given).overrides
    from poolscope.commands.survey import survey_operators

    return survey_operators(overrides)


def _report(given: list[str]) -> int:
    parser = _parser("report", "Write a study's tables, figures, report.md and report.html, and print its comparison.")
    parser.add_argument("study", help="the study's name; ledger: what all say of the claims; all: redraw everything")
    parser.add_argument("--results", default="results", help="folder of studies and records (default: results)")
    options = parser.parse_args(_with_flags(given))
    if options.study in ("all", "ledger"):
        return _report_all(options.results, options.study == "ledger")
    from rich.console import Console

    from poolscope.reports.study import build_report

    report = build_report(options.results, options.study, echo=lambda sentence: print(sentence, file=sys.stderr))
    console = Console()
    if not console.is_terminal:
        console.width = 200
    console.print(report.table)
    print(f"Written to {report.folder}: open {report.folder / 'report.html'}")
    return report.exit_status


def _report_all(results: str, only_ledger: bool) -> int:
    from rich.console import Console

    from poolscope.reports.overview import build_ledger, build_overview
    from poolscope.reports.study import make_table
    from poolscope.reports.verdicts import show_claims

    def echo(sentence: str) -> None:
        print(sentence, file=sys.stderr)

    ledger = build_ledger(results) if only_ledger else build_overview(results, echo).ledger
    Console().print(make_table(show_claims(ledger), "The claims"))
    print(f"Written to {Path(results) / ('ledger/ledger.md' if only_ledger else 'index.html')}")
    return 0


def _status(given: list[str]) -> int:
    parser = _parser("status", "Say how far a study is, also while its sweep runs: done, running, failed, time left.")
    parser.add_argument("study", help="the study's name (poolscope list studies)")
    parser.add_argument("--results", default="results", help="folder of studies and records (default: results)")
    options = parser.parse_args(_with_flags(given))
    from rich.console import Console

    from poolscope.commands.status import print_status

    print_status(options.results, options.study, Console())
    return 0


def _reproduce(given: list[str]) -> int:
    parser = _parser("reproduce", "Rerun a study's runs as recorded, in a temporary folder, and compare.")
    parser.add_argument("study", help="the study's name (poolscope list studies)")
    parser.add_argument("--runs", type=_count, help="how many, spread over the study (default: all)")
    parser.add_argument("--results", default="results", help="folder of studies and records (default: results)")
    options = parser.parse_args(_with_flags(given))
    from poolscope.commands.reproduce import reproduce_study

    return 0 if reproduce_study(options.results, options.study, options.runs, print) else 1


def _compare(given: list[str]) -> int:
    parser = _parser(
        "compare",
        "Compare two or more strategies with the first one, paired by seed, from recorded runs or by running what is "
        "missing: verdict, difference, cost and a figure. The protocol is experiment=compare; any key can be changed.",
    )
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="pool=max,avg data=mnist seeds=[0,1,2]")
    parser.add_argument(
        "--delta", type=float, default=1.0, help="smallest difference that matters, in points (default 1)"
    )
    parser.add_argument("--no-run", action="store_true", help="use recorded runs only")
    options = parser.parse_intermixed_args(given)
    if not 0 < options.delta < 100:
        raise PoolscopeError(f"--delta must be above 0 and below 100 points, not {options.delta:g}.")
    from poolscope.commands.compare import compare_strategies

    return compare_strategies(options.overrides, options.delta, not options.no_run)


def _gallery(given: list[str]) -> int:
    parser = _parser("gallery", "Measure every operator on the same images and write the gallery's tables and page.")
    parser.add_argument("--results", default="results", help="folder of studies and records (default: results)")
    options = parser.parse_args(_with_flags(given))
    from poolscope.measures.responses import write_gallery

    write_gallery(options.results, echo=lambda name: print(f"measuring {name}", file=sys.stderr))
    from poolscope.reports.gallery import build_page

    print(f"Written to {build_page(options.results)}")
    return 0


def _bench(given: list[str]) -> int:
    parser = _parser(
        "bench",
        "Measure poolscope beside plain Flax and, where it is installed, PyTorch; writes tables, figures and report.md "
        "to results/benchmarks. Contenders have a process and a core each and are asked in turn.",
    )
    parser.add_argument(
        "part", nargs="*", help="training, pools, operators, threads, start, sweep, curves; default: all"
    )
    parser.add_argument("--quick", action="store_true", help="few and short rounds")
    parser.add_argument("--rounds", type=_count, help="how many rounds (default 11, quick 3)")
    parser.add_argument("--core", type=int, help="the core to measure on (default: the last one)")
    parser.add_argument("--redraw", action="store_true", help="measure nothing; draw the figures and the report again")
    parser.add_argument("--results", default="results", help="folder of studies and records (default: results)")
    options = parser.parse_args(_with_flags(given))
    folder, status = Path(options.results) / "benchmarks", 0
    if not options.redraw:
        from poolscope.benchmarks.bench import choose_pace, run_parts

        try:
            status = run_parts(options.part, folder, choose_pace(options.quick, options.rounds), options.core)
        except KeyboardInterrupt:
            print("poolscope: interrupted; the tables hold what was measured until now.", file=sys.stderr)
            return 130
    from poolscope.benchmarks.page import build_page

    print(f"Written to {build_page(folder)}")
    return status


def _list(given: list[str]) -> int:
    parser = _parser("list", "List what there is.")
    parser.add_argument("what", nargs="?", choices=_LISTS, default="pools")
    parser.add_argument("study", nargs="?", help="with runs: only those of this study")
    parser.add_argument("--results", default="results", help="folder of studies and records (default: results)")
    options = parser.parse_args(_with_flags(given))
    from poolscope.commands.show import list_what

    list_what(options.what, options.results, options.study)
    return 0


def _data(given: list[str]) -> int:
    parser = _parser("data", "Prepare (download) a data set of the tensorflow-datasets catalogue.")
    parser.add_argument("action", choices=("prepare",))
    parser.add_argument("name", help="the data set, for instance mnist or cifar10")
    parser.add_argument("--dir", help="where to; default: TFDS_DATA_DIR, else the catalogue's own default")
    options = parser.parse_args(given)
    from poolscope.data.datasets import prepare_dataset

    prepare_dataset(options.name, options.dir)
    return 0


class _Parser(argparse.ArgumentParser):
    """Refuses bad arguments as everything else is refused: with one sentence."""

    def error(self, message: str) -> NoReturn:
        raise PoolscopeError(f"{message}; `{self.prog} --help` says what there is.")


def _parser(command: str, summary: str) -> argparse.ArgumentParser:
    return _Parser(f"poolscope {command}", description=summary, allow_abbrev=False)


def _add_train_flags(parser: argparse.ArgumentParser) -> None:
    """Flags of `train`, so that its command lines can be shown; several values are a sweep with or without -m."""
    parser.add_argument("-m", "--multirun", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--config-dir", metavar="DIR", help="folder of configuration files of your own")


def _seed(text: str) -> int:
    from poolscope.spec.config import MOST_SEED

    if not text.isdecimal() or int(text) > MOST_SEED:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to {MOST_SEED}, not {text}")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 10**9:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, not {text}")
    return int(text)


def _with_flags(given: list[str]) -> list[str]:
    """Accept results=DIR, as `train` does, for --results DIR."""
    return [f"--{word}" if word.startswith("results=") else word for word in given]


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "train": _train,
    "show": _show,
    "apply": _apply,
    "measure": _measure,
    "status": _status,
    "reproduce": _reproduce,
    "report": _report,
    "compare": _compare,
    "gallery": _gallery,
    "bench": _bench,
    "list": _list,
    "data": _data,
}
