"""The checklist says what the records say."""

from __future__ import annotations

from pathlib import Path

from made_records import make_config, make_record, write_study

from poolscope.reports.checklist import write_checklist
from poolscope.statistics.tables import collect


def test_answers_come_from_the_records(results: Path) -> None:
    records = [make_record(make_config(pool), seed) for pool in ("max", "avg") for seed in (0, 1)]
    records[3] = make_record(make_config("avg"), 1, status="failed", reason="no | memory")
    for record in records:
        record.provenance.update(seconds=1800.0, processor="some CPU", data="mnist: 500 images", git_revision="abc")
    write_study(results, records)
    text = write_checklist("made", collect(results, "made"), ("poolscope train -m pool=max,avg",))
    answers = dict(line.strip("| ").split(" | ", 1) for line in text.splitlines() if line.startswith("| "))
    assert answers["What was run?"].startswith("4 runs, of which 3 finished. Factors that vary: pool.name.")
    assert answers["By which commands?"] == "`poolscope train -m pool=max,avg`"
    assert answers["How many seeds has each arm?"] == "2"
    assert answers["Which learning rates?"] == "0.05"
    assert answers["On which device and processor?"] == "some CPU cpu"
    assert answers["How many images, and how split?"] == "mnist: 500 images"
    assert answers["How long did it take?"].startswith("2 hours")
    assert answers["Of which code?"] == "abc"
    assert "1 failed" in answers["Is any run missing?"]
    assert answers["Were hypotheses registered before the runs?"] == "no"
    assert "not recorded" in write_checklist("made", collect(results, "made"))


def test_a_registered_study_says_so() -> None:
    assert "| Were hypotheses registered before the runs? | yes: contrasts " in write_checklist(
        "stride", collect("results", "stride")
    )
