"""The picture of a backward pass: its numbers, outlines, padding and ties."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.patches import Rectangle

from poolscope.reports.figures.files import save_figure
from poolscope.reports.figures.routing import draw_routing

PANEL: dict[str, Any] = {
    "heading": "max, window 2",
    "x": np.array([[1, 3, 0], [3, 2, 0]], np.float32),
    "output": np.array([[[3.0]]]),
    "cotangent": np.array([[[2.0]]]),
    "gradient": np.array([[0, 2, 0], [0, 0, 0]], np.float32),
    "unread": np.array([[False, False, True], [False, False, True]]),
    "ties": [((0, 1), (1, 0))],
    "pads": ((1, 0), (0, 0)),
    "boxes": [(0, 0, 2, 2)],
}


def test_numbers_outlines_padding_and_ties(tmp_path: Path) -> None:
    figure = draw_routing([PANEL, {**PANEL, "ties": []}])
    (source, output, gradient), second = figure.axes[:3], figure.axes[3]
    texts = [text.get_text() for text in source.texts]
    assert texts == ["1", "3", "0", "3", "2", "0", "*", "*"]
    assert "*" not in [text.get_text() for text in second.texts]
    assert [text.get_text() for text in output.texts] == ["3\n(2)"]
    assert [text.get_text() for text in gradient.texts] == ["0", "2", "0", "0", "0", "0"]
    hatches = [patch.get_hatch() for patch in source.patches if isinstance(patch, Rectangle)]
    assert (hatches.count("////"), hatches.count("xx"), hatches.count(None)) == (3, 2, 1)
    assert source.get_ylim() == (1.5, -1.5)
    (path,) = save_figure(figure, tmp_path, "routing", ["svg"])
    assert "max, window 2" in path.read_text(encoding="utf-8")
