"""What is printed of runs as they end."""

from __future__ import annotations

import pytest
from made_records import make_config, make_record

from poolscope.process.terminal import open_console
from poolscope.runs.progress import Lines, LiveDisplay, describe_outcome, label_runs


def test_a_run_that_is_done_and_one_that_failed() -> None:
    config = make_config("avg")
    record = make_record(config, 3)
    record.scalars.update(val_accuracy=0.5, test_accuracy=0.25, train_eval_accuracy=0.75)
    assert describe_outcome("avg", record) == "avg: validation 50.0%, test 25.0%, train 75.0%, 0.0 s"
    del record.scalars["test_accuracy"]
    assert describe_outcome("avg", record) == "avg: validation 50.0%, train 75.0%, 0.0 s"
    record.scalars.update(train_eval_loss=2.3026, train_eval_accuracy=0.1)
    assert describe_outcome("avg", record) == "avg: validation 50.0%, train 10.0%, at chance, 0.0 s"
    failed = make_record(config, 3, status="failed", reason="no [/memory] left")
    assert describe_outcome("avg", failed) == "avg: failed: no [/memory] left"


def test_a_run_is_named_by_what_distinguishes_it_in_its_sweep() -> None:
    configs = [make_config("max", optim__learning_rate=rate) for rate in (0.5, 0.25)]
    for config in configs:
        config.seeds = [3]
    assert list(label_runs(configs).values()) == ["mnist max lr=0.5 seed 3", "mnist max lr=0.25 seed 3"]
    assert Lines(labels=label_runs(configs)).label(configs[0], 3) == "mnist max lr=0.5 seed 3"
    assert Lines().label(configs[0], 3) == "mnist max seed 3"  # a run alone


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
