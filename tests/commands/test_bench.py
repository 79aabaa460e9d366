"""`poolscope bench`: its arguments, and what may be asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from poolscope.benchmarks.suites import SUITES
from poolscope.cli import main
from poolscope.commands.complete import find_choices


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["pool"], "there is no benchmark suite 'pool'; it must be one of training, pools,"),
        (["--core", "4096"], "--core must be one of "),
        (["--rounds", "0"], "must be a whole number from 1 to 999999999, not 0"),
        (["--redraw"], "holds no measurements yet; `poolscope bench` takes them."),
    ],
)
def test_bad_arguments_get_one_sentence(
    words: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["bench", *words, "--results", str(tmp_path)])
    assert end.value.code == 2
    told = capsys.readouterr().err
    assert sentence in told and told.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_help_and_completion_name_every_suite(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["bench", "--help"])
    assert not end.value.code
    told = capsys.readouterr().out
    assert all(suite in told for suite in SUITES)
    assert find_choices(["bench", ""], {"bench": "bench"}) == list(SUITES)
