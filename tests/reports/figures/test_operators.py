"""Figures of operators on raw images: spectra and the frequency above which a stride folds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from poolscope.reports.figures.operators import plot_spectra


def spectra(*data: str) -> pd.DataFrame:
    frequencies = np.linspace(0.05, 0.5, 10)
    key = {"window": "2", "stride": "2", "options": ""}
    curves = [("before", "max", 2.0), ("after", "max", 1.0), ("rebuilt", "max", 0.5), ("after", "avg", 0.7)]
    return pd.DataFrame(
        {**key, "data": name, "pool": pool, "curve": curve, "frequency": f, "value": level / (1 + 10 * f)}
        for name in data
        for curve, pool, level in curves
        for f in frequencies
    )


def vertical_lines(ax: Axes) -> list[float]:
    return [line.get_xdata()[0] for line in ax.lines if len(set(line.get_xdata())) == 1]


@pytest.mark.parametrize("data", [("mnist",), ("mnist", "cifar10")])
def test_the_dashed_line_is_the_nyquist_frequency_of_stride_2_and_what_folds_is_shaded(data: tuple[str, ...]) -> None:
    axes = plot_spectra(spectra(*data)).axes
    assert len(axes) == 2 * len(data)
    for ax in axes:
        assert vertical_lines(ax) == [1 / (2 * 2)]
        (shade,) = ax.patches
        assert (shade.get_x(), shade.get_x() + shade.get_width()) == (1 / (2 * 2), 1 / 2)
        assert ax.get_xlim() == (0, 1 / 2)


def test_each_curve_is_its_own_rows() -> None:
    left, right = plot_spectra(spectra("mnist")).axes
    drawn = {line.get_label(): line.get_ydata() for line in left.lines}
    frequencies = np.linspace(0.05, 0.5, 10)
    np.testing.assert_allclose(drawn["input"], 2 / (1 + 10 * frequencies))
    np.testing.assert_allclose(drawn["max"], 1 / (1 + 10 * frequencies))
    np.testing.assert_allclose(drawn["avg"], 0.7 / (1 + 10 * frequencies))
    assert [line.get_label() for line in right.lines if not line.get_label().startswith("_")] == ["max"]


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_images_without_power_are_drawn_too(value: float) -> None:
    left, _ = plot_spectra(spectra("mnist").assign(value=value)).axes
    assert left.get_yscale() == "linear"
