"""The bench: ratios of hand-made timings, the protocol with fake contenders, targets, tables, and the page."""

from __future__ import annotations

import csv
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pandas as pd
import pytest

from poolscope.benchmarks import rounds
from poolscope.benchmarks.bench import (
    choose_pace,
    describe_machine,
    measure_part,
    note_machine,
    order_cores,
    write_rows,
)
from poolscope.benchmarks.page import TARGETS, build_page, judge_targets
from poolscope.benchmarks.rounds import (
    BenchmarkCase,
    Children,
    Contender,
    Measured,
    Pace,
    compare_values,
    make_rows,
    measure,
    to_texts,
)
from poolscope.benchmarks.suites import SUITES
from poolscope.cli import main
from poolscope.commands.complete import find_choices
from poolscope.spec.errors import PoolscopeError


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> Iterator[Children]:
    """Processes whose contenders are those of fake_contenders.py."""
    alias = "import sys, fake_contenders; sys.modules['poolscope.benchmarks.by_fake'] = fake_contenders\n"
    program = alias + "from poolscope.benchmarks.child import main; main(sys.argv[1])"
    start = subprocess.Popen

    def popen(command: list[str], **options: object) -> subprocess.Popen[str]:
        return start([sys.executable, "-c", program, command[-1]], **options)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(rounds.subprocess, "Popen", popen)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "support"))
    running = Children(order_cores(None))
    yield running
    running.close()


def contend(name: str, kind: str, process: str = "", **options: object) -> Contender:
    return Contender(name, "fake", kind, options, process)


def test_ratios_are_taken_within_a_round() -> None:
    # Round 2 was three times slower for both: its ratio says nothing else than the others do.
    ours, theirs = {0: 20.0, 1: 22.0, 2: 8.0}, {0: 10.0, 1: 10.0, 2: 3.2}
    assert compare_values(ours, theirs) == pytest.approx((2.2, 2.1, 2.35, 20, 10))
    assert compare_values(ours, {1: 11.0}) == pytest.approx((2, 2, 2, 22, 11))


def test_rows_of_hand_made_timings() -> None:
    comparison = BenchmarkCase("q", tuple(contend(name, "x") for name in "abc"), ("images/CPU-s", "s", "MiB"))
    took = [{"items": 12.0, "cpu": 3.0, "wall": 6.0}, {"items": 12.0, "cpu": 1.5, "wall": 4.0}]
    measured = {
        "a": Measured(dict(enumerate(took)), 50.0),
        "b": Measured({0: took[1]}, 25.0),
        "c": Measured(note="c: no"),
    }
    rows = {(row.contender, row.reference, row.unit): row for row in make_rows(comparison, measured, 2)}
    assert len(rows) == 9
    speed = rows["a", "b", "images/CPU-s"]
    assert (speed.ratio, speed.rounds) == (4 / 8, 1)  # round 0, the only one of both
    assert (speed.contender_median, speed.reference_median) == (4, 8)
    assert rows["a", "b", "s"].ratio == pytest.approx(0.5 / (1 / 3))
    assert (rows["a", "b", "MiB"].ratio, rows["a", "b", "MiB"].rounds) == (2, 1)
    lost = rows["b", "c", "s"]
    assert (lost.ratio, lost.rounds, lost.note) == (None, 0, "c: no")
    assert to_texts(lost)["ratio"] == "" and to_texts(speed)["ratio"] == "0.5"


def test_every_contender_takes_its_turn_in_a_process_of_its_own(children: Children) -> None:
    comparison = BenchmarkCase("q", (contend("one", "counting", items=3), contend("two", "counting", items=5)))
    measured = measure(comparison, children, Pace(4, 2, 0.002), lambda _: None)
    assert [found.note for found in measured.values()] == ["", ""]
    for name, items in (("one", 3), ("two", 5)):
        assert sorted(measured[name].took) == [0, 1, 2, 3]
        for took in measured[name].took.values():
            assert took["items"] % items == 0 and took["items"] > items  # so many calls that they last long enough
            assert took["cpu"] > 0 and took["wall"] > 0
    assert len(children._running) == 2


def test_contenders_that_fail_are_named_and_the_others_go_on(children: Children) -> None:
    failing = (contend("bad", "failing"), contend("absent", "missing"), contend("dead", "dying", calls=3))
    comparison = BenchmarkCase("q", (contend("good", "counting", items=1), *failing))
    measured = measure(comparison, children, Pace(3, 3, 0.0), lambda _: None)
    assert measured["bad"].note == "bad: ValueError: no use"
    assert measured["absent"].note == "absent: not_to_be_found is not installed"
    assert "ended with 3" in measured["dead"].note and sorted(measured["dead"].took) == [0]
    assert sorted(measured["good"].took) == [0, 1, 2] and not measured["good"].note


def test_slow_contenders_sit_out_later_rounds(children: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "_SLOW", 0.0)
    comparison = BenchmarkCase(
        "q", (contend("one", "counting", "shared", items=1), contend("two", "counting", "shared", items=2))
    )
    measured = measure(comparison, children, Pace(4, 2, 0.0), lambda _: None)
    assert [sorted(found.took) for found in measured.values()] == [[0, 1], [0, 1]]
    assert len(children._running) == 1


def test_an_answer_that_never_comes_ends_the_process(children: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "LIMIT", 0.01)
    measured = measure(
        BenchmarkCase("q", (contend("late", "counting", items=1),)), children, Pace(1, 1, 0.0), lambda _: None
    )
    assert "gave no answer" in measured["late"].note


def test_a_part_writes_its_table_and_what_it_was_measured_on(
    children: Children, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good = (contend("one", "counting", items=1), contend("two", "counting", items=1))
    made = [BenchmarkCase("first", good), BenchmarkCase("second", (good[0], contend("absent", "missing")), threads=0)]
    monkeypatch.setitem(SUITES, "pools", lambda: made)
    measure_part("pools", tmp_path, Pace(2, 2, 0.0), order_cores(None))
    with (tmp_path / "pools.csv").open() as file:
        first, second = csv.DictReader(file)
    assert (first["quantity"], first["contender"], first["reference"], first["rounds"]) == ("first", "one", "two", "2")
    assert (first["threads"], first["pinned"]) == ("1", "1 core" if hasattr(os, "sched_setaffinity") else "no")
    assert float(first["ratio_q25"]) <= float(first["ratio"]) <= float(first["ratio_q75"])
    assert (second["ratio"], second["note"]) == ("", "absent: not_to_be_found is not installed")
    assert "pools 2 of 2: second: one absent: not_to_be_found is not installed" in capsys.readouterr().err
    assert (tmp_path / "machine.json").is_file()


def test_a_part_of_which_nothing_can_be_measured_says_so(
    children: Children, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        SUITES, "pools", lambda: [BenchmarkCase("q", (contend("a", "failing"), contend("b", "failing")))]
    )
    with pytest.raises(PoolscopeError, match=r"nothing could be measured \(a: ValueError: no use; b: .*\)\.$"):
        measure_part("pools", tmp_path, Pace(1, 1, 0.0), order_cores(None))


def test_two_threads_need_two_cores(tmp_path: Path) -> None:
    with pytest.raises(PoolscopeError, match=r"needs two cores, and this process may use 1 only"):
        measure_part("sweep", tmp_path, Pace(1, 1, 0.0), [0])
    assert not list(tmp_path.iterdir())


def test_every_target_is_among_what_the_bench_measures() -> None:
    produced = {
        (comparison.quantity, *pair, unit)
        for make in SUITES.values()
        for comparison in make()
        for pair in comparison.pairs()
        for unit in comparison.units
    }
    expected = {"every network": 3, "every window": 28, "start": 2}
    for target in pd.read_csv(TARGETS).itertuples():
        found = [
            row
            for row in produced
            if fnmatchcase(row[0], target.quantity) and row[1:] == (target.contender, target.reference, target.unit)
        ]
        assert len(found) == next((count for start, count in expected.items() if target.target.startswith(start)), 1)
        assert (target.moonshot - target.must) * (1 if target.better == "higher" else -1) > 0


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


def test_the_page_is_drawn_again_byte_for_byte_and_without_jax(tmp_path: Path) -> None:
    folder = tmp_path / "benchmarks"
    write_made_up_tables(folder)
    program = (
        "import sys\nfrom poolscope.cli import main\ntry:\n    main(sys.argv[1:])\nexcept SystemExit as end:\n"
        "    assert not end.code\nassert not {'jax', 'flax', 'optax', 'torch'} & set(sys.modules)"
    )
    seen = []
    for _ in range(2):
        words = ["bench", "--redraw", "--results", str(tmp_path)]
        subprocess.run([sys.executable, "-c", program, *words], check=True, capture_output=True)
        seen.append({path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()})
    assert seen[0] == seen[1]
    figures = {
        f"{name}.{form}" for name in ("training", "threads", "pools", "operators", "curves") for form in ("svg", "png")
    }
    assert {path.name for path in seen[0] if path.parent.name == "figures"} == figures
    report = seen[0][Path("report.md")].decode()
    assert report.count("\n## ") == 9
    assert "| training cifar |" not in report and "| cifar | poolscope step | 90.9 |" in report
    assert str(tmp_path) not in report


def test_the_page_says_what_is_not_installed(tmp_path: Path) -> None:
    write_made_up_tables(tmp_path, missing="torch")
    report = build_page(tmp_path).read_text()
    assert "| cifar | torch default | torch default: torch is not installed |" in report
    assert report.count("not measured |") == 6


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["pool"], "there is no part 'pool' of the bench; it must be one of training, pools,"),
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


def test_help_and_completion_name_every_part(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["bench", "--help"])
    assert not end.value.code
    told = capsys.readouterr().out
    assert all(part in told for part in SUITES)
    assert find_choices(["bench", ""], {"bench": "bench"}) == list(SUITES)


def test_the_machine_has_no_name() -> None:
    told = str(describe_machine())
    assert os.uname().nodename not in told and str(Path.home()) not in told
