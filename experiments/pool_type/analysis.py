"""The decision rule of pool_type, as fixed in README.md before the runs, applied to whatever runs there are."""

from __future__ import annotations

import pandas as pd

from poolscope.reports.comparison import show_interval
from poolscope.reports.document import Section
from poolscope.reports.sections import Analysis, analyse_sweep
from poolscope.spec.operators import OPERATORS
from poolscope.statistics.arms import add_arms, find_baselines
from poolscope.statistics.inference import contrast_arms, pair_by_seed, summarise
from poolscope.statistics.tables import Tables

LARGE_ENOUGH = {"cifar10": 1.0, "mnist": 0.3}  # percentage points of test accuracy that matter
SHOWN = 0.05  # corrected p below which a difference counts as shown
PLANNED = 200  # runs: 10 operators, 2 data sets, 10 seeds
EQUAL = 1.0  # percentage points within which a strided convolution would equal max (H4)


def analyse(tables: Tables) -> Analysis:
    """The general comparison against max, preceded by the decisions on H1 to H4."""
    analysis = analyse_sweep(tables, baseline="max")
    runs = add_arms(tables.runs)
    runs = runs[runs["status"] == "done"]
    if runs.empty or "max" not in set(runs["operator"]):
        return analysis
    text = [
        "The rule was fixed before the runs: a difference is shown where the p of the exact sign-flip test, corrected "
        "by Holm over the contrasts of a data set, is below 0.05; it is large enough to matter from "
        f"{LARGE_ENOUGH['cifar10']:.1f} points on CIFAR-10 and {LARGE_ENOUGH['mnist']:.1f} on MNIST. Whatever is not "
        "shown is not shown, not equal. Differences are in percentage points, paired by seed, with 95 % t intervals.",
        "That rule left open how to decide two hypotheses. It was settled after interim results had been seen, so that "
        "these decisions are post hoc. H3: among the operators without parameters, the one closest to subsampling "
        "counts, with the largest corrected p of all. "
        f"H4: shown where the 90 % interval lies within {EQUAL:g} point of zero (two one-sided tests).",
    ]
    if len(runs) < PLANNED:
        text.append(
            f"Interim: {len(runs)} of {PLANNED} planned runs are finished, and the rule is meant for all of them."
        )
    return analysis.add(Section("Decisions", tuple(text), decide(runs)))


def decide(runs: pd.DataFrame) -> pd.DataFrame:
    """A row per hypothesis and data set: the paired difference that decides it, n, corrected p, and the decision."""
    rows = []
    for setting, chosen in runs.groupby("setting", sort=False):
        against_max = find_baselines(chosen, "max")
        accuracy, gap = (
            contrast_arms(chosen, against_max, column, scale=100).set_index("arm")
            for column in ("test_accuracy", "generalisation_gap")
        )
        large = LARGE_ENOUGH.get(str(setting), 1.0)
        if "avg" in accuracy.index:
            against_avg = contrast_arms(chosen, {(str(setting), "max"): "avg"}, "test_accuracy", scale=100).iloc[0]
            h1 = against_avg.to_dict() | {"p_holm": accuracy.loc["avg", "p_holm"]}
            rows.append(_row("H1: max beats avg", setting, "max - avg", h1, _decide(h1, large)))
            h2 = gap.loc["avg"].to_dict()
            decision = _decide({**h2, "difference": -h2["difference"]}, 0.0)
            rows.append(_row("H2: avg has the smaller gap", setting, "avg - max", h2, decision))
        rows += _decide_worst(chosen, str(setting))
        for arm in ("conv_stride", "strided_conv"):
            if arm in accuracy.index:
                within = summarise(100 * pair_by_seed(chosen, arm, "max", "test_accuracy"), 0.90)
                decision = "shown" if within.low > -EQUAL and within.high < EQUAL else "not shown"
                claim = f"H4: {arm} is within {EQUAL:g} point"
                rows.append(_row(claim, setting, f"{arm} - max", accuracy.loc[arm].to_dict(), decision))
    return pd.DataFrame(sorted(rows, key=lambda row: row["hypothesis"]))


def _decide_worst(runs: pd.DataFrame, setting: str) -> list[dict[str, str]]:
    """H3, by the operator without parameters that comes closest to subsampling."""
    free = [arm for arm in runs["arm"].unique() if OPERATORS[arm].learnable == "0" and OPERATORS[arm].kind == "local"]
    others = {(setting, arm): "subsample" for arm in free if arm != "subsample"}
    if "subsample" not in free or not others:
        return []
    contrasts = contrast_arms(runs, others, "test_accuracy", scale=100)
    closest = contrasts.loc[contrasts["difference"].idxmin()].to_dict()
    closest["p_holm"] = contrasts["p_holm"].max()
    decision = _decide(closest, 0.0)
    claim = "H3: subsample is the worst"
    return [_row(claim, setting, f"{closest['arm']} - subsample", closest, decision)]


def _decide(contrast: dict[str, float], large: float) -> str:
    """Whether a claimed positive difference is shown, and whether it is large enough to matter."""
    if not contrast["p_holm"] < SHOWN:
        return "not shown"
    if contrast["difference"] <= 0:
        return "the opposite is shown"
    return (
        "shown, large enough to matter"
        if contrast["difference"] >= large > 0
        else "shown" + ", but small" * (large > 0)
    )


def _row(claim: str, setting: object, what: str, contrast: dict[str, float], decision: str) -> dict[str, str]:
    bounds = {f"difference_{end}": contrast[end] for end in ("low", "high")}
    return {
        "hypothesis": claim,
        "data set": str(setting),
        "difference": what,
        "n": str(int(contrast["n"])),
        "points": show_interval({**bounds, "difference": contrast["difference"]}, "difference"),
        "p (Holm)": "" if contrast["p_holm"] != contrast["p_holm"] else f"{contrast['p_holm']:.4f}",
        "decision": decision,
    }
