"""Tuned learning rates: for each arm the one with the best final validation accuracy; the test images have no say.

usage: scripts/choose_rates.py STUDY [--results DIR]

Reads the runs of STUDY_tuning (see experiments/STUDY/README.md), writes every trial to experiments/STUDY/tuning.csv and
prints the best of each arm by the mean over its seeds, and whether it lies at the edge of what was tried, where the
grid should be extended. A rate at which a run did not finish can't win; the lower rate wins a tie.
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
    finished = trials.assign(val_accuracy=trials["val_accuracy"].where(trials["status"] == "done", float("-inf")))
    means = finished.groupby(columns[:3])["val_accuracy"].mean().reset_index()
    tried = means.groupby(["setting", "arm"])
    best = means.loc[tried["val_accuracy"].idxmax()]
    rate, ends = best["optim.learning_rate"], tried["optim.learning_rate"].agg(["min", "max"]).to_numpy()
    best = best.assign(
        edge=((rate == ends[:, 0]) | (rate == ends[:, 1])).map({True: "yes: extend the grid", False: ""})
    )
    print(best.to_string(index=False))


if __name__ == "__main__":
    main()
