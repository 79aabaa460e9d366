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

    factors: {column: (first level, second level)}, coded -1 and +1. A term's effect for one seed is
    2 mean(code · value) over the 2^k cells: of one factor the mean at its second level less that at the first; of two
    factors half of what the second level of one adds to the effect of the other. One row for each term: term, n,
    effect, sd, low, high, in the value's unit, over the seeds that have every cell; t intervals, simultaneous at 95 %
    over all terms (Bonferroni).

    >>> grid = pd.DataFrame({"seed": 0, "a": [0, 0, 1, 1], "b": [0, 1, 0, 1], "value": [1.0, 2.0, 4.0, 9.0]})
    >>> estimate_effects(pd.concat([grid, grid.assign(seed=1)]), {"a": (0, 1), "b": (0, 1)})["effect"].tolist()
    [5.0, 3.0, 2.0]

    Raises PoolscopeError where a seed has a cell twice.
    """
    named = list(factors)
    known = cells.dropna(subset=["value"])
    for name, levels in factors.items():
        known = known[known[name].isin(levels)]
    if known.duplicated(["seed", *named]).any():
        raise PoolscopeError(f"There are two values of one seed for the same {', '.join(named)}.")
    whole = known.groupby("seed").filter(lambda rows: len(rows) == 2 ** len(named))
    terms = [*((name,) for name in named), *combinations(named, 2)]
    rows = []
    for term in terms:
        codes = [np.where(whole[name] == factors[name][1], 1.0, -1.0) for name in term]
        signed = whole.assign(signed=2 * np.prod(codes, axis=0) * whole["value"])
        found = summarise(signed.groupby("seed")["signed"].mean().to_numpy(), level=1 - 0.05 / len(terms))
        rows.append(
            {"term": " x ".join(term), "n": found.n, "effect": found.mean}
            | {"sd": found.sd, "low": found.low, "high": found.high}
        )
    return pd.DataFrame(rows, columns=["term", "n", "effect", "sd", "low", "high"])
