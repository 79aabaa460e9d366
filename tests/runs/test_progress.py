"""What is printed of runs as they end."""

from __future__ import annotations

import pytest
from made_records import make_config, make_record

from poolscope.process.terminal import open_console
from poolscope.runs.progress import Lines, LiveDisplay, describe_outcome, describe_run


def test_a_run_that_is_done_and_one_that_failed() -> None:
    config = make_config("avg")
    assert describe_run(config, 3) == "mnist avg seed 3"
    assert describe_outcome(config, make_record(config, 3)).startswith("mnist avg seed 3: test ")
    failed = make_record(config, 3, status="failed", reason="no [/memory] left")
    assert describe_outcome(config, failed) == "mnist avg seed 3: failed: no [/memory] left"


@pytest.mark.parametrize("live", [False, True])
def test_reasons_and_sentences_are_printed_as_they_are(live: bool, capsys: pytest.CaptureFixture[str]) -> None:
    console = open_console(stderr=True)
    config = make_config("max")
    with LiveDisplay(console, 2) as display:
        shown = display if live else Lines(console)
        shown.begin(config, 0, 10)
        shown.advance(5, {"val_accuracy": 0.5})
        shown.end(config, make_record(config, 0, status="failed", reason="[red]x[/y] " * 40))
        shown.notify("[/z]")
    assert capsys.readouterr().err.splitlines() == ["mnist max seed 0: failed: " + "[red]x[/y] " * 40, "[/z]"]
