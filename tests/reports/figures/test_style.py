"""The look of figures: one identity for each operator, whatever else is drawn, and for the colour-blind."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb

from poolscope.reports.figures.style import COLOURS, PLACES, find_place, style_arms, style_operator, styled
from poolscope.spec.operators import OPERATORS


def _strip() -> pd.DataFrame:
    values = {"max": [0.90, 0.91, 0.92], "avg": [0.93, 0.95, 0.94], "min": [0.85, 0.83, 0.87]}
    return pd.DataFrame(
        [
            {"arm": arm, "operator": arm, "seed": seed, "test_accuracy": v}
            for arm, vs in values.items()
            for seed, v in enumerate(vs)
        ]
    )


def test_every_operator_looks_different_in_colour_and_in_print() -> None:
    looks = [tuple(style_operator(name).values()) for name in OPERATORS]
    assert len(set(looks)) == len(looks)
    markers = [style_operator(name)["marker"] for name in PLACES[:13]]
    assert len(set(markers)) == len(markers)


def test_operators_that_studies_compare_share_no_colour() -> None:
    paths = list((Path(__file__).resolve().parents[3] / "results").glob("*/tables/runs.csv"))
    assert paths
    for path in paths:
        names = set(pd.read_csv(path, usecols=["pool.name"])["pool.name"])
        if len(names) <= len(COLOURS):  # a study of all operators has more than there are colours
            assert len({style_operator(name)["color"] for name in names}) == len(names), path


def test_an_operator_of_ones_own_has_a_look_of_its_name() -> None:
    assert find_place("toy") == find_place("toy") >= len(PLACES)
    assert find_place("toy") != find_place("other")


def test_an_operators_look_does_not_depend_on_what_else_is_drawn() -> None:
    frame = _strip()
    alone = style_arms(frame[frame["arm"] == "min"])
    assert alone["min"] == style_arms(frame)["min"] == style_operator("min")


def test_colours_differ_in_lightness_or_hue_for_the_colour_blind() -> None:
    """Machado, Oliveira & Fernandes' (2009) matrix of full deuteranopia keeps all pairs of colours apart."""
    matrix = np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    )
    seen = [matrix @ (np.array(to_rgb(style_operator(name)["color"])) ** 2.2) for name in PLACES[:7]]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 0.1


def test_styling_leaves_the_users_settings_alone() -> None:
    before = dict(mpl.rcParams)
    with styled():
        assert mpl.rcParams["font.size"] == 8
    assert dict(mpl.rcParams) == before
