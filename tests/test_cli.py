"""The entry point: commands, help, plugins, and how errors become exit statuses."""

from __future__ import annotations

import subprocess
import sys

import pytest

from poolscope import __version__
from poolscope.cli import MODULES, main
from poolscope.commands import data, status
from poolscope.spec.errors import PoolscopeError


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(words)
    return int(ended.value.code or 0)


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_help_names_every_command(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words) == 0
    printed = capsys.readouterr().out
    assert [name for name in MODULES if f"\n  {name} " not in printed] == []


@pytest.mark.parametrize("words", [["--version"], ["train", "--version"], ["compare", "--version"]])
def test_the_version_is_poolscope_s(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words) == 0
    assert capsys.readouterr().out == f"poolscope {__version__}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trian"], "there is no command 'trian'; it must be one of train, tune, show"),
        ([""], "there is no command ''"),
        (["list", "pools", "[/x]", "made\n"], "unrecognized arguments: made ; `poolscope list --help`"),
        (["--plugin"], "--plugin needs the name of a Python file"),
        (["-sc", "foo"], "-sc takes install=SHELL"),
        (["train", "-m", "--shell-completion"], "-sc takes install=SHELL"),
        (["train", "--cfg", "job", "--info"], "--cfg and --info exclude each other"),
        (["train", "--resolve"], "--resolve and --package go with --cfg only"),
        (["train", "--cfg", "job", "-p", "nosuch"], "--package=nosuch is no part of the configuration"),
        (["train", "--config-dir", "nosuch"], "--config-dir must be a folder, not nosuch"),
        (["compare", "--delta", "0"], "--delta must be above 0"),
        (["show", "model.width=range(1,9999)"], "This makes 9998 jobs, and there may be at most 100"),
        (["apply", "pool.padding=9"], "pool.padding=9 is as large as pool.window=2"),
        (["apply", "--seed", "-1"], "must be a whole number from 0 to 4294967295"),
        (["reproduce", "pool_type", "--runs", "0"], "must be a whole number from 1"),
    ],
)
def test_a_bad_request_ends_with_one_sentence_and_status_2(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.err.startswith("poolscope: ") and printed.err.count("\n") == 1
    assert not printed.out


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (PoolscopeError("it can't be."), 2, "poolscope: it can't be.\n"),
        (OSError(28, "No space left on device", "x/y"), 1, "poolscope: No space left on device: x/y.\n"),
        (KeyboardInterrupt(), 130, "poolscope: interrupted"),
    ],
)
def test_errors_become_statuses(
    error: BaseException,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(options: object) -> int:
        raise error

    monkeypatch.setattr(status, "run", fail)
    assert run("status", "made") == code
    assert capsys.readouterr().err.startswith(said)


def test_the_exit_status_is_the_command_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "run", lambda options: 1 if options.name == "mnist" else 0)
    assert run("data", "prepare", "mnist") == 1
    assert run("data", "prepare", "kmnist") == 0


@pytest.mark.parametrize(
    ("words", "needless"),
    [
        ("--help", "numpy hydra rich jax flax pandas matplotlib"),
        ("list pools", "numpy hydra jax flax pandas matplotlib"),
        ("list studies", "jax hydra matplotlib scipy"),
        ("status quickstart", "jax pandas scipy"),
        ("show pool=max", "jax flax pandas scipy matplotlib"),
        ("show data=digits", "jax flax pandas matplotlib"),
        ("apply pool=max,avg,none", "jax flax pandas scipy matplotlib"),
    ],
)
def test_a_command_imports_only_what_it_needs(words: str, needless: str) -> None:
    """By the number of its needless modules; their import takes longer than what the command does."""
    program = (
        "import sys\nfrom poolscope.cli import main\n"
        "try:\n    main(sys.argv[1].split())\nexcept SystemExit as end:\n    assert not end.code\n"
        "print(*(name for name in sys.argv[2].split() if name in sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, words, needless], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.split()) == (0, [])
