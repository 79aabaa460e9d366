"""poolscope compare: verdicts from hand-made differences, recorded runs only, and what is refused."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from made_records import make_record, write_study
from processes import run_command

from poolscope.commands.compare import compare_strategies, find_first, judge_strategies, say_verdict
from poolscope.spec.compose import compose_runs
from poolscope.spec.paths import record_path
from poolscope.statistics.contrast_rule import judge

pytestmark = pytest.mark.usefixtures("undrawn")


def made(**accuracies: list[float]) -> pd.DataFrame:
    rows = [
        {"setting": "digits", "arm": arm, "digest": f"d-{arm}", "seed": seed, "test_accuracy": accuracy}
        | {"generalisation_gap": 0.1, "parameters": 10, "macs": 100, "images_per_second": 5.0}
        for arm, values in accuracies.items()
        for seed, accuracy in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_differences_are_paired_with_the_first_strategy() -> None:
    runs = made(avg=[0.90, 0.91, 0.92, 0.93], max=[0.95, 0.96, 0.97, 0.99])
    table = judge_strategies(runs, find_first(runs, ["d-avg", "d-max"]), 1.0).set_index("arm")
    assert table.loc["max", "against"] == "avg"
    assert table.loc["max", "difference"] == pytest.approx(5.25)
    half = 3.182446305284263 * 0.5 / 2  # t of 3 degrees of freedom, sd 0.5, 4 seeds
    assert table.loc["max", "difference_high"] - table.loc["max", "difference"] == pytest.approx(half)
    assert table.loc["max", "verdict"] == "too few seeds (needs 6)"
    assert find_first(runs, ["d-max", "d-avg"])["digits", "avg"] == "max"


@pytest.mark.parametrize(
    ("differences", "said"),
    [
        ([4.9, 5.0, 5.1, 5.0, 5.2, 5.0], "better"),
        ([-4.9, -5.0, -5.1, -5.0, -5.2, -5.0], "worse"),
        ([0.1, -0.1, 0.0, 0.05, 0.02, -0.03], "equal within δ"),
        ([-1.5, 0.3, -0.9, -0.2, -1.4, -0.4], "not better by δ"),
        ([-9.0, 9.0, 3.0, -2.0, 5.0, -4.0], "undecided"),
        ([5.0, 5.1], "too few seeds (needs 6)"),
    ],
)
def test_a_verdict_is_said_without_a_claimed_direction(differences: list[float], said: str) -> None:
    assert say_verdict(judge(differences, 1.0)) == said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["pool=max"], "compare needs at least two strategies"),
        (["pool=max,avg", "--no-run"], "20 of 20 runs are not recorded in study compare"),
        (["pool=max,avg", "--delta", "0"], "--delta must be above 0"),
    ],
)
def test_what_can_not_be_compared_is_refused(arguments: list[str], sentence: str, tmp_path: Path) -> None:
    status, _, errors = run_command("compare", *arguments, f"results={tmp_path / 'results'}")
    assert status == 2
    assert errors.startswith("poolscope: ")
    assert sentence in errors
    assert errors.count("\n") == 1


def test_missing_runs_are_run_and_recorded_ones_read_without_jax(tmp_path: Path) -> None:
    given = [
        "pool=max,avg",
        "seeds=[0,1]",
        "optim=sgd",
        "train.steps=4",
        "model.width=2",
        "model.blocks=1",
        "model.pool_stages=1",
        f"results={tmp_path / 'results'}",
    ]
    status, output, errors = run_command("compare", *given)
    assert status == 0, errors
    assert "4 of 4 runs done" in errors
    assert (tmp_path / "results" / "compare" / "figures" / "strategies.svg").is_file()
    again = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; sys.modules['jax'] = None\n"
            f"from poolscope.cli import main; main(['compare', '--no-run', *{given!r}])",
        ],
        capture_output=True,
        text=True,
    )
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[3:] == output.splitlines()[3:]


def test_copies_are_left_out_and_mixed_revisions_named(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    overrides = ["pool=max,avg", "data=digits", "seeds=[0,1,2]", f"results={results}"]
    configs = compose_runs(["experiment=compare", *overrides], True).configs
    records = [make_record(config, seed) for config in configs for seed in config.seeds]
    write_study(results, [replace(record, provenance={"git_revision": "ab"[record.seed > 0]}) for record in records])
    assert compare_strategies(overrides, may_run=False) == 0
    shown = capsys.readouterr().out
    path = record_path(results, "compare", *records[0].key)
    shutil.copy(path, path.with_name("seed-0 copy.json"))
    assert compare_strategies(overrides, may_run=False) == 1
    again = capsys.readouterr().out
    assert again.splitlines()[-1] == "Runs of 2 code revisions are mixed: 4 of b, 2 of a."
    left_out = next(line for line in again.splitlines() if line.startswith("Left out: "))
    assert "seed-0 copy.json" in left_out and again.replace(left_out + "\n", "") == shown


def test_a_run_that_never_learned_is_named_below_the_figure(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    overrides = ["pool=max,avg", "data=digits", "seeds=[0,1,2]", f"results={results}"]
    configs = compose_runs(["experiment=compare", *overrides], True).configs
    records = [make_record(config, seed) for config in configs for seed in config.seeds]
    write_study(results, records)
    assert compare_strategies(overrides, may_run=False) == 0
    assert "Hollow" not in capsys.readouterr().out
    records[0].scalars.update(train_eval_accuracy=0.1, train_eval_loss=2.303)
    write_study(results, records)
    assert compare_strategies(overrides, may_run=False) == 0
    assert "Hollow dots (outside of a panel: at chance): 1 run that finished at chance" in capsys.readouterr().out
