"""Every command in README, CONTRIBUTING, the docs and the studies' pages works as it is written.

Commands are the lines of fenced sh blocks and the code spans that begin with a program's name. Those of one page run in
order, in this process and in one temporary folder; only training itself is replaced, by made-up records where no
weights are kept, and whether a data set is prepared is not asked. What would take long or change the machine is checked
without being run: its arguments, the targets, scripts and studies that it names. A command that no rule below knows
fails the test. (The example package under examples/ has a test of its own; {run} blocks of the docs are run by
`make docs`.)
"""

from __future__ import annotations

import importlib
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from image_folders import write_folder
from pretend import launch_nothing

from poolscope.cli import MODULES, main
from poolscope.commands import train
from poolscope.commands.arguments import Parser
from poolscope.data import datasets
from poolscope.pooling import contract
from poolscope.spec.compose import Composed, compose_runs
from poolscope.spec.paths import is_study, shipped
from poolscope.spec.plan import plan_network

CHECKOUT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    path.relative_to(CHECKOUT)
    for pattern in ("README.md", "CONTRIBUTING.md", "docs/**/*.md", "experiments/*/README.md")
    for path in CHECKOUT.glob(pattern)
    if not {"_build", "generated"} & set(path.parts)
)
# For `make test-long`: sweeps of a hundred runs, and a training whose weights are used.
LARGE = ("docs/guides/evening.md", "docs/sweeps.md", "docs/export.md")
PROGRAMS = ("poolscope", "make", "python", "scripts/")
OTHERS = ("cd", "git", "export", "source", ".", "eval", "mkdir")  # programs that are not ours
PLACEHOLDER = re.compile(r"\.\.\.|…|<\w+>|(?<![\w=])[A-Z]{3,}(?![\w=])")  # <study>, NAME: not meant to be typed
MOST_RUNS = 60
LAUNCH = train._launch
LONG = ("bench", "data", "explore", "export", "gallery", "measure", "report", "reproduce")  # checked without being run


@dataclass(frozen=True)
class Command:
    """A command of a page; inline: a code span in a sentence, which may only mention a command."""

    text: str
    line: int
    inline: bool


def read_commands(text: str) -> Iterator[Command]:
    """The commands of a page, in order."""
    fence, pending = None, ""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip().startswith("```"):
            fence, pending = (line.strip()[3:].strip() or "text") if fence is None else None, ""
        elif fence in ("sh", "bash", "shell", "console"):
            pending += line.removeprefix("$ ").removesuffix("\\")
            if not line.endswith("\\"):
                for part in re.split(r"\s&&\s|\s\|\s", re.sub(r"(^|\s)#.*", "", pending).strip()):
                    if part.strip():
                        yield Command(part.strip(), number, inline=False)
                pending = ""
        elif fence is None:
            for span in re.findall(r"`([^`]+)`", line):
                if span.startswith(PROGRAMS) and " " in span:
                    yield Command(span, number, inline=True)


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=[pytest.mark.long] if str(page) in LARGE else []) for page in PAGES], ids=str
)
def test_commands_of_a_page_work(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path / "flowers", {"rose": 4, "tulip": 4})  # the reader's own images, as pages call them
    monkeypatch.setattr(train, "_launch", launch_little)
    monkeypatch.setattr("poolscope.commands.estimate._probe", lambda config: (1.0, 0.01, 0.001))
    monkeypatch.setattr(contract, "CHECKS", {"size": contract.check_size})
    monkeypatch.setattr(datasets, "check_dataset", lambda data: 10**9)
    monkeypatch.setattr(datasets, "check_readable", lambda data: [])
    monkeypatch.setattr(datasets, "count_images", lambda data: {"data.val": 10**9, "data.test": 10**9})
    problems = []
    for command in read_commands((CHECKOUT / page).read_text(encoding="utf-8")):
        try:
            try_command(command)
        except (Exception, SystemExit) as error:
            said = capsys.readouterr().err.strip().splitlines()[-1:] if isinstance(error, SystemExit) else []
            problems.append(f"{page}:{command.line}: `{command.text}`: {' '.join(said) or error!r}")
    assert not problems, "\n".join(["commands that don't work as written:", *problems])


def launch_little(hydra: Any, composed: Composed, *others: Any) -> None:
    """Train what keeps its weights; of the rest, make up the records."""
    kept = any(config.train.keep for config in composed.configs)
    (LAUNCH if kept else launch_nothing)(hydra, composed, *others)


def try_command(command: Command) -> None:
    """Run or check a command. Raises what it raises, SystemExit where it ends with another status than 0."""
    words = shlex.split(command.text)
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        del words[0]
    program = words[0] if words else ""
    if re.fullmatch(r"(\S*/)?poolscope", program):
        try_poolscope(words[1:], command)
    elif program == "make":
        targets = set(re.findall(r"^([\w-]+):", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), re.M))
        wanted = {word for word in words[1:] if "=" not in word}
        assert wanted <= targets, f"Makefile has no target {', '.join(sorted(wanted - targets))}"
    elif scripts := [word for word in words if re.match(r"(\./)?scripts/", word)]:
        assert (CHECKOUT / scripts[0]).is_file(), f"there is no {scripts[0]}"
        text = (CHECKOUT / scripts[0]).read_text(encoding="utf-8")
        unknown = [word for word in words if word.startswith("--") and word.partition("=")[0] not in text]
        assert not unknown, f"{scripts[0]} knows no {', '.join(unknown)}"
    elif program in ("pip", "uv") or words[1:3] == ["-m", "pip"]:
        extras = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
            "optional-dependencies"
        ]
        wanted = {extra for text in re.findall(r"\[([\w,-]+)\]", command.text) for extra in text.split(",")}
        assert wanted <= set(extras), f"pyproject.toml has no extra {', '.join(sorted(wanted - set(extras)))}"
    else:
        known = program in OTHERS or (program.startswith("python") and command.inline)
        assert known, "no rule of tests/test_pages.py knows this kind of command; add one"


def try_poolscope(words: list[str], command: Command) -> None:
    """Run a command of ours, or check its arguments where it would take long."""
    if words[:1] == ["--plugin"]:
        assert words[1].endswith(".py"), "--plugin takes a Python file"
        return  # its file is the reader's own
    name = words[0] if words else "--help"
    if name in ("--help", "--version", "-sc"):
        finish(words)
        return
    assert name in MODULES, f"there is no command {name}"
    if command.inline and (len(words) == 1 or PLACEHOLDER.search(command.text)):
        return  # it mentions the command
    if name in LONG and not (name in ("report", "export") and is_recorded(words)):
        check_arguments(name, words[1:])
    elif name == "train" and any(word.startswith("hydra/sweeper=") for word in words):
        compose_runs([word for word in words[1:] if "=" in word and not word.startswith("hydra")], multirun=True)
    elif name == "train" and not any(word.startswith("-") and word != "-m" for word in words) and is_large(words[1:]):
        return
    else:
        finish(check_launcher(words))


def is_large(words: list[str]) -> bool:
    """Whether this asks for more runs than a test should pretend to train; then its networks are planned instead."""
    configs = compose_runs(check_launcher([word for word in words if word != "-m"]), "-m" in words).configs
    large = sum(len(config.seeds) for config in configs) > MOST_RUNS
    for config in configs if large else ():
        plan_network(config, *datasets.describe_dataset(config.data))
    return large


def finish(words: list[str]) -> None:
    """Run a command in this process; raises SystemExit unless it ends well."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    if ended.value.code:
        raise SystemExit(ended.value.code)


def is_recorded(words: list[str]) -> bool:
    """Whether an earlier command of the page has trained this study."""
    return any((Path("results") / "runs" / word).is_dir() for word in words if is_study(word))


def check_arguments(name: str, words: list[str]) -> None:
    """Parse the arguments, and look for the study, the suites and the operators that they name."""
    module = importlib.import_module(f"poolscope.commands.{MODULES[name]}")
    parser = Parser(name, module.SUMMARY)
    module.add_arguments(parser)
    options = parser.parse(words)
    study = getattr(options, "study", None)
    if study not in (None, "all", "ledger"):
        known = (CHECKOUT / "results" / study / "tables", shipped("configs") / "experiment" / f"{study}.yaml")
        assert is_study(study), f"{study} is no name of a study"
        assert any(path.exists() for path in known), f"there is no study {study}"
    if name == "bench":
        assert set(options.suite) <= set(module.complete([])), f"bench has no suite {options.suite}"
    if name == "measure":
        compose_runs(options.overrides, multirun=True)


def check_launcher(words: list[str]) -> list[str]:
    """The same words, with jobs launched in this process instead of by workers or a cluster."""
    chosen = [word.partition("=")[2] for word in words if word.startswith("hydra/launcher=")]
    folder = shipped("configs") / "hydra" / "launcher"
    for choice in chosen:
        assert choice == "basic" or (folder / f"{choice}.yaml").is_file(), choice
    texts = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.yaml"))
    keys = [word.partition("=")[0] for word in words if word.startswith("hydra.launcher.")]
    for key in keys:
        assert re.search(rf"^{key.split('.')[2]}:", texts, re.M), key
    return [word for word in words if word.partition("=")[0] not in ("hydra/launcher", *keys)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("```sh\nmake a  # why\n\npoolscope b \\\n  c && cd d\n```\n", ["make a", "poolscope b   c", "cd d"]),
        ("```text\npoolscope a\n```\nSay `poolscope b c`, `poolscope` or `x`.", ["poolscope b c"]),
        ("```console\n$ poolscope a\n```", ["poolscope a"]),
    ],
)
def test_commands_are_found_in_blocks_and_sentences(text: str, found: list[str]) -> None:
    assert [command.text for command in read_commands(text)] == found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("poolscope trian", "no command"),
        ("poolscope report nosuch", "there is no study"),
        ("poolscope bench nosuch", "no suite"),
        ("poolscope show pool=nosuch", "2"),
        ("poolscope train -m pool=max,avg model.width=2 pool.window=9", "2"),
        ("make nosuch", "no target nosuch"),
        ("scripts/nosuch.py", "there is no"),
        ("python scripts/fuzz.py --nosuch", "knows no --nosuch"),
        ("pip install 'poolscope[nosuch]'", "no extra nosuch"),
        ("docker run x", "no rule"),
    ],
)
def test_a_command_that_does_not_work_is_found(text: str, problem: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    check: Callable[[Command], None] = try_command
    with pytest.raises((Exception, SystemExit), match=problem):
        check(Command(text, 1, inline=False))
