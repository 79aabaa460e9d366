"""A study for a paper: a table, a figure and the values behind them, as LaTeX, PDF, CSV, Parquet or Markdown."""

from __future__ import annotations

import importlib
import importlib.util
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from poolscope.reports.figures.files import save_figure, save_pdf
from poolscope.reports.figures.paper import make_style
from poolscope.reports.latex import escape_latex
from poolscope.reports.paper_tables import (
    write_caption,
    write_figure_caption,
    write_latex,
    write_learning_caption,
    write_markdown,
    write_typst,
)
from poolscope.spec.errors import PoolscopeError, describe_install
from poolscope.statistics.selection import Selection
from poolscope.statistics.tables import Tables, write_csv
from poolscope.store.cells import show_statistic
from poolscope.store.files import open_whole, write_text


@dataclass(frozen=True)
class Export:
    """What is written of a study: a selection, its figure (None for none; curves: what it shows) and its font."""

    study: str
    tables: Tables
    selection: Selection
    figure: Figure | None
    font: str = "serif"
    curves: bool = False

    @property
    def below(self) -> str:
        """The figure's caption."""
        return write_learning_caption(self.selection) if self.curves else write_figure_caption(self.selection)

    @property
    def stem(self) -> str:
        """How the names of the files begin: <study>-<metric>."""
        return f"{self.study}-{self.selection.metric}"


def write_export(export: Export, form: str, folder: Path, force: bool = False) -> list[Path]:
    """Write an export in one of FORMS to a folder; returns the files.

    Raises:
        PoolscopeError: where a file exists and `force` is false, before anything is written, or a library is missing.
    """
    names = list_files(export, form)
    existing = [folder / name for name in names if (folder / name).exists()]
    if existing and not force:
        more = f" and {len(existing) - 1} more" if len(existing) > 1 else ""
        raise PoolscopeError(
            f"{existing[0]}{more} would be lost; overwrite with --force, or write elsewhere with --out."
        )
    folder.mkdir(parents=True, exist_ok=True)
    FORMS[form][1](export, folder)
    return [folder / name for name in names]


def list_files(export: Export, form: str) -> list[str]:
    """List the names of the files that a form has."""
    return [export.stem + end for end in FORMS[form][0] if export.figure is not None or not end.startswith("-figure")]


def _write_latex(export: Export, folder: Path) -> None:
    stem, caption = export.stem, write_caption(export.selection)
    texts = {f"{stem}-table.tex": write_latex(export.selection, caption, stem)}
    inputs = [rf"\input{{{stem}-table}}"]
    if export.figure is not None:
        save_pdf(export.figure, folder, f"{stem}-figure", make_style(export.font))
        lines = [r"\begin{figure}[htb]", r"\centering", rf"\includegraphics{{{stem}-figure}}"]
        lines += [rf"\caption{{{escape_latex(export.below)}}}", rf"\label{{fig:{stem}}}", r"\end{figure}"]
        texts[f"{stem}-figure.tex"] = "\n".join(lines) + "\n"
        inputs.append(rf"\input{{{stem}-figure}}")
    packages = ("[utf8]{inputenc}", "[T1]{fontenc}", "{booktabs,graphicx}", "[margin=.8in]{geometry}")
    head = [r"\documentclass{article}", *(rf"\usepackage{package}" for package in packages), r"\begin{document}"]
    texts[f"{stem}.tex"] = "\n".join([*head, *inputs, r"\end{document}", ""])
    for name, text in texts.items():
        write_text(text, folder / name)
    _write_values(export, folder)


def _write_pdf(export: Export, folder: Path) -> None:
    if importlib.util.find_spec("typst") is None:
        raise PoolscopeError(f"--to pdf needs Typst: {describe_install('pdf')}; or take --to latex and compile it.")
    typst, stem = importlib.import_module("typst"), export.stem
    with tempfile.TemporaryDirectory() as place:
        picture = ""
        if export.figure is not None:
            picture = save_pdf(export.figure, place, f"{stem}-figure", make_style(export.font)).name
        page = Path(place) / "page.typ"
        title = f"{export.study}: {export.selection.words}"
        write_text(write_typst(export.selection, title, write_caption(export.selection), picture, export.below), page)
        content: bytes = typst.compile(str(page))
        with open_whole(folder / f"{stem}.pdf") as file:
            file.write(content)
        if picture:
            with open_whole(folder / picture) as file:
                file.write((Path(place) / picture).read_bytes())
    _write_values(export, folder)


def _write_markdown(export: Export, folder: Path) -> None:
    picture = ""
    if export.figure is not None:
        save_figure(export.figure, folder, f"{export.stem}-figure", ("svg",), make_style(export.font))
        picture = f"{export.stem}-figure.svg"
    text = write_markdown(export.selection, write_caption(export.selection), picture, export.below)
    write_text(text, folder / f"{export.stem}.md")
    _write_values(export, folder)


def _write_values(export: Export, folder: Path) -> None:
    write_csv(export.selection.values, folder / f"{export.stem}-values.csv", show_statistic)


def _write_csv(export: Export, folder: Path) -> None:
    write_csv(export.selection.summary, folder / f"{export.stem}.csv", show_statistic)
    write_csv(export.tables.runs, folder / f"{export.stem}-runs.csv")
    write_csv(export.tables.curves, folder / f"{export.stem}-curves.csv")
    _write_values(export, folder)


def _write_parquet(export: Export, folder: Path) -> None:
    frames: dict[str, pd.DataFrame] = {"": export.selection.summary, "-values": export.selection.values}
    frames |= {"-runs": export.tables.runs, "-curves": export.tables.curves}
    for end, frame in frames.items():
        with open_whole(folder / f"{export.stem}{end}.parquet") as file:
            frame.to_parquet(file, index=False)


FORMS: dict[str, tuple[tuple[str, ...], Callable[[Export, Path], None]]] = {  # ends of the files' names, and who writes
    "latex": ((".tex", "-table.tex", "-figure.tex", "-figure.pdf", "-values.csv"), _write_latex),
    "pdf": ((".pdf", "-figure.pdf", "-values.csv"), _write_pdf),
    "csv": ((".csv", "-runs.csv", "-curves.csv", "-values.csv"), _write_csv),
    "parquet": ((".parquet", "-runs.parquet", "-curves.parquet", "-values.parquet"), _write_parquet),
    "markdown": ((".md", "-figure.svg", "-values.csv"), _write_markdown),
}
