"""A study's tables to its report: CSV, figures, report.md and a self-contained report.html, the same every time."""

from __future__ import annotations

import gc
import importlib.util
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from rich.table import Table
from rich.text import Text

from poolscope.reports.figures.files import save_figures
from poolscope.reports.sections import Analysis, add_verdicts, analyse_sweep
from poolscope.reports.texts import find_numeric, show_comparison
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import shipped, study_folder
from poolscope.statistics.arms import add_arms
from poolscope.statistics.claims import find_contrasts
from poolscope.statistics.tables import Tables, collect, list_studies, tally_revisions, write_csv, write_tables
from poolscope.store.environment import publish_environment
from poolscope.store.files import write_text
from poolscope.store.revisions import describe_revisions

__all__ = ["Report", "build_report", "list_runs", "list_studies"]


@dataclass(frozen=True)
class Report:
    """What was written for a study. comparison: a row per setting and arm; damaged: records that could not be read."""

    study: str
    folder: Path
    comparison: pd.DataFrame
    files: tuple[Path, ...]
    damaged: tuple[str, ...]
    analysis: Analysis

    @property
    def exit_status(self) -> int:
        """0, or 1 where a damaged record is missing from the report."""
        return 1 if self.damaged else 0

    @property
    def table(self) -> Table:
        """The comparison, to be printed on a terminal."""
        return make_table(show_comparison(self.comparison), f"{self.study}: 95 % t intervals over n seeds")


def build_report(results: str | Path, study: str, notify: Callable[[str], None] = print) -> Report:
    """Collect, analyse and write <results>/<study>/{tables/*.csv, figures/*.svg and .png, report.md, report.html}.

    notify: called with a sentence for each damaged record. Raises PoolscopeError where there is nothing to report or
    the folder can't be written.
    """
    tables = collect(results, study)
    for sentence in tables.damaged:
        notify(f"Left out of the report: {sentence}")
    folder = study_folder(results, study)
    try:
        with _without_collector():
            analysis = add_verdicts(load_analysis(study)(tables), tables, find_contrasts(study))
            files = _write(folder, study, tables, analysis)
    except OSError as error:
        raise PoolscopeError(
            f"Can't write the report to {folder} ({error.strerror or error}); make the folder writable or choose "
            f"another with results=<folder>."
        ) from error
    return Report(study, folder, analysis.comparison, tuple(files), tables.damaged, analysis)


def list_runs(results: str | Path, study: str, notify: Callable[[str], None] = print) -> pd.DataFrame:
    """A row per run of a study: setting, arm, seed, status, test_accuracy, reason, digest.

    notify: called with a sentence for each damaged record.
    """
    tables = collect(results, study)
    for sentence in tables.damaged:
        notify(f"Left out: {sentence}")
    labelled = add_arms(tables.runs)
    columns = ["setting", "arm", "seed", "status", "test_accuracy", "reason", "digest"]
    return labelled.reindex(columns=columns)


def load_analysis(study: str) -> Callable[[Tables], Analysis]:
    """The function analyse of experiments/<study>/analysis.py where that is shipped, else `analyse_sweep`."""
    path = shipped("experiments") / study / "analysis.py"
    if not path.is_file():
        return analyse_sweep
    spec = importlib.util.spec_from_file_location(f"poolscope_study_{re.sub(r'[^0-9a-zA-Z]', '_', study)}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    analyse: Callable[[Tables], Analysis] = module.analyse
    return analyse


def make_table(texts: pd.DataFrame, title: str = "") -> Table:
    """A rich table of a frame of texts; columns that start with a digit or sign are aligned right."""
    table = Table(title=title or None, title_justify="left", header_style="bold")
    for column, numeric in zip(texts, find_numeric(texts), strict=True):
        table.add_column(str(column), justify="right" if numeric else "left", overflow="fold")
    for row in texts.itertuples(index=False):
        table.add_row(*(Text(str(cell)) for cell in row))
    return table


@contextmanager
def _without_collector() -> Iterator[None]:
    """Leave cyclic garbage for a few seconds: drawing makes many lasting objects, and walking them takes a tenth."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _write(folder: Path, study: str, tables: Tables, analysis: Analysis) -> list[Path]:
    files = write_tables(tables, folder / "tables")
    publish_environment(folder.parent, study)
    for name, frame in analysis.extra.items():
        files.append(folder / "tables" / f"{name}.csv")
        write_csv(frame, files[-1])
    figures = {plot.name: plot.figure for section in analysis.sections for plot in section.plots}
    files += save_figures(figures, folder / "figures")
    drawings = {
        name: inline_svg((folder / "figures" / f"{name}.svg").read_text(encoding="utf-8"), name) for name in figures
    }
    environment = make_environment()
    facts = {
        "study": study,
        "title": _read_title(study),
        "runs": len(tables.runs),
        "done": int((tables.runs["status"] == "done").sum()),
        "damaged": tables.damaged,
        "mixture": describe_revisions(tally_revisions(tables.runs)),
        "sections": analysis.sections,
        "drawings": drawings,
    }
    for name in ("report.md", "report.html"):
        files.append(folder / name)
        write_text(environment.get_template(f"{name}.j2").render(facts), files[-1])
    return files


def make_environment() -> Environment:
    """The templates, with the filters `numeric` (which columns hold numbers) and `cell` (text of a Markdown cell)."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=lambda name: bool(name) and ".html" in str(name),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["numeric"] = find_numeric
    environment.filters["cell"] = lambda text: str(text).replace("|", "\\|")
    return environment


def _read_title(study: str) -> str:
    """The first heading of the study's protocol, else its name."""
    path = shipped("experiments") / study / "README.md"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return next((line[2:].strip() for line in lines if line.startswith("# ")), study)


def inline_svg(svg: str, name: str) -> Markup:
    """An SVG file as an element of a page that holds several: no XML header, and no name that another one has."""
    element = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    element = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", element)
    return Markup(element.strip())
