"""Figures as files: SVG and PNG of the same drawing, PDF for LaTeX; the same figure gives the same bytes."""

from __future__ import annotations

import io
import logging
import os
import re
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from poolscope.process.cores import list_cores
from poolscope.process.interrupts import is_alone, leave_parent
from poolscope.reports.figures.style import RUN, STYLE, styled
from poolscope.store.files import open_whole


def save_figure(
    figure: Figure,
    folder: str | Path,
    name: str,
    kinds: Sequence[str] = ("svg", "png"),
    changes: Mapping[str, Any] | None = None,
) -> tuple[Path, ...]:
    """Write <folder>/<name>.svg (text stays text) and .png, or those of `kinds`, each whole or not at all.

    The panels are arranged once for both files; the figure can't be arranged again afterwards.
    """
    paths = _name_files(folder, name, kinds)
    Path(folder).mkdir(parents=True, exist_ok=True)
    with styled(changes), mpl.rc_context({"svg.hashsalt": f"poolscope {name}"}):
        _arrange(figure)
        for path in paths:
            with open_whole(path) as file:
                if path.suffix == ".svg":
                    text, facts = io.StringIO(), {"Date": None, "Creator": None, "Format": None, "Type": None}
                    FigureCanvasSVG(figure).print_svg(text, metadata=facts)
                    file.write(title_runs(number_names(text.getvalue())).encode())
                    figure.dpi = STYLE["figure.dpi"]  # as it was; Figure.savefig restores it, but draws all twice
                else:
                    FigureCanvasAgg(figure).print_png(file, metadata={"Software": None})
    return paths


def save_figures(
    figures: Mapping[str, Figure], folder: str | Path, kinds: Sequence[str] = ("svg", "png")
) -> list[Path]:
    """Write every figure as `save_figure` does, shared among the cores where processes can be forked.

    Returns the paths in the order of `figures`, each SVG before its PNG.
    """
    names = list(figures)
    shares = [names[first :: _count_workers()] for first in range(min(_count_workers(), len(names)))]
    children = [(share, _fork_save(figures, share, folder, kinds)) for share in shares[1:]]
    try:
        _save_share(figures, shares[0] if shares else (), folder, kinds)
    finally:
        statuses = [(share, os.waitpid(child, 0)[1]) for share, child in children]
    for share, status in statuses:
        if status:  # draw what a child could not here, so that the reason is raised where it is understood
            _save_share(figures, share, folder, kinds)
    return [path for name in names for path in _name_files(folder, name, kinds)]


def save_pdf(figure: Figure, folder: str | Path, name: str, changes: Mapping[str, Any] | None = None) -> Path:
    """Write <folder>/<name>.pdf, for LaTeX; `changes` to the house style as where the figure was drawn."""
    from matplotlib.backends.backend_pdf import FigureCanvasPdf  # slow to import, and seldom needed

    logging.getLogger("fontTools").setLevel(logging.ERROR)  # it finds the dates of Matplotlib's fonts odd
    path = Path(folder) / f"{name}.pdf"
    path.parent.mkdir(parents=True, exist_ok=True)
    with styled(changes):
        _arrange(figure)
        with open_whole(path) as file:
            FigureCanvasPdf(figure).print_pdf(file, metadata={"CreationDate": None, "Creator": None, "Producer": None})
    return path


def number_names(svg: str) -> str:
    """Number what Matplotlib names by a hash of its coordinates, whose last bits vary from processor to processor."""
    hashed = dict.fromkeys(re.findall(r'\bid="([^"]*[0-9a-f]{10})"', svg))
    numbered = {name: f"{name[:-10]}{number}" for number, name in enumerate(hashed, start=1)}
    return re.sub(r'(\bid="|href="#|url\(#)([^")]+)', lambda found: found[1] + numbered.get(found[2], found[2]), svg)


def title_runs(svg: str) -> str:
    """Give each point that stands for a run its title, which browsers show where the pointer rests on it.

    Such a point has an address from `axes.name_runs`; its group gets data-run="setting|arm|seed".
    """

    def title(found: re.Match[str]) -> str:
        *run, text = found[1].split("|")
        words = f"{', '.join(part for part in run[:-1] if part)}, seed {run[-1]}: {text}"
        return f'<g class="run" data-run="{"|".join(run)}"><title>{words}</title>'

    titled, points = re.subn(f'<a xlink:href="{RUN}([^"]*)"[^>]*>', title, svg)
    return titled.replace("</a>", "</g>") if points else svg


def _name_files(folder: str | Path, name: str, kinds: Sequence[str]) -> tuple[Path, ...]:
    return tuple(Path(folder) / f"{name}.{kind}" for kind in kinds)


def _arrange(figure: Figure) -> None:
    """Lay the panels out, at the resolution of the PNG, once: a drawing for a file need not do it again."""
    if (engine := figure.get_layout_engine()) is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")


def _save_share(figures: Mapping[str, Figure], names: Sequence[str], folder: str | Path, kinds: Sequence[str]) -> None:
    for name in names:
        save_figure(figures[name], folder, name, kinds)


def _fork_save(figures: Mapping[str, Figure], names: Sequence[str], folder: str | Path, kinds: Sequence[str]) -> int:
    """Save these figures in a forked process; returns its id. Its exit status is 0 where all were written."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of BLAS and Arrow, which wait and hold no lock
        child = os.fork()
    if child:
        return child
    status = 1
    try:
        leave_parent()
        _save_share(figures, names, folder, kinds)
        status = 0
    finally:
        os._exit(status)  # nothing of the parent's is cleaned up or flushed twice


def _count_workers() -> int:
    """Cores to draw on: 1 where a fork may be unsafe (not Linux, other Python threads, or JAX's)."""
    if sys.platform != "linux" or not is_alone() or "jax" in sys.modules:
        return 1
    return len(list_cores())
