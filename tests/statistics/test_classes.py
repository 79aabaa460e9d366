"""Accuracy by class and balanced accuracy, by hand, and that no committed study's report changes by them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from poolscope.statistics.classes import (
    add_balanced,
    compare_classes,
    is_unbalanced,
    read_labels,
    tabulate_recall,
)
from poolscope.store.files import read_csv

RUNS = pd.DataFrame(
    {
        "digest": ["d"] * 2,
        "seed": [0, 1],
        "setting": "cats",
        "arm": "max",
        "status": "done",
        "provenance.labels": '["tom","kit"]',
    }
)
CONFUSION = pd.DataFrame(
    {"digest": ["d"] * 4, "seed": [0, 0, 1, 1], "true": [0, 1, 0, 1], "counts": ["8 2", "1 3", "10 0", "3 1"]}
)


def test_balanced_accuracy_is_the_mean_of_the_classes_by_hand() -> None:
    balanced = add_balanced(RUNS, CONFUSION)["balanced_accuracy"].tolist()
    assert balanced == pytest.approx([(0.8 + 0.75) / 2, (1 + 0.25) / 2])
    assert add_balanced(RUNS, CONFUSION[:2])["balanced_accuracy"].isna().tolist() == [False, True]


def test_classes_by_hand() -> None:
    table = compare_classes(RUNS, CONFUSION)
    assert table["class"].tolist() == ["tom", "kit"]
    assert table["images"].tolist() == [10, 4]
    assert table["n"].tolist() == [2, 2]
    assert table["mean"].tolist() == pytest.approx([0.9, 0.5])
    assert table["high"].max() <= 1


def test_a_class_without_test_images_has_no_accuracy() -> None:
    confusion = CONFUSION.assign(counts=["8 2", "0 0", "10 0", "0 0"])
    assert tabulate_recall(confusion)["class"].tolist() == [0, 0]
    assert add_balanced(RUNS, confusion)["balanced_accuracy"].tolist() == [0.8, 1.0]


@pytest.mark.parametrize(("text", "labels"), [('["a","b"]', ["a", "b"]), ("", []), ("[", []), ("3", [])])
def test_labels_are_read_or_absent(text: str, labels: list[str]) -> None:
    assert read_labels(RUNS.assign(**{"provenance.labels": text})) == labels
    assert read_labels(RUNS.drop(columns="provenance.labels")) == []


def test_the_committed_studies_are_balanced_enough_to_stay_as_they_are() -> None:
    assert is_unbalanced(CONFUSION)
    tables = sorted((Path(__file__).resolve().parents[2] / "results").glob("*/tables/confusion.csv"))
    assert len(tables) > 5
    for path in tables:
        rows = pd.DataFrame(read_csv(path))
        if len(rows):
            first = rows.drop_duplicates(["digest", "true"])  # seeds share their test images
            assert not is_unbalanced(first.assign(seed=first["seed"].astype(int), true=first["true"].astype(int))), path
