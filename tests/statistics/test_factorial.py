"""The effects of a 2^k design: worked by hand, found again where they were put in, and only from whole seeds."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

from poolscope.spec.errors import PoolscopeError
from poolscope.statistics.factorial import estimate_effects

FACTORS = {"data": ("mnist", "cifar10"), "head": ("flatten", "avg"), "depth": (2, 4)}


def make_cells(seeds: int = 5, noise: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = []
    for seed, data, head, depth in product(range(seeds), *FACTORS.values()):
        cifar, average, deep = (data == "cifar10") - 0.5, (head == "avg") - 0.5, (depth == 4) - 0.5
        value = 7 + 3 * cifar - 2 * average + 2 * 0.5 * cifar * deep + seed + noise * rng.standard_normal()
        rows.append({"seed": seed, "data": data, "head": head, "depth": depth, "value": value})
    return pd.DataFrame(rows)


def test_effects_that_were_put_in_are_found_again() -> None:
    found = estimate_effects(make_cells(), FACTORS).set_index("term")["effect"]
    expected = {"data": 3, "head": -2, "depth": 0, "data x head": 0, "data x depth": 0.5, "head x depth": 0}
    assert found.to_dict() == pytest.approx(expected, abs=1e-12)


def test_they_are_the_coefficients_of_least_squares_twice() -> None:
    cells = make_cells(seeds=1, noise=1.0)
    codes = {name: np.where(cells[name] == levels[1], 1.0, -1.0) for name, levels in FACTORS.items()}
    named = [("data",), ("head",), ("depth",), ("data", "head"), ("data", "depth"), ("head", "depth")]
    design = np.column_stack([np.ones(8), *(np.prod([codes[name] for name in term], axis=0) for term in named)])
    coefficients = np.linalg.lstsq(design, cells["value"], rcond=None)[0]
    assert estimate_effects(cells, FACTORS)["effect"].to_numpy() == pytest.approx(2 * coefficients[1:])


def test_the_interval_is_simultaneous_over_all_terms() -> None:
    found = estimate_effects(make_cells(seeds=10, noise=1.0), FACTORS).iloc[0]
    quantile = 3.364203  # of t with 9 degrees of freedom at 1 - 0.05 / 12, by scipy.stats.t.ppf
    assert found["high"] - found["effect"] == pytest.approx(quantile * found["sd"] / np.sqrt(10), rel=1e-5)


def test_a_seed_that_lacks_a_cell_is_left_out_and_another_level_is_not_of_the_grid() -> None:
    cells = make_cells(noise=1.0)
    more = pd.concat([cells.drop(index=3), cells.assign(depth=8)])
    found = estimate_effects(more, FACTORS)
    pd.testing.assert_frame_equal(found, estimate_effects(cells[cells["seed"] > 0], FACTORS))
    assert set(found["n"]) == {4}


def test_without_a_whole_seed_there_are_rows_without_numbers() -> None:
    found = estimate_effects(make_cells(seeds=1).head(3), FACTORS)
    assert len(found) == 6
    assert set(found["n"]) == {0}
    assert found["effect"].isna().all()


def test_a_cell_given_twice_is_refused() -> None:
    with pytest.raises(PoolscopeError, match="two values of one seed for the same data, head, depth"):
        estimate_effects(pd.concat([make_cells(), make_cells().head(1)]), FACTORS)
