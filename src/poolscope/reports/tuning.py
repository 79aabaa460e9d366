"""A tuning in words: the table of rates for people, and the sentences on what was chosen and what is lacking."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from poolscope.statistics.tuning import RATE, find_unlearned_trials

_NOTES = {"lowest": "best at the lowest rate", "highest": "best at the highest rate", "only": "one rate tried"}


def show_tuning(means: pd.DataFrame, best: pd.DataFrame) -> Iterator[Mapping[str, str]]:
    """Make a row for each arm: mean validation accuracy at every rate in per cent, the best with a star, and failures.

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
            stuck = f" ({row['unlearned']} at chance)" if row["unlearned"] else ""
            cells[row[RATE]] = f"{mean}{fewer}{stuck}{'*' if row[RATE] == chosen[RATE] else ' '}"
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
    yield from _say_unlearned(trials, best)
    edge = best[best["edge"] != ""]
    if len(edge):
        named = "; ".join(f"{row['arm']} ({row[RATE]:g})" for row in edge.to_dict("records"))
        yield f"Best at the edge of what was tried, where the true best may lie beyond: {named}."
    lacking = best[best[RATE].isna()]
    if len(lacking):
        yield f"No rate at which every run finished: {', '.join(map(str, lacking['arm']))}."
    if len(trials) < asked:
        yield f"{asked - len(trials)} of {asked} trials are not recorded: no rate is chosen yet."


def _say_unlearned(trials: pd.DataFrame, best: pd.DataFrame) -> Iterator[str]:
    """Say which trials finished at chance, and whose best rate has some."""
    stuck = trials[find_unlearned_trials(trials)]
    if stuck.empty:
        return
    counts = stuck.groupby(["setting", "arm", RATE], sort=False).size()
    several = trials["setting"].nunique() > 1
    listed = "; ".join(
        f"{f'{setting}, ' if several else ''}{arm} at {rate:g} ({count})"
        for (setting, arm, rate), count in counts.items()
    )
    yield f"Finished at chance, without having learned, in the means and hollow in the figure: {listed}."
    chosen = best[best[RATE].notna() & (best["unlearned"] > 0)]
    if len(chosen):
        named = "; ".join(f"{row['arm']} ({row[RATE]:g})" for row in chosen.to_dict("records"))
        yield f"Some trials are at chance even at the best rate, so that the study's own runs may be: {named}."
