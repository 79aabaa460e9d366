"""How often max leads average over the contexts, and what its lead depends on, as README.md planned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from poolscope.reports.document import Section
from poolscope.reports.sections import Analysis, analyse_sweep
from poolscope.statistics.claims import Contrast, find_contrasts
from poolscope.statistics.factorial import estimate_effects
from poolscope.statistics.learning import find_unlearned
from poolscope.statistics.odds import find_odds
from poolscope.statistics.tables import Tables
from poolscope.statistics.verdicts import judge_contrasts

DATA = "data.name"
FACTORS = {
    DATA: ("mnist", "cifar10"),
    "model.head": ("flatten", "avg"),
    "model.norm": ("none", "batch"),
    "model.blocks": (3, 5),
}
SETS = {"cifar10": "CIFAR-10", "mnist": "MNIST"}
NAMES = {DATA: "CIFAR-10", "model.head": "average head", "model.norm": "batch norm", "model.blocks": "five blocks"}
COLUMNS = ["seed", "status", "pool.name", "test_accuracy", "test_size", *FACTORS]
LITTLE = 0.05  # of the log error ratio: a change of at most this is called small
LEAST_SEEDS = 10  # below, the effects aren't read


def analyse(tables: Tables) -> Analysis:
    """The general comparison, context by context, preceded by the odds and by what the factors change."""
    analysis = analyse_sweep(tables, baseline="max", by=[name for name in FACTORS if name != DATA])
    if not set(COLUMNS) <= set(tables.runs):
        return analysis
    table = list_effects(pair_contexts(tables.runs))
    unlearned = set(tables.runs.loc[find_unlearned(tables.runs), "seed"])
    if unlearned:
        kept = tables.runs[~tables.runs["seed"].isin(unlearned)]
        without = list_effects(pair_contexts(kept))
        without["contexts"] += ", without seeds that have a run at chance"
        table = pd.concat([table, without], ignore_index=True)
    text = (
        "Max's lead over average in a context is the natural logarithm of average's test errors over max's, 1/2 added "
        "to each count: 0.1 says that average makes a tenth more errors. A factor's effect is that lead's mean over "
        "the contexts with it less the mean over those without; an interaction's is half of what the one factor adds "
        "to the other's effect. Intervals are over seeds, at these rates and test images, simultaneous at 95 % over "
        "the rows of the same contexts. They decide nothing.",
    )
    sections = [Section("What the difference depends on", text, show_effects(table))]
    extra = {**analysis.extra, "effects": table}
    contrasts = find_contrasts("contexts")
    if contrasts:
        extra["odds"] = list_odds(judge_contrasts(tables.runs, contrasts, tables.curves), contrasts)
        text = (
            "Ahead and behind: contexts whose simultaneous interval leaves out 0. Pooled effect with its 95 % interval "
            "and what a new context like these would show with probability 0.95, by random effects, in units of the "
            "smallest effect that matters (δ: 1 point on CIFAR-10, 0.15 of the log error ratio on MNIST). Contexts "
            "share seeds and test images and were laid out, not drawn: these intervals are approximate.",
        )
        sections.insert(0, Section("The odds", text, show_odds(extra["odds"])))
    return replace(analysis.add(*sections), extra=extra)


def list_effects(leads: pd.DataFrame) -> pd.DataFrame:
    """The effects of the factors over all contexts, and within each data set, which column `contexts` names."""
    apart = {name: levels for name, levels in FACTORS.items() if name != DATA}
    effects = [estimate_effects(leads, FACTORS).assign(contexts="all")]
    effects += [estimate_effects(leads[leads[DATA] == data], apart).assign(contexts=data) for data in FACTORS[DATA]]
    return pd.concat(effects, ignore_index=True)


def pair_contexts(runs: pd.DataFrame) -> pd.DataFrame:
    """Max's lead over average for each context and seed of both: the columns of FACTORS, seed and value."""
    done = runs[runs["status"] == "done"]
    wrong = (1 - done["test_accuracy"].astype(float)) * done["test_size"].astype(float) + 0.5
    errors = done.assign(errors=np.log(wrong)).set_index(["seed", *FACTORS])
    sides = [errors.loc[errors["pool.name"] == pool, "errors"] for pool in ("avg", "max")]
    return (sides[0] - sides[1]).rename("value").reset_index()


def show_effects(effects: pd.DataFrame) -> pd.DataFrame:
    """The effects as texts, with what the plan says of each."""
    rows = [
        {
            "contexts": row["contexts"],
            "what changes": " x ".join(NAMES[name] for name in row["term"].split(" x ")),
            "seeds": row["n"],
            "effect on the log error ratio": f"{row['effect']:+.3f} ({row['low']:.3f} to {row['high']:.3f})",
            "says": read_effect(row["n"], row["low"], row["high"]),
        }
        for row in effects.to_dict("records")
        if row["n"] > 1
    ]
    columns = ["contexts", "what changes", "seeds", "effect on the log error ratio", "says"]
    return pd.DataFrame(rows, columns=columns)


def read_effect(seeds: int, low: float, high: float) -> str:
    """What an interval says of a factor, by the bounds of the plan."""
    if seeds < LEAST_SEEDS:
        return f"too few seeds to be read: {LEAST_SEEDS} are needed"
    if low > LITTLE or high < -LITTLE:
        return f"changes it by more than {LITTLE}"
    if low > -LITTLE and high < LITTLE:
        return f"doesn't change it by more than {LITTLE}"
    return "changes it, by how much is open" if low > 0 or high < 0 else "not known"


def list_odds(verdicts: pd.DataFrame, contrasts: Sequence[Contrast]) -> pd.DataFrame:
    """A row of `find_odds` for all contexts and for those of each data set."""
    data = verdicts["id"].map({contrast.id: contrast.where[DATA] for contrast in contrasts})
    chosen = {"all": verdicts, **{name: verdicts[data == name] for name in SETS}}
    return pd.DataFrame([{"data": name, **find_odds(rows)} for name, rows in chosen.items() if len(rows)])


def show_odds(odds: pd.DataFrame) -> pd.DataFrame:
    """The odds as texts."""
    return pd.DataFrame(
        {
            "contexts": [f"{row['contexts']} ({SETS.get(row['data'], 'all')})" for row in odds.to_dict("records")],
            "max ahead": odds["ahead"],
            "behind": odds["behind"],
            "neither": odds["neither"],
            "pooled (δ)": [
                f"{row['pooled']:+.2f} ({row['low']:.2f} to {row['high']:.2f})" for row in odds.to_dict("records")
            ],
            "a new context (δ)": [
                f"{row['prediction_low']:.2f} to {row['prediction_high']:.2f}" for row in odds.to_dict("records")
            ],
            "above 0": [f"{value:.0%}" for value in odds["above_0"]],
            "above δ": [f"{value:.0%}" for value in odds["above_delta"]],
            "below -δ": [f"{value:.0%}" for value in odds["below_delta"]],
        }
    )
