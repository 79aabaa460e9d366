"""The page of operators on raw images: every figure, with the table of measures, drawn from tables alone."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from poolscope.reports.document import Plot, Section, write_document
from poolscope.reports.figures.operators import plot_all
from poolscope.reports.operator_tables import read_tables, show_invariance, show_rows
from poolscope.reports.trained_operators import show_trained
from poolscope.spec.errors import PoolscopeError

FOLDER = "operators"
TITLE = "Operators on raw images"
SUMMARY = (
    "What each pooling operator does to images by itself: no network, no training but in the last table. Window 2 and "
    "stride 2 unless named otherwise; operators that learn are at their initial values, stochastic ones in their "
    "evaluated form. Linear probes are fitted on training images and judged on test images."
)
_SECTIONS = {  # by figure: heading and caption
    "operators": (
        "Aliasing and efficiency",
        "Operators by aliasing (least on top) and by efficiency (most on top). Aliasing: share of the varying energy "
        "that the operator at stride 1 leaves above the output's Nyquist frequency. Efficiency: R² of the best linear "
        "reconstruction over that of the best linear code of that size.",
    ),
    "kept": (
        "Size against what can be rebuilt",
        "Share of the variance that a linear reconstruction recovers, against the share of numbers kept. The line is "
        "the best linear code of each size.",
    ),
    "spectra": (
        "Spectra",
        "Power before and after each operator at stride 1, and the share that is rebuilt, by frequency. Right of the "
        "dashed line, the output's Nyquist frequency, power folds onto lower frequencies.",
    ),
    "caution": (
        "Why not mutual information",
        "Plug-in mutual information of images and pooled codes stays at its ceiling while what a linear probe reads "
        "falls. It is therefore not used as evidence.",
    ),
}
_INVARIANCE = (
    "Untrained networks of three circular 3x3 convolutions (8, 16, 32 filters), pooled after the first two at window 2 "
    "and stride 2, with a global average head; weights as training would start. Shifts wrap around: all by whole "
    "pixels up to 3, and all by halves of a pixel up to 1, on both axes. Logits moved: by the distance of two images' "
    "logits. Exact: no shift moved any logit by more than 0.0001 of that, with any seed. Takes the largest cell: share "
    "of windows whose output is their maximum (maximum-sampling bias).",
    "aps and lps claim 100 % consistency under circular shifts before training, by whole pixels. frequency claims "
    "equivariance to shifts of a pool by itself; flc claims no aliasing. tips claims the highest consistency and the "
    "least sampling bias after training with its two losses, so that this table neither shows nor refutes it. The "
    "a-trous network, whose pools don't subsample, is invariant to whole pixels by its form.",
)
_PICTURES = "Images of {data}, pooled, rebuilt by a linear probe, and what that lacks, a row for each operator."


def build_page(results: str | Path, overview: bool = False) -> Path:
    """Draw <results>/operators/tables into figures, report.md and report.html; returns the page's path.

    overview: whether index.html is being written too; else the page links to it where it is there. Raises
    PoolscopeError where there are no tables, or the folder can't be written.
    """
    folder = Path(results) / FOLDER
    tables = read_tables(folder)
    sections = []
    for name, figure in plot_all(tables).items():
        data = name.removeprefix("gallery_")
        title, caption = _SECTIONS.get(name) or (f"Reconstructions: {data}", _PICTURES.format(data=data))
        sections.append(Section(title, plots=(Plot(name, figure, caption),)))
    if len(tables["invariance"]):
        shown = pd.DataFrame(show_invariance(tables["invariance"]))
        sections.append(Section("Invariance to shifts before training", _INVARIANCE, table=shown))
    sections.append(Section("Measures", table=pd.DataFrame(show_rows(tables["operators"]))))
    trained = show_trained(results, tables["operators"])
    sections += [trained] if trained else []
    try:
        return write_document(folder, TITLE, SUMMARY, sections, overview=overview)[-1]
    except OSError as error:
        raise PoolscopeError(
            f"Can't write the page to {folder} ({error.strerror or error}); make the folder writable or choose another "
            f"with results=<folder>."
        ) from error
