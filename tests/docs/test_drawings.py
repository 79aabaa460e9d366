from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from page_checks import Page

from building import drawings
from building.drawings import Box, Drawing

MADE = {
    "grids": lambda: drawings.show_grids({"a": np.eye(2), "b": [[np.nan, 2.0]]}, "Two grids.", {"a": np.eye(2) > 0}),
    "windows": lambda: drawings.show_windows({"w": (5, 2, 2, 0, 1)}, "Five cells."),
    "bars": lambda: drawings.show_bars(pd.Series({"max": 1.0, "avg": 2.0}), "x", "Two bars."),
    "bounds": lambda: drawings.show_bars(
        pd.Series({"max": 1.0}), "x", "One.", pd.DataFrame({"low": {"max": 0.5}, "high": {"max": 2.0}})
    ),
    "pictures": lambda: drawings.show_pictures({"row": {"a": np.eye(3), "b": np.eye(2)}}, "Two pictures."),
}


@pytest.mark.parametrize("name", MADE)
def test_a_drawing_is_a_figure_with_alternative_text_and_caption(name: str) -> None:
    drawing: Drawing = MADE[name]()
    page = Page(drawing._repr_html_())
    assert not page.open
    (svg,) = page.find("svg")
    assert svg["role"] == "img"
    assert drawing.caption.startswith(svg["aria-label"])
    assert page.find("figcaption")


def test_same_padding_gives_one_window_more() -> None:
    titles = [
        drawings.show_windows({"w": cells}, "x.").figure.axes[0].get_title(loc="left")
        for cells in ((5, 2, 2, 0, 0), (5, 2, 2, 0, 1))
    ]
    assert titles == ["w: 2 windows", "w: 3 windows"]


def test_a_box_escapes_its_texts() -> None:
    assert "&lt;b&gt;" in Box("<b>", "x", "y")._repr_html_()
