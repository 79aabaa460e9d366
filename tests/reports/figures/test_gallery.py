"""The gallery's pictures: colours of numbers, responses as drawings of their own, a row for each operator."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from poolscope.reports.figures.gallery import (
    LOSS,
    NEAR,
    colour_lost,
    exceeds_unit,
    plot_family,
    show_impulse,
    show_picture,
    show_response,
    to_unit,
)
from poolscope.reports.gallery_tables import Gallery, read_gallery

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def gallery() -> Gallery:
    return read_gallery(Path(__file__).resolve().parents[3] / "results" / "gallery" / "tables")


def test_a_small_excess_is_cut_off_and_a_larger_one_rescaled() -> None:
    small, large, below = (np.array(values) for values in ([0, 0.5, 1.1], [0.0, 1, 4], [-1.0, 0, 1]))
    assert not exceeds_unit(small) and exceeds_unit(large) and exceeds_unit(below)
    assert to_unit(small).tolist() == [0, 0.5, 1]
    assert to_unit(large).tolist() == [0, 0.25, 1]
    assert to_unit(below).tolist() == [0, 0.5, 1]


def test_what_was_lost_is_blue_white_or_red() -> None:
    brighter, same, darker = colour_lost(np.array([LOSS, 0.0, -LOSS]).reshape(1, 3, 1))[0]
    assert same == pytest.approx([1, 1, 1], abs=0.01)
    assert brighter[2] > brighter[0] and darker[0] > darker[2]


def test_a_picture_has_a_pixel_for_each_number() -> None:
    def pixels(values: np.ndarray, **options: bool) -> np.ndarray:
        (source,) = re.findall(r"base64,([^\"]+)", show_picture(values, "a <map>", **options))
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(source))))

    grey = np.array([[0.0, 1], [0.5, 1]])[..., None]
    assert pixels(grey)[..., 0].tolist() == [[255, 0], [128, 0]]  # ink on paper
    assert pixels(np.full((1, 2, 3), [0, 0.5, 1])).tolist() == [[[0, 128, 255]] * 2]
    assert pixels(np.zeros((1, 1, 1)), signed=True).min() >= 253
    assert 'alt="a &lt;map&gt;"' in show_picture(grey, "a <map>")


def test_the_response_is_a_line_over_frequency() -> None:
    frame = pd.DataFrame({"frequency": [0, 0.25, 0.5], "gain": [1.0, 0.5, 0.0], "fundamental": [1.0, 0.4, 0.0]})
    lines = ElementTree.fromstring(show_response(frame, "max")).findall("polyline")
    dashed, solid = ([[float(n) for n in point.split(",")] for point in line.get("points").split()] for line in lines)
    assert [x for x, _ in solid] == [24, 108, 192]
    heights = [100 - y for _, y in solid]
    assert heights == pytest.approx([94 / 1.1, 47 / 1.1, 0], abs=0.06)
    assert dashed[1][1] > solid[1][1]  # a smaller gain stands lower


def test_the_impulse_response_is_a_square_for_each_pixel_that_answers() -> None:
    frame = pd.DataFrame({"row": [0, 1, 50], "column": [0, 1, 0], "response": [0.5, -0.25, 1.0]})
    squares = ElementTree.fromstring(show_impulse(frame)).findall("rect")[1:-1]
    assert [(int(s.get("x")), int(s.get("y")), s.get("fill-opacity")) for s in squares] == [
        (-NEAR[0], -NEAR[0], "1.00"),
        (1 - NEAR[0], 1 - NEAR[0], "0.50"),
    ]


def test_a_family_has_five_panels_for_each_operator_with_pictures(gallery: Gallery) -> None:
    figure = plot_family(gallery, ["max", "conv_stride", "avg"])
    assert len(figure.axes) == 5 * 2
    assert [ax.get_ylabel() for ax in figure.axes[::5]] == ["max", "avg"]
    assert [ax.get_title(loc="left") for ax in figure.axes[:5]] == [
        *("pooled", "lost", "digit", "impulse", "gain by frequency")
    ]
    gains = gallery.response[gallery.response["name"] == "avg"]["gain"]
    np.testing.assert_allclose(figure.axes[9].lines[-1].get_ydata(), gains)
