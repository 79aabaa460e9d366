"""The entry point: `poolscope train | compare | report | ...`. Only the module of the command that runs is imported."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from poolscope import __version__
from poolscope.kernels.freed_memory import keep_freed_memory
from poolscope.process.interrupts import SENTENCE, STATUS, interruptible
from poolscope.process.streams import BROKEN_PIPE, discard_output, replace_closed_streams
from poolscope.spec.errors import PoolscopeError

_COMMANDS = {  # name: what it does, an example
    "train": ("train one configuration, or sweep over many", "poolscope train -m pool=max,avg seeds=[0,1,2]"),
    "tune": ("each arm's learning rate on validation images", "poolscope tune pool=max,avg study=mine"),
    "show": ("a network as a table of layers", "poolscope show data=mnist pool=max pool.window=3"),
    "apply": ("operators on a small matrix, and their gradients", "poolscope apply pool=max,avg --gradient"),
    "exercise": ("pooling to work out by hand, checked", "poolscope exercise backward pool=max --seed 3"),
    "measure": ("operators on raw images: what they keep", "poolscope measure pool=max,avg data=mnist"),
    "status": ("how far a study is, from any shell", "poolscope status quickstart"),
    "reproduce": ("rerun a study as recorded and compare", "poolscope reproduce quickstart --runs 3"),
    "compare": ("strategies against the first: verdict, cost", "poolscope compare pool=max,avg data=mnist"),
    "report": ("tables, figures and a report of a study, or all", "poolscope report quickstart"),
    "export": ("a study's table and figure for a paper", "poolscope export quickstart --to latex"),
    "pack": ("a study for reviewers, with make verify", "poolscope pack quickstart"),
    "predict": ("one's own images by a study's weights", "poolscope predict flowers max photos/"),
    "gallery": ("what every operator does to the same images", "poolscope gallery"),
    "explore": ("operators, shifts and studies in the browser", "poolscope explore --open"),
    "bench": ("speed beside plain Flax and PyTorch", "poolscope bench training --quick"),
    "check-operator": ("what an operator promises, checked", "poolscope check-operator max_blur"),
    "list": ("what there is", "poolscope list pools | heads | measures | studies | runs"),
    "data": ("prepare (download) a data set", "poolscope data prepare mnist"),
}
MODULES = {name: name.replace("-", "_") for name in _COMMANDS}  # in poolscope.commands


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0 if all went well, 1 if a run failed, 2 if the request can't be met.

    130 where it was interrupted, 141 where what reads its output went away.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    keep_freed_memory()  # before any thread starts
    replace_closed_streams()
    try:
        with interruptible():
            status = _dispatch(given)
        sys.stdout.flush()
    except PoolscopeError as error:
        if os.environ.get("POOLSCOPE_TRACEBACK"):
            raise
        print("poolscope:", " ".join(str(error).splitlines()), file=sys.stderr)
        status = 2
    except BrokenPipeError:
        discard_output()
        status = BROKEN_PIPE
    except OSError as error:
        if os.environ.get("POOLSCOPE_TRACEBACK") or error.strerror is None:
            raise
        with suppress(OSError):
            print(f"poolscope: {error.strerror}: {error.filename or 'a file'}.", file=sys.stderr)
        discard_output()
        status = 1
    except KeyboardInterrupt:
        print(SENTENCE, file=sys.stderr)
        status = STATUS
    raise SystemExit(status)


def _dispatch(given: list[str]) -> int:
    given = _take_plugins(given)
    if not given or given[0] in ("-h", "--help", "help"):
        print(_describe_commands())
        return 0
    if given[0] == "--version":
        print(f"poolscope {__version__}")
        return 0
    if {"-sc", "--shell-completion"} & set(given):
        from poolscope.commands.complete import complete

        complete([word for word in given if word not in ("-sc", "--shell-completion", "train")], MODULES)
        return 0
    if given[0] not in MODULES:
        raise PoolscopeError(f"there is no command {given[0]!r}; it must be one of {', '.join(MODULES)}.")
    from poolscope.commands.arguments import Parser

    module = importlib.import_module(f"poolscope.commands.{MODULES[given[0]]}")
    parser = Parser(given[0], module.SUMMARY)
    module.add_arguments(parser)
    status: int = module.run(parser.parse(given[1:]))
    return status


def _take_plugins(given: list[str]) -> list[str]:
    """The words without --plugin FILE; such a file adds operators, data sets or measurements to this command."""
    if "--plugin" not in given:
        return given
    from poolscope.spec.plugins import use_files  # before anything else reads what there is

    rest, files = list(given), []
    while "--plugin" in rest:
        place = rest.index("--plugin")
        files += rest[place + 1 : place + 2] or [""]
        del rest[place : place + 2]
    if "" in files:
        raise PoolscopeError("--plugin needs the name of a Python file, as in --plugin my_pools.py.")
    use_files(files)
    return rest


def _describe_commands() -> str:
    rows = [f"  {name:<14} {about:<48} {example}" for name, (about, example) in _COMMANDS.items()]
    return "\n".join(
        [
            "poolscope - what pooling does to convolutional networks",
            "\nusage: poolscope [--plugin FILE] COMMAND ...\n",
            *rows,
            '\npoolscope COMMAND --help says more. Tab completion in bash: eval "$(poolscope -sc install=bash)"',
        ]
    )
