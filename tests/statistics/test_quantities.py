"""Derived measures, and effects at equal fit or equal accuracy, on curves and columns made by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from poolscope.statistics.quantities import find_column, find_common_fit, pair_arms


def runs_of(digest: str, seeds: int = 2, **columns: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"digest": digest, "seed": range(seeds), **columns})


def curve(digest: str, seed: int, losses: list[float], train: list[float], val: list[float]) -> pd.DataFrame:
    epochs = range(1, len(losses) + 1)
    columns = {"train_eval_loss": losses, "train_eval_accuracy": train, "val_accuracy": val}
    return pd.DataFrame({"digest": digest, "seed": seed, "epoch": epochs, **columns})


CURVES = pd.concat(
    [
        curve("a", 0, [2.0, 1.0, 0.5], [0.2, 0.6, 0.8], [0.2, 0.5, 0.5]),  # gaps 0, 0.1, 0.3
        curve("a", 1, [2.0, 1.2, 0.4], [0.2, 0.5, 0.9], [0.2, 0.4, 0.6]),  # gaps 0, 0.1, 0.3
        curve("b", 0, [2.0, 1.5, 1.1], [0.2, 0.4, 0.5], [0.2, 0.3, 0.4]),  # gaps 0, 0.1, 0.1
        curve("b", 1, [2.0, 1.4, 1.0], [0.2, 0.5, 0.6], [0.2, 0.4, 0.4]),  # gaps 0, 0.1, 0.2
    ],
    ignore_index=True,
)


def test_derived_columns() -> None:
    runs = runs_of("a", relative_accuracy=[0.5, 0.8], accuracy_uncorrupted=[0.6, 0.5], test_accuracy=[0.4, 0.5])
    runs = runs.assign(recovered=[0.3, 0.5], memorised=[0.1, 0.2])
    for name, expected in {
        "accuracy_corrupted": [0.3, 0.4],
        "recovered_less_accuracy": [-0.1, 0.0],
        "memorised_per_accuracy": [0.25, 0.4],
        "test_accuracy": [0.4, 0.5],
    }.items():
        column = find_column(runs, name)
        assert column is not None
        assert column.tolist() == pytest.approx(expected)
    assert find_column(runs.drop(columns="recovered"), "recovered_less_accuracy") is None
    assert find_column(runs, "digest") is None


def test_a_gap_at_the_best_train_loss_that_all_reached() -> None:
    arm, baseline = runs_of("a"), runs_of("b")
    level = find_common_fit("gap_at_equal_loss", arm, baseline, CURVES)
    assert level == 1.1  # b's seed 0 goes no lower
    effect = pair_arms("gap_at_equal_loss", arm, baseline, CURVES)
    # seed 0: a is at 0.9 of the way from 2.0 to 1.0 (gap 0.09), b at its end (0.1)
    # seed 1: a is 1/8 of the way from 1.2 to 0.4 (gap 0.1 + 0.2 / 8), b 3/4 of the way from 1.4 to 1.0 (0.1 + 0.075)
    assert effect.tolist() == pytest.approx([0.09 - 0.1, 0.125 - 0.175])
    accuracy = pair_arms("val_accuracy_at_equal_loss", arm, baseline, CURVES)
    assert accuracy.iloc[0] == pytest.approx(0.47 - 0.4)


def test_a_gap_at_the_best_train_accuracy_that_all_reached_is_the_difference_of_validation_accuracies() -> None:
    arm, baseline = runs_of("a"), runs_of("b")
    assert find_common_fit("gap_at_equal_accuracy", arm, baseline, CURVES) == 0.5
    effect = pair_arms("gap_at_equal_accuracy", arm, baseline, CURVES)
    assert effect.iloc[0] == pytest.approx((0.5 - 0.425) - (0.5 - 0.4))
    assert effect.iloc[1] == pytest.approx(0.0)


def test_only_seeds_of_both_arms_are_paired_and_no_curve_gives_no_effect() -> None:
    assert pair_arms("gap_at_equal_loss", runs_of("a"), runs_of("b", 1), CURVES).index.tolist() == [0]
    assert pair_arms("gap_at_equal_loss", runs_of("a"), runs_of("c"), CURVES).empty
    assert pair_arms("gap_at_equal_loss", runs_of("a", 0), runs_of("b", 0), CURVES).empty


def test_corrupted_accuracy_at_equal_clean_accuracy_is_an_analysis_of_covariance() -> None:
    rng = np.random.default_rng(0)
    clean = {"a": 0.5 + 0.02 * rng.normal(size=10), "b": 0.45 + 0.02 * rng.normal(size=10)}
    own = {"a": 0.03, "b": 0.0}

    def make(name: str) -> pd.DataFrame:
        corrupted = 0.1 + 0.6 * clean[name] + own[name]
        return runs_of(name, 10, accuracy_uncorrupted=clean[name], relative_accuracy=corrupted / clean[name])

    effect = pair_arms("accuracy_corrupted_at_equal_accuracy", make("a"), make("b"), CURVES)
    assert effect.to_numpy() == pytest.approx(np.full(10, 0.03))  # at equal clean accuracy, whatever its mean
