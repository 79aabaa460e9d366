"""The ledger plot: looks of verdicts, directions, marks, and contrast enough to be read."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from poolscope.reports.figures.ledger import LOOKS, find_look, mark_added, plot_verdicts
from poolscope.statistics.verdicts import ADDED, COLUMNS

ROW = {
    **dict.fromkeys(COLUMNS, math.nan),
    **{"claim": 3, "id": "3a", "hypothesis": "max is worse", "kind": "difference", "direction": "lower", "delta": 1.0},
    **{"n": 10, "effect": -5.0, "low": -6.0, "high": -4.0, "verdict": "strongly supported", "registration": ""},
}


def test_every_verdict_has_a_look_and_a_reversal_its_own() -> None:
    assert find_look("refuted-too-small") == find_look("refuted-negligible") == LOOKS["refuted"]
    assert find_look("refuted-reversed")["marker"] != LOOKS["refuted"]["marker"]
    assert find_look("supported")["color"] != LOOKS["refuted"]["color"]


@pytest.mark.parametrize("verdict", ["supported", "open", "refuted", "refuted-reversed"])
def test_verdicts_can_be_read_on_white(verdict: str) -> None:
    """At least 4.5 to 1, as WCAG AA asks of text."""
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(find_look(verdict)["color"])]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    assert 1.05 / (luminance + 0.05) >= 4.5


def test_an_effect_claimed_lower_is_drawn_to_the_right() -> None:
    figure = plot_verdicts(pd.DataFrame([ROW]))
    points = [line.get_xdata()[0] for line in figure.axes[0].lines if len(line.get_xdata()) == 1]
    assert max(points) == pytest.approx(5.0)


def test_what_was_added_has_a_dagger() -> None:
    assert mark_added(ROW) == "3a"
    assert mark_added(ROW | {"registration": ADDED}) == "3a†"
    texts = [text.get_text() for text in plot_verdicts(pd.DataFrame([ROW | {"registration": ADDED}])).axes[0].texts]
    assert "3a†  max is worse" in texts
