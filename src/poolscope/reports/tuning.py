"""A tuning in words: the table of rates for people, and the sentences on what was chosen and what is lacking."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from poolscope.statistics.tuning import RATE

_NOTES = {"lowest": "best at the lowest rate", "highest": "best at the highest rate", "only": "one rate tried"}


def show_tuning(means: pd.DataFrame, best: pd.DataFrame) -> Iterator[Mapping[str, str]]:
    """Make a row for each arm: mean validation accuracy at every rate in per cent, the best with a star.

    Args:
        means: from `average_trials`.
        best: from `choose_rates`.
    """
    rates = sorted(means[RATE].unique())
    several = best["setting"].nunique() > 1
    seeds = int(means["n"].max())
    for chosen in best.to_dict("records"):
        own = means[(means["setting"] == chosen["setting"]) & (means["arm"] == chosen["arm"])]
        cells = {}
        for row in own.to_dict("records"):
            mean = f"{row['failed']} failed" if row["failed"] else f"{100 * row['val_accuracy']:.2f}"
            fewer = f" (n={row['n']})" if row["n"] < seeds else ""
            cells[row[RATE]] = f"{mean}{fewer}{'*' if row[RATE] == chosen[RATE] else ' '}"
        head = {"data set": chosen["setting"]} if several else {}
        texts = {f"{rate:g}": cells.get(rate, "") for rate in rates}
        yield {**head, "arm": chosen["arm"], **texts, "note": _NOTES.get(chosen["edge"], "")}


def say_tuning(trials: pd.DataFrame, best: pd.DataFrame, asked: int) -> Iterator[str]:
    """Say what the numbers are, which bests are at an edge, and what is lacking.

    Args:
        trials: from `list_trials`.
        best: from `choose_rates`.
        asked: how many trials there are to be.
    """
    seeds = sorted(trials["seed"].unique())
    yield f"Validation accuracy in per cent, mean over seeds {', '.join(map(str, seeds))}; * the best of each arm."
    edge = best[best["edge"] != ""]
    if len(edge):
        named = "; ".join(f"{row['arm']} ({row[RATE]:g})" for row in edge.to_dict("records"))
        yield f"Best at the edge of what was tried, where the true best may lie beyond: {named}."
    lacking = best[best[RATE].isna()]
    if len(lacking):
        yield f"No rate at which every run finished: {', '.join(map(str, lacking['arm']))}."
    if len(trials) < asked:
        yield f"{asked - len(trials)} of {asked} trials are not recorded: no rate is chosen yet."
