"""A study's arms side by side, in numbers: means over seeds, paired differences to the baseline, and missing runs."""

from __future__ import annotations

import pandas as pd

from poolscope.statistics.arms import find_baselines
from poolscope.statistics.inference import contrast_arms, find_bounds, summarise
from poolscope.statistics.learning import find_unlearned


def compare_arms(labelled: pd.DataFrame, baseline: str = "max") -> pd.DataFrame:
    """Compare arms: a row per setting and arm, best mean test accuracy first; means over finished runs.

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
        row["unlearned"] = int(find_unlearned(finished).sum())
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
    ranked = comparison.assign(_place=comparison["setting"].map(place))
    ranked = ranked.sort_values(["_place", "test_accuracy"], ascending=[True, False], kind="stable", na_position="last")
    return ranked.drop(columns="_place").reset_index(drop=True)


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
