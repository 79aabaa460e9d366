"""The bench's page and its verdicts on targets, from made-up tables."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from processes import run_command

from poolscope.benchmarks.bench import choose_pace, note_machine, write_rows
from poolscope.benchmarks.page import build_page, judge_targets, show_costs
from poolscope.benchmarks.rounds import Measured, make_rows
from poolscope.benchmarks.suites import SUITES

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def no_prepared_sets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whole runs are those on digits, also where MNIST and CIFAR-10 are prepared."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "sets"))


def test_a_target_is_judged_by_its_worst_row() -> None:
    rows = pd.DataFrame(
        [
            ("training cifar", "poolscope step", "Flax step", "images/CPU-s", 2.6),
            ("training digits", "poolscope step", "Flax step", "images/CPU-s", 1.9),
            ("training cifar", "poolscope step", "torch channels_last", "images/CPU-s", 1.0),
            ("training digits", "poolscope step", "torch channels_last", "images/CPU-s", 1.7),
            ("start to first step, digits", "warm", "cold", "s", 0.2),
            ("start to first step, cifar", "warm", "cold", "s", 0.3),
            ("sweep of 8 runs", "hydra/launcher=local", "one process, two threads", "runs/min", math.nan),
        ],
        columns=["quantity", "contender", "reference", "unit", "ratio"],
    )
    judged = judge_targets(rows).set_index("target")
    flax = judged.loc["every network against a plain Flax loop"]
    assert (flax["measured"], flax["of"], flax["worst"], flax["outcome"]) == (1.9, 2, "training digits", "must")
    assert judged.loc["CIFAR-size network against torch channels-last", "outcome"] == "moonshot"
    assert judged.loc["digits network against torch channels-last", "outcome"] == "missed"
    start = judged.loc["start to first step, warm against cold"]
    assert (start["measured"], start["outcome"]) == (0.3, "must")
    assert judged.loc["MNIST-size network against torch channels-last", "outcome"] == "not measured"
    assert judged.loc["sweep of 8 runs on 2 cores, a worker a core against one process", "outcome"] == "not measured"


def write_made_up_tables(folder: Path, missing: str = "") -> None:
    """Tables of all parts as the bench would write them, of made-up timings."""
    for part, make in SUITES.items():
        rows = []
        for comparison in make():
            measured = {
                contender.name: Measured(
                    {
                        n: {"items": 100.0 + 7 * place, "cpu": 1 + 0.1 * n, "wall": 2.0, "faults": 50.0 - place}
                        for n in range(3)
                    },
                    9.0,
                )
                for place, contender in enumerate(comparison.contenders)
            }
            for name in measured:
                if missing and name.startswith(missing):
                    measured[name] = Measured(note=f"{name}: {missing} is not installed")
            rows += make_rows(comparison, measured, 2)
        write_rows(rows, folder / f"{part}.csv")
        note_machine(part, folder, choose_pace(True))


def read_files(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("undrawn")
def test_the_page_says_what_the_tables_hold(tmp_path: Path) -> None:
    write_made_up_tables(tmp_path / "benchmarks")
    assert run_command("bench", "--redraw", "--results", str(tmp_path))[0] == 0
    check_report((tmp_path / "benchmarks" / "report.md").read_text(), tmp_path)


def check_report(report: str, folder: Path) -> None:
    assert report.count("\n## ") == 9
    assert "| training cifar |" not in report and "| cifar | poolscope step | 90.9 |" in report
    whole = report[report.index("## Whole runs") :]
    assert "times as fast as max" in whole and whole.count("| max |") == 1 and "| max | 90.9 | 0.5 | 9 |  |" in whole
    assert str(folder) not in report


@pytest.mark.long
def test_the_page_is_drawn_again_byte_for_byte_and_without_jax(tmp_path: Path) -> None:
    folder = tmp_path / "benchmarks"
    write_made_up_tables(folder)
    program = (
        "import sys\nfrom poolscope.cli import main\ntry:\n    main(sys.argv[1:])\nexcept SystemExit as end:\n"
        "    assert not end.code\nassert not {'jax', 'flax', 'optax', 'torch'} & set(sys.modules)"
    )
    words = ["bench", "--redraw", "--results", str(tmp_path)]
    subprocess.run([sys.executable, "-c", program, *words], check=True, capture_output=True)
    seen = [read_files(folder)]
    assert run_command(*words)[0] == 0
    seen.append(read_files(folder))
    assert seen[0] == seen[1]
    figures = {
        f"{name}.{form}" for name in ("training", "threads", "pools", "operators", "curves") for form in ("svg", "png")
    }
    assert {path.name for path in seen[0] if path.parent.name == "figures"} == figures
    check_report(seen[0][Path("report.md")].decode(), tmp_path)


@pytest.mark.usefixtures("undrawn")
def test_the_page_says_what_is_not_installed(tmp_path: Path) -> None:
    write_made_up_tables(tmp_path, missing="torch")
    report = build_page(tmp_path).read_text()
    assert "| cifar | torch default | torch default: torch is not installed |" in report
    assert report.count("not measured |") == 10


def test_the_readme_quotes_the_bench() -> None:
    measured = pd.read_csv(CHECKOUT / "results" / "benchmarks" / "training.csv").query("unit == 'images/CPU-s'")
    ours = measured[measured["contender"] == "poolscope step"].set_index(["quantity", "reference"])["ratio"]
    networks = ("cifar", "cifar, batch norm, max", "cifar, batch norm, avg", "mnist", "digits")
    others = ("Flax step", "torch channels_last", "torch compiled", "torch bfloat16")
    text = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    for network in networks:
        quoted = [f"{ours[f'training {network}', other]:.2f}" for other in others]
        assert f"| {' | '.join(quoted)} |\n" in text


def test_the_exponent_of_a_cost_is_that_of_the_time_for_an_image() -> None:
    frame = pd.DataFrame({"contender": ["2", "8"], "contender_median": [400.0, 25.0]})  # images/CPU-s ~ size^-2
    rows = frame.assign(quantity="curve: width", reference="4", reference_median=100.0, ratio=1.0, unit="images/CPU-s")
    assert show_costs(rows).to_dict("records") == [
        {
            "what grows": "width",
            "from": "2",
            "to": "8",
            "speed": "400 to 25 images/CPU-s",
            "exponent of the time": "2.00",
        }
    ]
