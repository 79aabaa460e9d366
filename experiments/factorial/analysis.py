"""What operator, window, placement and depth change, one by one and two by two, as README.md planned."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd

from poolscope.reports.document import Plot, Section
from poolscope.reports.figures.factorial import plot_cells, plot_effects
from poolscope.reports.protocol import say_protocol
from poolscope.reports.sections import Analysis, analyse_sweep
from poolscope.statistics.arms import add_arms
from poolscope.statistics.contrast_rule import Estimate, count_needed_seeds, estimate
from poolscope.statistics.factorial import select_whole, split_effects
from poolscope.statistics.images import find_image_variance, read_correct
from poolscope.statistics.learning import find_unlearned
from poolscope.statistics.tables import Tables

FACTORS = {
    "pool.name": ("avg", "max"),
    "pool.window": (2, 3),
    "model.pool_after": ("early", "late"),
    "model.blocks": (3, 5),
}
NAMES = {  # of a factor: itself with what changes; its effect; what changes it, as the second factor of a pair
    "pool.name": ("operator: max in place of average", "lead of max", ""),
    "pool.window": ("window: 3x3 in place of 2x2", "gain by 3x3", "with 3x3 less with 2x2"),
    "model.pool_after": ("placement: late in place of early", "gain by late", "late less early"),
    "model.blocks": ("depth: five blocks in place of three", "", "five blocks less three"),
}
SHOWN = {"pool.name": "{}", "pool.window": "{0}x{0}", "model.pool_after": "{}", "model.blocks": "{} blocks"}
COLUMNS = ["seed", "status", "test_accuracy", "test_correct", *FACTORS]
DELTA = 1.0  # points of test accuracy: the smallest effect that matters
TERMS = len(FACTORS) * (len(FACTORS) + 1) // 2
LEVEL = 1 - 0.05 / TERMS
PLANNED = 192  # runs
MATTERS, SMALL, LITTLE = "more than a point", "an effect, less than a point", "less than a point"
SIZE_OPEN, UNKNOWN = "an effect, how large is open", "not known"


def analyse(tables: Tables) -> Analysis:
    """The general comparison of the sixteen networks, preceded by what each factor changes."""
    analysis = analyse_sweep(tables, baseline="max")
    if not set(COLUMNS) <= set(tables.runs):
        return analysis
    done = tables.runs[tables.runs["status"] == "done"]
    effects, simple = list_effects(done), list_simple_effects(done)
    unlearned = set(tables.runs.loc[find_unlearned(tables.runs), "seed"])
    if unlearned:
        kept = list_effects(done[~done["seed"].isin(unlearned)])
        effects = pd.concat([effects, kept.assign(runs="without seeds that have a run at chance")], ignore_index=True)
    text = (
        "A factor's effect is the mean test accuracy of the eight networks at its second level less that of the eight "
        "at its first, with the same seed; an interaction's is what the second level of one factor adds to the effect "
        "of the other (operator and placement: max's lead in late networks less its lead in early ones). Intervals are "
        "those of a contrast (Student's t and studentised bootstrap, whichever is wider, with the error of the test "
        "images), simultaneous at 95 % over the ten rows. They decide no claim.",
    )
    alone = (
        "Each factor's effect in each of the eight settings of the others, in points; intervals as above, but at 95 % "
        "each alone.",
    )
    sections = [
        Section("What each factor changes", text, show_effects(effects), plot_both(done, effects)),
        Section("One factor at a time", alone, show_simple_effects(simple)),
    ]
    extra = {**analysis.extra, "effects": effects, "simple_effects": simple}
    return replace(analysis.add(*sections), extra=extra, answer=say_effects(effects, len(done)) or analysis.answer)


def list_effects(done: pd.DataFrame) -> pd.DataFrame:
    """The effect of every term in points, over the seeds that have all sixteen networks, and what it says."""
    whole = select_whole(done.dropna(subset=["test_accuracy"]), FACTORS)
    by_seed = split_effects(whole, FACTORS, 100 * whole["test_accuracy"].to_numpy(dtype=float))
    right = 100 * read_correct(whole["test_correct"].tolist()) if len(whole) else np.empty((0, 1))
    by_image = split_effects(whole, FACTORS, right)
    rows = []
    for term, values in by_seed.items():
        times = len(term.split(" x "))  # of two factors: what one adds to the other's effect, not half of it
        found = estimate(times * values, find_image_variance(times * by_image[term]))
        low, high = found.interval(LEVEL)
        row = {"term": term, "n": found.n, "effect": found.mean, "sd": found.sd, "error": found.error}
        rows.append({**row, "low": low, "high": high, "says": read_effect(found.n, low, high), "runs": "all"})
    return pd.DataFrame(rows)


def read_effect(seeds: int, low: float, high: float) -> str:
    """What an interval says of an effect, by the bounds of the plan."""
    if seeds < count_needed_seeds(TERMS):
        return f"too few seeds: {count_needed_seeds(TERMS)} are needed"
    if low > DELTA or high < -DELTA:
        return MATTERS
    if low > -DELTA and high < DELTA:
        return SMALL if low > 0 or high < 0 else LITTLE
    return SIZE_OPEN if low > 0 or high < 0 else UNKNOWN


def list_simple_effects(done: pd.DataFrame) -> pd.DataFrame:
    """Each factor's effect in points in each of the eight settings of the other three."""
    known = done.dropna(subset=["test_accuracy"]).set_index("seed")
    cells = {cell: rows for cell, rows in known.groupby(list(FACTORS))}
    rows = []
    for setting in product(*FACTORS.values()):
        for name, (first, second) in FACTORS.items():
            there = dict(zip(FACTORS, setting, strict=True))
            sides = [tuple({**there, name: level}.values()) for level in (second, first)]
            if there[name] == first and all(side in cells for side in sides):
                found = compare_cells(*(cells[side] for side in sides))
                low, high = found.interval(0.95)
                row = {"factor": name, **there, name: "", "n": found.n, "effect": found.mean}
                rows.append({**row, "low": low, "high": high})
    simple = pd.DataFrame(rows, columns=["factor", *FACTORS, "n", "effect", "low", "high"])
    return simple.sort_values("factor", key=lambda names: names.map(list(FACTORS).index), kind="stable")


def plot_both(done: pd.DataFrame, effects: pd.DataFrame) -> tuple[Plot, ...]:
    """The effects over all runs, and the mean of each network; nothing before there are two whole seeds."""
    chosen = effects[(effects["runs"] == "all") & (effects["n"] > 1)]
    if chosen.empty:
        return ()
    protocol = say_protocol(add_arms(done))
    caption = (
        "Effect of each factor, and of each two together, on test accuracy, over the other factors. Lines: intervals, "
        f"simultaneous at 95 % over the ten; band: less than a point either way; {chosen['n'].max()} seeds. {protocol}"
    )
    means = (
        "Mean test accuracy of each of the sixteen networks, with its 95 % t interval over seeds. Early: pooled after "
        "the first two blocks; late: after the last two; windows at stride 2."
    )
    return (
        Plot("effects", plot_effects([name_term(term) for term in chosen["term"]], chosen, DELTA), caption),
        Plot("networks", plot_cells(done, FACTORS, SHOWN), f"{means} {protocol}"),
    )


def name_term(term: str) -> str:
    """A factor with what changes; two factors as what the second level of one adds to the effect of the other."""
    first, *others = (NAMES[name] for name in term.split(" x "))
    return f"{first[1]}: {others[0][2]}" if others else first[0]


def compare_cells(second: pd.DataFrame, first: pd.DataFrame) -> Estimate:
    """The difference of two networks in points over the seeds of both, with the error of the test images."""
    seeds = second.index.intersection(first.index).sort_values()
    sides = (
        [100 * read_correct(side.loc[seeds, "test_correct"].tolist()) for side in (second, first)] if len(seeds) else []
    )
    images = sides[0] - sides[1] if sides else np.empty((0, 1))
    return estimate(images.mean(axis=1), find_image_variance(images))


def show_effects(effects: pd.DataFrame) -> pd.DataFrame:
    """The effects as texts, with what the plan says of each."""
    rows = [
        {
            "runs": row["runs"],
            "what changes": name_term(row["term"]),
            "seeds": row["n"],
            "points": show_points(row),
            "says": row["says"],
        }
        for row in effects.to_dict("records")
        if row["n"] > 1
    ]
    return pd.DataFrame(rows, columns=["runs", "what changes", "seeds", "points", "says"])


def show_simple_effects(simple: pd.DataFrame) -> pd.DataFrame:
    """The simple effects as texts: a row for each setting of the other factors, a column for each factor."""
    rows = [
        {
            "what changes": name_term(row["factor"]),
            "in": ", ".join(SHOWN[name].format(row[name]) for name in FACTORS if row[name] != ""),
            "seeds": row["n"],
            "points": show_points(row),
        }
        for row in simple.to_dict("records")
        if row["n"] > 1
    ]
    return pd.DataFrame(rows, columns=["what changes", "in", "seeds", "points"])


def show_points(row: dict[str, float]) -> str:
    """An effect with its interval."""
    return f"{row['effect']:+.2f} ({row['low']:.2f} to {row['high']:.2f})"


def say_effects(effects: pd.DataFrame, finished: int) -> str:
    """The answer of the page: which factors matter, which hardly do, and which together; "" with too few seeds."""
    rows = [row for row in effects.to_dict("records") if row["runs"] == "all" and row["n"] >= count_needed_seeds(TERMS)]
    interim = [f"Interim, from {finished} of {PLANNED} planned runs."] if finished < PLANNED else []
    told = []
    for word in (MATTERS, SIZE_OPEN, SMALL, LITTLE, UNKNOWN):
        found = [f"{name_term(row['term'])} [{show_points(row)}]" for row in rows if row["says"] == word]
        if found:
            told.append(f"{word[0].upper()}{word[1:]}: {'; '.join(found)}.")
    return " ".join([*interim, *told]) if told else ""
