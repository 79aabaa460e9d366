"""A study's arms side by side, in numbers: means over seeds, paired differences to the baseline, and missing runs."""

from __future__ import annotations

import pandas as pd

from poolscope.statistics.arms import find_baselines, show_value
from poolscope.statistics.at_chance import find_at_chance
from poolscope.statistics.inference import contrast_arms, find_bounds, summarise


def compare_arms(labelled: pd.DataFrame, baseline: str = "max") -> pd.DataFrame:
    """Compare arms: a row per setting and arm, best first; means over finished runs.

    Arms are ordered by mean test accuracy; one whose seeds are not its baseline's, by the baseline's mean plus their
    paired difference, so that easier seeds lift no arm above one that beats it seed by seed.

    Columns: setting, arm, n, seeds (of the setting), unlearned (finished at chance, and in the means), <metric>,
    <metric>_low and _high (also of balanced_accuracy where the runs have it), baseline, difference (points),
    difference_low and _high, p, p_holm, cost.
    """
    done = labelled[labelled["status"] == "done"]
    baselines = find_baselines(done, baseline) if len(done) else {}
    contrasts = (
        contrast_arms(done, baselines, "test_accuracy", 100) if "test_accuracy" in done else contrast_arms(done, {}, "")
    )
    differences = contrasts.set_index(["setting", "arm"])
    seeds = labelled.groupby("setting")["seed"].nunique()
    rows = []
    for (setting, arm), runs in labelled.groupby(["setting", "arm"], sort=False):
        finished = runs[runs["status"] == "done"]
        row: dict[str, object] = {"setting": setting, "arm": arm, "n": len(finished), "seeds": seeds[setting]}
        row["unlearned"] = int(find_at_chance(finished).sum())
        balanced = ("balanced_accuracy",) if "balanced_accuracy" in labelled else ()
        for column in ("test_accuracy", *balanced, "train_eval_accuracy", "generalisation_gap"):
            summary = summarise(finished[column].to_numpy() if column in runs else [], bounds=find_bounds(column))
            row |= {column: summary.mean, f"{column}_low": summary.low, f"{column}_high": summary.high}
        row["baseline"] = baselines.get((str(setting), str(arm)), "")
        contrast = differences.loc[(setting, arm)] if (setting, arm) in differences.index else None
        for column in ("difference", "low", "high", "p", "p_holm"):
            name = f"difference_{column}" if column in ("low", "high") else column
            row[name] = contrast[column] if contrast is not None else float("nan")
        for column in ("parameters", "macs", "seconds_train"):
            row[column] = summarise(finished[column].to_numpy() if column in runs else []).mean
        rows.append(row)
    comparison = pd.DataFrame(rows)
    place = {setting: rank for rank, setting in enumerate(comparison["setting"].unique())}
    pairs = [differences["n"].get(pair, 0) for pair in zip(comparison["setting"], comparison["arm"], strict=True)]
    ranked = comparison.assign(mean=100 * comparison["test_accuracy"], pairs=pairs)
    ranked = comparison.assign(_place=comparison["setting"].map(place), _score=score_arms(ranked))
    ranked = ranked.sort_values(["_place", "_score"], ascending=[True, False], kind="stable", na_position="last")
    return ranked.drop(columns=["_place", "_score"]).reset_index(drop=True)


def add_validation(comparison: pd.DataFrame, done: pd.DataFrame) -> pd.DataFrame:
    """Add to a comparison the mean validation accuracy of each arm, and its learning rates where arms differ in them.

    Args:
        comparison: of `compare_arms`.
        done: finished runs, from `add_arms`.

    Returns:
        The comparison with val_accuracy, val_accuracy_low and _high, and learning_rate, texts; without those that
        aren't known or tell nothing.
    """
    groups = dict(list(done.groupby(["setting", "arm"], sort=False)))
    pairs = [groups.get(pair, done.iloc[:0]) for pair in zip(comparison["setting"], comparison["arm"], strict=True)]
    added = comparison
    if "val_accuracy" in done:
        means = [summarise(runs["val_accuracy"].to_numpy(), bounds=find_bounds("val_accuracy")) for runs in pairs]
        added = added.assign(val_accuracy=[summary.mean for summary in means])
        added = added.assign(val_accuracy_low=[summary.low for summary in means])
        added = added.assign(val_accuracy_high=[summary.high for summary in means])
    rate = "optim.learning_rate"
    if rate in done and done[rate].nunique() > 1 and not any("lr=" in arm for arm in comparison["arm"]):
        texts = [", ".join(show_value(value) for value in sorted(runs[rate].unique())) for runs in pairs]
        added = added.assign(learning_rate=texts)
    return added


def score_arms(summary: pd.DataFrame) -> list[float]:
    """Score each arm for ranking by its mean, or by its baseline's mean plus the paired difference where seeds differ.

    Args:
        summary: a row for each setting and arm: n, mean, baseline, and, paired with it, pairs and difference, in the
            unit of the mean.

    Returns:
        A score for each row; the mean also where an arm shares no seed with its baseline.

    Example:
        >>> arms = pd.DataFrame({"setting": "x", "arm": ["max", "avg"], "n": [3, 2], "mean": [80.0, 85.0]})
        >>> score_arms(arms.assign(baseline="max", pairs=[0, 2], difference=[float("nan"), -5.0]))
        [80.0, 75.0]
    """
    arms = {(row["setting"], row["arm"]): row for row in summary.to_dict("records")}
    scores = []
    for row in arms.values():
        other = arms.get((row["setting"], row["baseline"]), row)
        apart = other is not row and row["pairs"] > 0 and not row["pairs"] == row["n"] == other["n"]
        scores.append(float(other["mean"] + row["difference"] if apart else row["mean"]))
    return scores


def find_unlearned_pairs(differences: pd.DataFrame, runs: pd.DataFrame) -> pd.Series:
    """Mark the differences of which either run finished at chance, as booleans by row.

    Args:
        differences: columns setting, arm, baseline and seed.
        runs: those that were paired, from `add_arms`.
    """
    stuck = set(runs.loc[find_at_chance(runs), ["setting", "arm", "seed"]].itertuples(index=False, name=None))
    pairs = zip(*(differences[name] for name in ("setting", "arm", "baseline", "seed")), strict=True)
    marks = [bool({(setting, arm, seed), (setting, other, seed)} & stuck) for setting, arm, other, seed in pairs]
    return pd.Series(marks, index=differences.index, dtype=bool)


def list_missing(labelled: pd.DataFrame) -> pd.DataFrame:
    """List runs that failed, diverged, or that only other arms have: data set, arm, seed, status, reason."""
    rows = []
    for setting, runs in labelled.groupby("setting", sort=False):
        seeds = sorted(runs["seed"].unique())
        for arm, of_arm in runs.groupby("arm", sort=False):
            recorded = of_arm.set_index("seed")
            for seed in seeds:
                if seed not in recorded.index:
                    status, reason = "not recorded", "other arms have this seed"
                else:
                    status, reason = recorded.loc[seed, "status"], recorded.loc[seed, "reason"]
                if status != "done":
                    rows.append(
                        {"data set": setting, "arm": arm, "seed": str(seed), "status": status, "reason": reason}
                    )
    return pd.DataFrame(rows, columns=["data set", "arm", "seed", "status", "reason"])
