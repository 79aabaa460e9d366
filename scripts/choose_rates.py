"""Tuned learning rates: for each arm the one with the best final validation accuracy; the test images have no say.

usage: scripts/choose_rates.py STUDY [--results DIR]

Reads the runs of STUDY_tuning (see experiments/STUDY/README.md), writes every trial to experiments/STUDY/tuning.csv and
prints the best of each arm. The lower rate wins a tie.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from poolscope.statistics.arms import add_arms
from poolscope.statistics.tables import collect, write_csv


def main() -> None:
    """Print the chosen rates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study")
    parser.add_argument("--results", default="results")
    options = parser.parse_args()
    runs = collect(options.results, f"{options.study}_tuning").runs
    labelled = add_arms(runs, ignoring=("optim.learning_rate",))
    columns = ["setting", "arm", "optim.learning_rate", "seed", "status", "val_accuracy", "val_loss"]
    trials = labelled[columns].sort_values(columns[:4], kind="stable", ignore_index=True)
    write_csv(trials, Path("experiments") / options.study / "tuning.csv")
    means = trials.groupby(columns[:3])["val_accuracy"].mean().reset_index()
    best = means.loc[means.groupby(["setting", "arm"])["val_accuracy"].idxmax()]
    print(best.to_string(index=False))


if __name__ == "__main__":
    main()
