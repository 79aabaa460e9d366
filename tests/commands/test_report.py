"""`poolscope report`: a study's report, the claims' ledger, and the exit status."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_records import make_config, make_record, write_study
from processes import run_command

from poolscope.spec.paths import record_path

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture
def study(results: Path) -> Path:
    write_study(results, [make_record(make_config(pool), seed) for pool in ("max", "avg") for seed in (0, 1)])
    return results


def test_a_study_s_comparison_is_printed_and_the_page_named(study: Path) -> None:
    status, output, errors = run_command("report", "made", f"results={study}")
    assert (status, errors) == (0, "")
    assert "avg" in output and "baseline" in output
    page = study / "made" / "report.html"
    assert output.splitlines()[-1] == f"Written to {study / 'made'}: open {page}"
    assert page.is_file()


def test_a_damaged_record_is_named_and_makes_the_status_1(study: Path) -> None:
    torn = record_path(study, "made", make_record(make_config("max"), 0).digest, 0)
    torn.write_text("{")
    status, _, errors = run_command("report", "made", "--results", str(study))
    assert status == 1
    assert str(torn) in errors


def test_the_ledger_is_written_without_a_study(study: Path) -> None:
    status, output, _ = run_command("report", "ledger", f"results={study}")
    assert status == 0
    assert "The claims" in output
    assert output.splitlines()[-1] == f"Written to {study / 'ledger' / 'ledger.md'}"
    assert (study / "ledger" / "ledger.md").is_file()
    assert not (study / "index.html").exists()


@pytest.mark.parametrize(
    ("study_name", "sentence"), [("nosuch", "nosuch"), ("runs", "runs"), ("../made", "../made"), ("all", "")]
)
def test_nothing_to_report_is_one_sentence(study_name: str, sentence: str, results: Path) -> None:
    status, output, errors = run_command("report", study_name, f"results={results}")
    assert (status, output, errors.count("\n")) == (2, "", 1)
    assert sentence in errors
    assert not results.exists()


def test_a_view_has_its_own_baseline_runs_and_groups_and_leaves_the_report_alone(results: Path) -> None:
    configs = [make_config(pool, pool__window=window) for pool in ("max", "avg", "lp") for window in (2, 3)]
    write_study(results, [make_record(config, seed) for config in configs for seed in (0, 1)])
    words = [
        "report",
        "made",
        "--baseline",
        "avg",
        "--where",
        "pool.name=avg",
        "--where",
        "seed=1",
        f"results={results}",
    ]
    assert run_command(*words)[0] == 0
    assert run_command("report", "made", f"results={results}")[0] == 0
    before = (results / "made" / "report.md").read_bytes()
    status, output, errors = run_command(
        "report", "made", "--baseline", "avg", "--by", "pool.window", f"results={results}"
    )
    assert status == 0, errors
    folder = results / "made" / "views" / "baseline=avg_by=pool.window"
    text = (folder / "report.md").read_text()
    assert "difference to avg" in text and "mnist, window=2" in text and "mnist, window=3" in text
    assert "Only a view of it: baseline=avg, by=pool.window." in text and "validation accuracy (%)" in text
    assert not (folder / "tables" / "runs.csv").exists() and (folder / "tables" / "comparison.csv").is_file()
    assert (results / "made" / "report.md").read_bytes() == before
    assert str(folder) in output


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("made --baseline lip", "There is no arm 'lip' to compare with; there are max, avg"),
        ("made --where pool.name=lip", "No run has pool.name=lip; pool.name is avg, max"),
        ("made --where lip", "'lip' is no condition on these runs"),
        ("made --by pool.window", "--by pool.window: these runs vary in pool.name"),
        ("all --baseline avg", "go with one study"),
    ],
)
def test_a_view_of_nothing_is_refused(study: Path, words: str, sentence: str) -> None:
    status, _, errors = run_command("report", *words.split(), f"results={study}")
    assert (status, sentence in errors, errors.count("\n")) == (2, True, 1), errors
    assert not (study / "made").exists()
