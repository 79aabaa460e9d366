"""Argument parsers: one sentence for what is refused, and numbers that are checked as they are read."""

from __future__ import annotations

import argparse

import jax
import pytest

from poolscope.cli import MODULES
from poolscope.commands.arguments import Parser, add_results, prepare_backend, read_count, read_seed
from poolscope.spec.errors import PoolscopeError


@pytest.mark.parametrize(("text", "value"), [("1", 1), ("007", 7), ("999999999", 999999999)])
def test_counts(text: str, value: int) -> None:
    assert read_count(text) == value


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "", "x", "٣", "²", "9" * 30, "1000000000", "1e3"])
def test_what_is_no_count(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="must be a whole number from 1 to 999999999, not"):
        read_count(text)


def test_seeds_have_the_range_of_the_key() -> None:
    assert [read_seed("0"), read_seed("4294967295")] == [0, 4294967295]
    for text in ("-1", "4294967296", "9" * 5000, "1.0", ""):
        with pytest.raises(argparse.ArgumentTypeError, match="must be a whole number from 0 to 4294967295"):
            read_seed(text)


@pytest.mark.parametrize("name", list(MODULES))
def test_every_command_refuses_an_unknown_flag_with_one_sentence(name: str) -> None:
    import importlib

    module = importlib.import_module(f"poolscope.commands.{MODULES[name]}")
    parser = Parser(name, module.SUMMARY)
    module.add_arguments(parser)
    assert callable(module.run)
    with pytest.raises(PoolscopeError, match=rf"`poolscope {name} --help` lists what it takes\.$"):
        parser.parse(["--nosuch"])
    with pytest.raises(PoolscopeError, match=rf"NUL character, as '\\x00' does; `poolscope {name} --help`"):
        parser.parse(["--results", "\0"])


@pytest.mark.parametrize("words", [["--results", "there"], ["results=there"], ["--results=there"]])
def test_results_can_be_given_as_for_train(words: list[str]) -> None:
    parser = Parser("status", "")
    add_results(parser)
    assert parser.parse(words).results == "there"


@pytest.mark.parametrize("error", [AssertionError(), RuntimeError("Unable to initialize backend 'x'")])
def test_a_platform_that_is_not_there_is_named(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise error

    monkeypatch.setattr(jax, "default_backend", fail)
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    with pytest.raises(PoolscopeError, match=r"JAX_PLATFORMS=cuda can't be used here \(.+\); unset JAX_PLATFORMS"):
        prepare_backend()
    monkeypatch.delenv("JAX_PLATFORMS")
    with pytest.raises(PoolscopeError, match="JAX finds no device to compute on"):
        prepare_backend()


def test_what_a_command_compiles_is_kept_for_later_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[str] = []
    monkeypatch.setattr("poolscope.training.compilation.enable_compilation_cache", lambda: kept.append("kept"))
    prepare_backend()
    assert kept == ["kept"]
