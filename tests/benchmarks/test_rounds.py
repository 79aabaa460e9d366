"""Ratios of hand-made timings, and the protocol with fake contenders."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fake_processes import contend, fake_children

from poolscope.benchmarks import rounds
from poolscope.benchmarks.rounds import (
    BenchmarkCase,
    Children,
    Measured,
    Pace,
    compare_values,
    make_rows,
    measure,
    to_texts,
)


@pytest.fixture
def children() -> Iterator[Children]:
    with fake_children() as running:
        yield running


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
    measured = measure(BenchmarkCase("q", (contend("late", "silent"),)), children, Pace(1, 1, 0.0), lambda _: None)
    assert "gave no answer" in measured["late"].note
