"""A document of sections: sentences, tables and figures, as report.md and a self-contained report.html."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from poolscope.reports.figures.files import save_figures
from poolscope.reports.pages import read_drawing, render_page
from poolscope.store.files import write_text


@dataclass(frozen=True)
class Plot:
    """A figure, the name of its files, and a caption that states n, interval, data and protocol.

    The caption's first sentence is the figure's alternative text.
    """

    name: str
    figure: Figure
    caption: str


@dataclass(frozen=True)
class Section:
    """A heading with sentences, then a table of texts, then figures. folded: closed until it is clicked."""

    title: str
    text: tuple[str, ...] = ()
    table: pd.DataFrame | None = None
    plots: tuple[Plot, ...] = ()
    folded: bool = False


def write_document(
    folder: Path,
    title: str,
    lead: str,
    sections: Sequence[Section],
    warnings: Sequence[str] = (),
    damaged: Sequence[str] = (),
    runs: Mapping[str, Any] | None = None,
    overview: bool = False,
) -> list[Path]:
    """Write <folder>/figures/*.svg and .png, report.md and report.html; returns their paths.

    Args:
        folder: of the study, or of whatever else the document is about.
        title: of the document.
        lead: the paragraph under the title.
        sections: what follows.
        warnings: sentences that stand out before all else.
        damaged: a sentence for each record that could not be read.
        runs: `arms` and `values` for the page's part on runs (`runs.py`); none for a document without runs.
        overview: whether index.html is being written too; else the page links to it where it is there.
    """
    plots = [plot for section in sections for plot in section.plots]
    files = save_figures({plot.name: plot.figure for plot in plots}, folder / "figures")
    facts = {
        "title": title,
        "lead": lead,
        "sections": sections,
        "warnings": warnings,
        "damaged": damaged,
        "drawings": {
            plot.name: read_drawing(folder / "figures" / f"{plot.name}.svg", plot.name, plot.caption) for plot in plots
        },
        "runs": runs,
        "home": link_home(folder, overview),
    }
    for name in ("report.md", "report.html"):
        files.append(folder / name)
        write_text(render_page(name, facts), files[-1])
    return files


def link_home(folder: Path, overview: bool) -> str:
    """The address of the page over all studies from a page in `folder`; nothing where there is none."""
    return "../index.html" if overview or (folder.parent / "index.html").is_file() else ""
