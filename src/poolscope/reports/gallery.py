"""The gallery's page: a card for each operator and a reference table, drawn from tables alone."""

from __future__ import annotations

from pathlib import Path

from poolscope.reports.document import link_home
from poolscope.reports.figures.files import save_figures
from poolscope.reports.figures.gallery import LOSS, plot_family, show_picture
from poolscope.reports.gallery_cards import make_card, tabulate_operators
from poolscope.reports.gallery_tables import read_gallery
from poolscope.reports.pages import render_page
from poolscope.spec.errors import PoolscopeError
from poolscope.store.files import write_text

FAMILIES = {
    "reference": "Reference",
    "extremes": "Extremes",
    "averages": "Averages",
    "norms": "Norms and means between average and max",
    "blends": "Blends of max and average",
    "ranks": "Sorted windows",
    "sampling": "One cell of the window",
    "blur": "Anti-aliased",
    "phases": "Polyphase components",
    "spectral": "Spectra",
    "weighted": "Weighted by what the window holds",
    "learned": "Learned weights and lifting",
    "grids": "Bins, random regions and grids",
    "strided": "Convolutions with a stride",
    "heads": "Whole maps",
    "other": "Others",
}
MEASURES = (
    (
        "Lost",
        "The image less what the best linear probe rebuilds from the output, blue where the image is brighter; full "
        f"colour at {LOSS:g} of the grey range. For the photograph the probe sees 3x3 outputs and rebuilds the middle "
        "one's cell; it was fitted on patches of both of scikit-learn's photographs. For the digit it sees the "
        "whole output; it was fitted on other digits.",
    ),
    (
        "Linear probes recover",
        "R², the share of the variance that those probes rebuild on patches and digits that they were not fitted on: "
        "what the output still holds, whatever its scale. 1 is all of it, 0 no more than the mean.",
    ),
    (
        "Impulse response",
        "An output's answer to a single 1 on a map of zeros, less its answer to nothing, by where that 1 lies; the "
        "frame is the output's window. Blue is positive, orange negative. A quarter of the sum is the mean answer to a "
        "1 somewhere in the window. Of an operator that isn't linear this says little about other maps.",
    ),
    (
        "Gain at each frequency",
        "Root of the ratio of output to input energy for waves 0.5 + 0.5 cos(2πfx + phase), over all phases; dashed: "
        "the part that is still the same wave, the rest is distortion. Above ¼ cycle per pixel, the Nyquist frequency "
        "of the output, whatever passes is taken for a lower frequency.",
    ),
    (
        "Aliasing",
        "Share of the varying energy that the operator at stride 1, on the photograph without edges, has above the "
        "output's Nyquist frequency, and that subsampling folds onto lower ones. Only where the operator is a stride-1 "
        "operator and a fixed subsampling.",
    ),
    (
        "Shift error",
        "The output of the photograph shifted by a pixel on a torus, against its output shifted by 0, ½ or 1 cell "
        "(whichever is nearest), relative to the output's spread. Equivariant means at most 0.05.",
    ),
    (
        "Gain on a constant",
        "What a constant positive map is multiplied by: the catalogue's formula, where it has one, and as measured.",
    ),
    (
        "Cost",
        "FLOPs that XLA counts for one evaluation of the photograph on a CPU, for each number that comes out: "
        "comparisons count, copies don't.",
    ),
    (
        "Gradient",
        "Share of the photograph's numbers that get a gradient in training when every output has one.",
    ),
    (
        "Training and evaluation",
        "Root mean square difference of one random draw, and of the mean of 64 draws, from the evaluated output, in "
        "standard deviations of the latter. Where evaluation is the expectation, the second is about an eighth of the "
        "first.",
    ),
)


def build_page(results: str | Path, overview: bool = False) -> Path:
    """Read <results>/gallery/tables and write gallery.html (self-contained), gallery.md and figures beside them.

    overview: whether index.html is being written too; else the page links to it where it is there. Raises
    PoolscopeError where a table is missing, or the folder can't be written.
    """
    folder = Path(results) / "gallery"
    gallery = read_gallery(folder / "tables")
    sections = {family: frame["name"].tolist() for family, frame in gallery.operators.groupby("family", sort=False)}
    sections = {family: sections[family] for family in sorted(sections, key=_place)}
    try:
        figures = {
            family: plot_family(gallery, names)
            for family, names in sections.items()
            if any((name, "photo") in gallery.maps for name in names)
        }
        save_figures(figures, folder / "figures", ("png",))  # mostly bitmaps: as SVG no sharper, and as large
        facts = {
            "sections": [
                (family, FAMILIES.get(family, family), [make_card(gallery, name) for name in names])
                for family, names in sections.items()
            ],
            "reference": tabulate_operators(gallery.operators),
            "photo": show_picture(gallery.maps["", "photo"], "the photograph, 64x64 pixels"),
            "digit": show_picture(gallery.maps["", "digit"], "the digit, 8x8 pixels"),
            "measures": MEASURES,
            "loss": f"{LOSS:g}",
            "home": link_home(folder, overview),
        }
        for name in ("gallery.md", "gallery.html"):
            write_text(render_page(name, facts), folder / name)
    except OSError as error:
        raise PoolscopeError(
            f"Can't write the gallery to {folder} ({error.strerror or error}); make the folder writable or choose "
            f"another with --results."
        ) from error
    return folder / "gallery.html"


def _place(family: str) -> int:
    return list(FAMILIES).index(family) if family in FAMILIES else len(FAMILIES)
