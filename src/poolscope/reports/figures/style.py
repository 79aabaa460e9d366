"""One look for all figures: type, colours and markers fixed per operator, and files that are the same every time."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

# Okabe & Ito's colour-blind safe palette (2008) without its yellow, which vanishes on white paper, then four darker
# colours between them. Eleven colours and thirteen markers share no factor, so 143 operators all look different, and
# the markers alone tell thirteen apart in a greyscale print.
COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"),
    *("#882255", "#4B3FA0", "#8A8A00", "#8C510A"),
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*", "d")
# Who has which colour and marker, by place: operators that studies compare come first, so that no two of them share a
# colour. The list only grows at its end; an operator that is not in it gets a place after it from its name.
PLACES = (
    *("max", "avg", "blur", "subsample", "stochastic", "conv_stride", "max_blur", "strided_conv", "none", "mixed"),
    *("soft", "gem", "gated", "lp", "random_mixed", "min", "lse", "median", "ordinal", "tree", "dpp", "edscw", "em"),
    *("ada", "haar", "lip", "spectral", "diffstride", "fractional_max", "s3", "aps", "lps", "lift", "space_to_depth"),
    *("adaptive_avg", "adaptive_max", "rank_avg", "rank_weighted", "rank_stochastic"),
    *("t_max_avg", "edge_blur", "conv_max", "strip", "frequency", "flc", "asap", "wavelet", "wavelet_bands", "tips"),
)
WIDTH = 7.2  # inches; the text width of a printed page
GREY = "#767676"
PALE = "#C8C8C8"
RUN = "run:"  # how the address of a point begins that stands for a run

STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8.0,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titley": 1.0,
    "axes.labelsize": 8.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.6,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.fontsize": 7.0,
    "legend.frameon": False,
    "lines.linewidth": 1.3,
    "lines.markersize": 5.0,
    "image.cmap": "cividis",
    "image.interpolation": "nearest",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.dpi": 160,
    "savefig.dpi": 160,  # as figure.dpi, so that the layout is made for the text widths that are drawn
    "text.hinting": "none",
    "svg.fonttype": "none",
}


@contextmanager
def styled(changes: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Draw in the house style with some changes, whatever the user's own Matplotlib settings are."""
    with mpl.rc_context():
        mpl.rcdefaults()
        with mpl.rc_context(STYLE | dict(changes or {})):
            yield


def find_place(operator: str) -> int:
    """The operator's place in `PLACES`, or one after it that depends on its name alone."""
    if operator in PLACES:
        return PLACES.index(operator)
    return len(PLACES) + zlib.crc32(operator.encode()) % (len(COLOURS) * len(MARKERS) - len(PLACES))


def style_operator(operator: str, rank: int = 0, of: int = 1) -> dict[str, Any]:
    """{color, marker} of an operator; of several arms with one operator, later ranks are lighter."""
    place = find_place(operator)
    paleness = 0.6 * rank / max(1, of - 1)
    red, green, blue = (channel + (1 - channel) * paleness for channel in to_rgb(COLOURS[place % len(COLOURS)]))
    return {"color": to_hex((red, green, blue)), "marker": MARKERS[(place + rank) % len(MARKERS)]}


def style_arms(labelled: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """{arm: {color, marker}} for frames with columns arm and operator, in their order."""
    arms = labelled[["arm", "operator"]].drop_duplicates("arm")
    styles = {}
    for operator, group in arms.groupby("operator", sort=False):
        for rank, arm in enumerate(group["arm"]):
            styles[arm] = style_operator(str(operator), rank, len(group))
    return styles


def make_grid(
    panels: int, columns: int, height: float, width: float = WIDTH, **options: Any
) -> tuple[Figure, Sequence[Any]]:
    """A figure and exactly `panels` axes in rows of `columns`; height in inches for each row."""
    rows = -(-panels // columns)
    figure = Figure(figsize=(width, height * rows), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False, **options).flat)
    for spare in axes[panels:]:
        spare.remove()
    return figure, axes[:panels]
