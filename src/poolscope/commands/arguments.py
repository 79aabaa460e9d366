"""What the commands' argument parsers share: errors in one sentence, and arguments that several of them take."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import NoReturn

from poolscope import __version__
from poolscope.spec.config import SETTINGS
from poolscope.spec.errors import PoolscopeError

MOST_SHOWN = 100  # jobs of one command that prints something for each


class Parser(argparse.ArgumentParser):
    """An argument parser that refuses bad arguments as everything else is refused: with one sentence."""

    def __init__(self, command: str, summary: str) -> None:
        super().__init__(f"poolscope {command}", description=summary, allow_abbrev=False, conflict_handler="resolve")
        self.add_argument("--version", action="version", version=f"poolscope {__version__}", help=argparse.SUPPRESS)

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse a command's words; results=DIR stands for --results DIR where a command takes no overrides."""
        if found := [word for word in words if "\0" in word]:
            self.error(f"no name and no value may hold a NUL character, as {found[0][:80]!r} does")
        if "--results" in self._option_string_actions:
            words = [f"--{word}" if word.startswith("results=") else word for word in words]
        return self.parse_intermixed_args(words)

    def error(self, message: str) -> NoReturn:
        raise PoolscopeError(f"{message}; `{self.prog} --help` lists what it takes.")


def add_overrides(parser: argparse.ArgumentParser, about: str) -> None:
    """Add any number of key=value arguments."""
    parser.add_argument("overrides", nargs="*", metavar="key=value", help=about)


def add_job_flags(parser: argparse.ArgumentParser) -> None:
    """Add flags of `train`, so that its command lines fit other commands; several values are a sweep anyway."""
    parser.add_argument("-m", "--multirun", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--config-dir", metavar="DIR", help="folder of configuration files of your own")


def add_results(parser: argparse.ArgumentParser) -> None:
    """Add the folder of studies and records, as --results DIR or, as in `train`, results=DIR."""
    parser.add_argument("--results", default="results", help="folder of studies and records (default: results)")


def read_count(text: str) -> int:
    """Read a whole number from 1."""
    if not (text.isdecimal() and text.isascii()) or not 0 < int(text[:12]) < 10**9:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to 999999999, not {text}")
    return int(text)


def read_seed(text: str) -> int:
    """Read a seed of random numbers, in the range of the key `seeds`."""
    within = SETTINGS["seeds"].within
    if not (text.isdecimal() and text.isascii()) or within is None or int(text[:12]) not in within:
        raise argparse.ArgumentTypeError(f"must be a whole number {within}, not {text}")
    return int(text)


def prepare_backend() -> None:
    """Have JAX keep what it compiles for later commands, and refuse where it finds no device to compute on.

    Such as with JAX_PLATFORMS=cuda on a machine without a GPU.
    """
    import jax

    try:
        jax.default_backend()
    except (RuntimeError, AssertionError) as error:
        chosen = os.environ.get("JAX_PLATFORMS")
        reason = " ".join(str(error).split()) or "there is none of its devices"
        what = f"JAX_PLATFORMS={chosen} can't be used here" if chosen else "JAX finds no device to compute on"
        raise PoolscopeError(f"{what} ({reason[:200]}); unset JAX_PLATFORMS, or set it to cpu.") from error
    from poolscope.training.compilation import enable_compilation_cache

    enable_compilation_cache()
