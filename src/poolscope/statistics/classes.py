"""Accuracy by class and balanced accuracy, from the confusion matrices of the runs."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from poolscope.statistics.inference import summarise

UNEQUAL = 1.5  # test images of the largest class by those of the smallest, from which classes count as unbalanced


def tabulate_recall(confusion: pd.DataFrame) -> pd.DataFrame:
    """List digest, seed, class (its number), images and accuracy: the share of a true class that was predicted as it.

    Classes without test images are left out.
    """
    counts = [np.array(text.split(), dtype=np.int64) for text in confusion["counts"]]
    recall = pd.DataFrame(
        {
            "digest": confusion["digest"],
            "seed": confusion["seed"],
            "class": confusion["true"],
            "images": [int(row.sum()) for row in counts],
            "right": [int(row[true]) for row, true in zip(counts, confusion["true"], strict=True)],
        }
    )
    recall = recall[recall["images"] > 0]
    return recall.assign(accuracy=recall["right"] / recall["images"]).drop(columns="right")


def add_balanced(runs: pd.DataFrame, confusion: pd.DataFrame) -> pd.DataFrame:
    """Return the runs with a column balanced_accuracy: the mean of the classes' accuracies on test images; NaN without.

    Where classes have equally many images it is the accuracy (Brodersen et al. 2010).
    """
    recall = tabulate_recall(confusion)
    balanced = recall.groupby(["digest", "seed"])["accuracy"].mean().rename("balanced_accuracy")
    return runs.drop(columns="balanced_accuracy", errors="ignore").join(balanced, on=["digest", "seed"])


def is_unbalanced(confusion: pd.DataFrame) -> bool:
    """Whether the test images of any run have 1.5 times as many of one class as of another."""
    images = tabulate_recall(confusion).groupby(["digest", "seed"])["images"]
    return bool((images.max() >= UNEQUAL * images.min()).any())


def compare_classes(labelled: pd.DataFrame, confusion: pd.DataFrame) -> pd.DataFrame:
    """Summarise accuracy by class: setting, arm, class, images, n, mean, sd, low, high; classes by name where known."""
    done = labelled[labelled["status"] == "done"]
    recall = done[["digest", "seed", "setting", "arm"]].merge(tabulate_recall(confusion), on=["digest", "seed"])
    names = {str(setting): read_labels(runs) for setting, runs in done.groupby("setting", sort=False)}
    rows = []
    for (setting, arm, number), values in recall.groupby(["setting", "arm", "class"], sort=False):
        labels = names[str(setting)]
        name = labels[int(number)] if int(number) < len(labels) else str(number)
        summary = summarise(values["accuracy"].to_numpy(), bounds=(0, 1))
        known = {"setting": setting, "arm": arm, "class": name, "images": int(values["images"].iloc[0])}
        rows.append(known | vars(summary))
    return pd.DataFrame(rows, columns=["setting", "arm", "class", "images", "n", "mean", "sd", "low", "high"])


def read_labels(runs: pd.DataFrame) -> list[str]:
    """Read the names of the classes from the provenance of runs of one data set; none where they have no names."""
    texts = runs["provenance.labels"].iloc[:1].tolist() if "provenance.labels" in runs else []
    try:
        labels = json.loads(texts[0]) if texts and texts[0] else []
    except ValueError:
        return []
    return [str(label) for label in labels] if isinstance(labels, list) else []
