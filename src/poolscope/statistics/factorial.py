"""Main effects and two-way interactions of factors with two levels each, over a full grid of cells, paired by seed."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from poolscope.spec.errors import PoolscopeError
from poolscope.statistics.inference import summarise


def estimate_effects(cells: pd.DataFrame, factors: Mapping[str, tuple[Any, Any]]) -> pd.DataFrame:
    """Estimate a 2^k design (Box, Hunter & Hunter 2005, chapter 5) from the columns of factors, seed and value.

    One row for each term of `split_effects`: term, n, effect, sd, low, high, in the value's unit, over the seeds that
    have every cell; t intervals, simultaneous at 95 % over all terms (Bonferroni).

    >>> grid = pd.DataFrame({"seed": 0, "a": [0, 0, 1, 1], "b": [0, 1, 0, 1], "value": [1.0, 2.0, 4.0, 9.0]})
    >>> estimate_effects(pd.concat([grid, grid.assign(seed=1)]), {"a": (0, 1), "b": (0, 1)})["effect"].tolist()
    [5.0, 3.0, 2.0]

    Raises PoolscopeError where a seed has a cell twice.
    """
    whole = select_whole(cells.dropna(subset=["value"]), factors)
    effects = split_effects(whole, factors, whole["value"].to_numpy(dtype=float))
    rows = []
    for term, by_seed in effects.items():
        found = summarise(by_seed, level=1 - 0.05 / len(effects))
        rows.append({"term": term, "n": found.n, "effect": found.mean, "sd": found.sd, "low": found.low})
        rows[-1]["high"] = found.high
    return pd.DataFrame(rows, columns=["term", "n", "effect", "sd", "low", "high"])


def select_whole(cells: pd.DataFrame, factors: Mapping[str, tuple[Any, Any]]) -> pd.DataFrame:
    """Select the cells of the grid, of the seeds that have all of them, in the order of the seeds.

    factors: {column: (first level, second level)}; other levels are not of the grid.

    Raises PoolscopeError where a seed has a cell twice.
    """
    for name, levels in factors.items():
        cells = cells[cells[name].isin(levels)]
    if cells.duplicated(["seed", *factors]).any():
        raise PoolscopeError(f"There are two values of one seed for the same {', '.join(factors)}.")
    whole = cells.groupby("seed").filter(lambda rows: len(rows) == 2 ** len(factors))
    return whole.sort_values("seed", kind="stable")


def split_effects(
    whole: pd.DataFrame, factors: Mapping[str, tuple[Any, Any]], values: np.ndarray
) -> dict[str, np.ndarray]:
    """Split values into the effects of each factor and each two factors together, "a x b", seed by seed.

    whole: from `select_whole`. values: one row for each of its rows, of numbers or, say, of a number for each test
    image. Levels are coded -1 and +1; a term's effect is 2 mean(code · value) over the 2^k cells of a seed: of one
    factor the mean at its second level less that at the first; of two factors half of what the second level of one
    adds to the effect of the other. Returns {term: a row for each seed}.
    """
    effects = {}
    for term in [*((name,) for name in factors), *combinations(factors, 2)]:
        codes = np.prod([np.where(whole[name] == factors[name][1], 1.0, -1.0) for name in term], axis=0)
        signed = codes.reshape(-1, *[1] * (values.ndim - 1)) * values
        effects[" x ".join(term)] = 2 * signed.reshape(-1, 2 ** len(factors), *values.shape[1:]).mean(axis=1)
    return effects
