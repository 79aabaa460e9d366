"""The table of a tuning and its sentences."""

from __future__ import annotations

import pandas as pd

from poolscope.reports.tuning import say_tuning, show_tuning
from poolscope.statistics.tuning import RATE, average_trials, choose_rates


def test_each_arm_has_its_rates_and_a_star() -> None:
    rows = [("max", 0.1, 0.5), ("max", 0.2, 0.75), ("avg", 0.1, None), ("avg", 0.1, 0.5), ("avg", 0.1, 0.5)]
    trials = pd.DataFrame(
        {"setting": "mnist", "arm": arm, RATE: rate, "seed": seed, "status": "done" if share else "failed"}
        | {"val_accuracy": share, "val_loss": 1.0}
        for seed, (arm, rate, share) in enumerate(rows)
    )
    means = average_trials(trials)
    best = choose_rates(means)
    assert list(show_tuning(means, best)) == [
        {"arm": "max", "0.1": "50.00 (n=1) ", "0.2": "75.00 (n=1)*", "note": "best at the highest rate"},
        {"arm": "avg", "0.1": "1 failed ", "0.2": "", "note": ""},
    ]
    sentences = list(say_tuning(trials, best, asked=6))
    assert sentences[1:] == [
        "Best at the edge of what was tried, where the true best may lie beyond: max (0.2).",
        "No rate at which every run finished: avg.",
        "1 of 6 trials are not recorded: no rate is chosen yet.",
    ]


def test_trials_at_chance_are_named_also_at_the_best_rate() -> None:
    rows = [("max", 0.1, 0.5), ("max", 0.2, 0.1), ("lip", 0.1, 0.1), ("lip", 0.1, 0.9), ("lip", 0.2, 0.1)]
    trials = pd.DataFrame(
        {"setting": "mnist", "arm": arm, RATE: rate, "seed": seed, "status": "done", "val_accuracy": share}
        | {"val_loss": 2.3026 if share == 0.1 else 1.0}
        for seed, (arm, rate, share) in enumerate(rows)
    )
    means = average_trials(trials)
    best = choose_rates(means)
    (first, second) = show_tuning(means, best)
    assert (first["0.1"], first["0.2"]) == ("50.00 (n=1)*", "10.00 (n=1) (1 at chance) ")
    assert (second["0.1"], second["0.2"]) == ("50.00 (1 at chance)*", "10.00 (n=1) (1 at chance) ")
    _, stuck, chosen, *_ = say_tuning(trials, best, asked=5)
    assert stuck.endswith("hollow in the figure: max at 0.2 (1); lip at 0.1 (1); lip at 0.2 (1).")
    assert chosen.endswith("may be: lip (0.1).")
