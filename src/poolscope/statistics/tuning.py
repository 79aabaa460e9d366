"""Learning rates by validation accuracy: the trials of a tuning, each rate's mean, and the best of each arm.

No column of test images is read. A rate at which a run did not finish can't be chosen; the lower of two equal ones is.
"""

from __future__ import annotations

import pandas as pd

from poolscope.statistics.arms import add_arms
from poolscope.statistics.learning import find_unlearned

RATE = "optim.learning_rate"
TRIALS = ("setting", "arm", RATE, "seed", "status", "val_accuracy", "val_loss")
_CLASSES = "data.classes"
_VALIDATION = 1000  # images, as tuning.csv doesn't say how many there were


def list_trials(runs: pd.DataFrame) -> pd.DataFrame:
    """List the runs of a tuning: a row each with TRIALS, digest and data.classes, by setting, arm, rate and seed."""
    labelled = add_arms(runs, ignoring=(RATE,))
    if _CLASSES in labelled and "provenance.classes" in labelled:
        recorded = pd.to_numeric(labelled["provenance.classes"], errors="coerce")
        labelled = labelled.assign(**{_CLASSES: labelled[_CLASSES].astype("Float64").fillna(recorded)})
    trials = labelled.reindex(columns=[*TRIALS, "digest", _CLASSES])
    return trials.sort_values(list(TRIALS[:4]), kind="stable", ignore_index=True)


def find_unlearned_trials(trials: pd.DataFrame) -> pd.Series:
    """Mark the trials that finished at chance, as booleans by row: `find_unlearned` by validation loss and accuracy.

    Of training images a tuning.csv holds nothing. Without data.classes there are 10; standard errors are those of
    1,000 images.
    """
    known = trials[["status", _CLASSES]] if _CLASSES in trials else trials[["status"]]
    as_runs = {"train_eval_loss": trials["val_loss"], "train_eval_accuracy": trials["val_accuracy"]}
    return find_unlearned(known.assign(**as_runs, **{"data.train_eval_size": _VALIDATION}))


def average_trials(trials: pd.DataFrame) -> pd.DataFrame:
    """Average over seeds: a row per setting, arm and rate with n, val_accuracy, failed and unlearned.

    failed: how many runs ended without a result; with any, val_accuracy is NaN. unlearned: how many finished at
    chance; they are in the mean.
    """
    done = trials["status"] == "done"
    values = trials.assign(val_accuracy=trials["val_accuracy"].astype(float).where(done), failed=~done)
    groups = values.assign(unlearned=find_unlearned_trials(trials)).groupby(list(TRIALS[:3]), sort=False)
    means = groups.agg(
        n=("seed", "size"),
        val_accuracy=("val_accuracy", "mean"),
        failed=("failed", "sum"),
        unlearned=("unlearned", "sum"),
    )
    return means.assign(val_accuracy=means["val_accuracy"].where(means["failed"] == 0)).reset_index()


def choose_rates(means: pd.DataFrame) -> pd.DataFrame:
    """Choose for each arm the rate of the best mean: a row per setting and arm, with the columns of `means` and edge.

    edge: "lowest" or "highest" where the best is an end of the rates tried, "only" where it is both, else "". An arm
    without a rate that can be chosen has NaN for it.
    """
    rows = []
    for _, of_arm in means.groupby(["setting", "arm"], sort=False):
        ordered = of_arm.sort_values(RATE)
        if ordered["val_accuracy"].isna().all():
            rows.append({**ordered.iloc[0].to_dict(), RATE: float("nan"), "edge": ""})
            continue
        best = ordered.loc[ordered["val_accuracy"].idxmax()].to_dict()
        ends = (best[RATE] == ordered[RATE].min(), best[RATE] == ordered[RATE].max())
        edge = {(True, True): "only", (True, False): "lowest", (False, True): "highest"}.get(ends, "")
        rows.append({**best, "edge": edge})
    return pd.DataFrame(rows, columns=[*means, "edge"])


def widen(tried: list[float], start: list[float], edge: str, most: int = 2) -> list[float]:
    """Widen the rates tried beyond an edge by a factor of 2, unless `most` were added there.

    Args:
        tried: all rates tried so far.
        start: those of the first round.
        edge: of `choose_rates`.
        most: how many may be added on each side.

    Example:
        >>> widen([0.1, 0.2], [0.1, 0.2], "highest")
        [0.1, 0.2, 0.4]
    """
    wider = list(tried)
    if edge in ("lowest", "only") and sum(rate < min(start) for rate in tried) < most:
        wider.append(min(tried) / 2)
    if edge in ("highest", "only") and sum(rate > max(start) for rate in tried) < most:
        wider.append(max(tried) * 2)
    return sorted(wider)
