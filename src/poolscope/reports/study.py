"""A study's tables to its report: CSV, figures, report.md and a self-contained report.html, the same every time."""

from __future__ import annotations

import gc
import importlib.util
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from rich.table import Table
from rich.text import Text

from poolscope.reports.comparison import show_comparison
from poolscope.reports.document import Section, write_document
from poolscope.reports.pages import find_numeric
from poolscope.reports.runs import list_arm_runs, list_values
from poolscope.reports.sections import Analysis, add_verdicts, analyse_sweep
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import shipped, study_folder
from poolscope.statistics.arms import add_arms, check_baseline, filter_runs, find_varying
from poolscope.statistics.claims import find_contrasts
from poolscope.statistics.tables import (
    Tables,
    collect,
    tally_revisions,
    write_csv,
    write_tables,
)
from poolscope.store.cells import show_statistic
from poolscope.store.environment import publish_environment
from poolscope.store.files import read_csv
from poolscope.store.revisions import describe_revisions
from poolscope.store.sweep import read_sweep


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


@dataclass(frozen=True)
class View:
    """A part of a study, or another way to look at it.

    baseline: the arm or operator to compare with. where: conditions that runs must meet, such as "pool.window=2". by:
    keys whose values are compared apart.
    """

    baseline: str = "max"
    where: tuple[str, ...] = ()
    by: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """What it is, as typed."""
        baseline = (f"baseline={self.baseline}",) if self.baseline != "max" else ()
        return (*baseline, *self.where, *(f"by={key}" for key in self.by))

    @property
    def name(self) -> str:
        """A name for its folder."""
        return re.sub(r"[^\w.=+-]+", "-", "_".join(self.words), flags=re.ASCII)[:100]

    def choose(self, tables: Tables) -> Tables:
        """Choose the runs; raises PoolscopeError where a condition, a key or the baseline fits nothing."""
        runs = filter_runs(tables.runs, self.where)
        varying = find_varying(runs)
        if unknown := [key for key in self.by if key not in varying]:
            raise PoolscopeError(f"--by {unknown[0]}: these runs vary in {', '.join(varying) or 'nothing'}.")
        check_baseline(add_arms(runs, by=self.by), self.baseline)
        return replace(tables, runs=runs)


def build_report(
    results: str | Path,
    study: str,
    notify: Callable[[str], None] = print,
    overview: bool = False,
    view: View | None = None,
) -> Report:
    """Collect, analyse and write <results>/<study>/{tables/*.csv, figures/*.svg and .png, report.md, report.html}.

    Args:
        results: the folder of studies and records.
        study: the study's name.
        notify: called with a sentence for each damaged record.
        overview: whether index.html is being written too; else the page links to it where it is there.
        view: of the study, written to <results>/<study>/views/<name> by the general analysis; None: the study's report.

    Raises:
        PoolscopeError: where there is nothing to report, or the folder can't be written.
    """
    tables = collect(results, study)
    for sentence in tables.damaged:
        notify(f"Left out of the report: {sentence}")
    folder = study_folder(results, study)
    if view:
        tables, folder = view.choose(tables), folder / "views" / view.name
    try:
        with _without_collector():
            if view:
                analysis = analyse_sweep(tables, view.baseline, view.by)
            else:
                analysis = add_verdicts(load_analysis(study)(tables), tables, find_contrasts(study))
            analysis = _add_left_out(analysis, results, study)
            files = _write(folder, study, tables, analysis, overview, view)
    except OSError as error:
        raise PoolscopeError(
            f"Can't write the report to {folder} ({error.strerror or error}); make the folder writable or choose "
            f"another with results=<folder>."
        ) from error
    return Report(study, folder, analysis.comparison, tuple(files), tables.damaged, analysis)


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


def _add_left_out(analysis: Analysis, results: str | Path, study: str) -> Analysis:
    """The analysis with what sweeps left out as impossible, by what stands beside the records, else by the table."""
    left_out: tuple[tuple[str, str], ...] = ()
    with suppress(PoolscopeError):  # a damaged file of what was planned stops no report
        left_out = read_sweep(results, study).left_out
    if not left_out:
        rows = read_csv(study_folder(results, study) / "tables" / "left_out.csv", ("job", "reason"))
        left_out = tuple((row["job"], row["reason"]) for row in rows)
    if not left_out:
        return analysis
    table = pd.DataFrame(left_out, columns=["job", "reason"])
    section = Section("Left out", ("These jobs were asked for and can't be, so that they have no runs.",), table)
    return replace(analysis, sections=(*analysis.sections, section), extra={**analysis.extra, "left_out": table})


def _write(
    folder: Path, study: str, tables: Tables, analysis: Analysis, overview: bool, view: View | None
) -> list[Path]:
    files: list[Path] = []
    if view is None:
        files += write_tables(tables, folder / "tables")
        publish_environment(folder.parent, study)
    for name, frame in analysis.extra.items():
        files.append(folder / "tables" / f"{name}.csv")
        write_csv(frame, files[-1], show_statistic)
    labelled = add_arms(tables.runs, by=view.by if view else ())
    done = int((tables.runs["status"] == "done").sum())
    lead = f"{analysis.answer} " if analysis.answer else ""
    lead += (
        f"Study {study}: {done} of {len(tables.runs)} recorded runs finished. The tables behind every number: tables/."
    )
    lead += f" Only a view of it: {', '.join(view.words)}." if view else ""
    runs = {"arms": list_arm_runs(labelled), "values": list_values(labelled)}
    title = _read_title(study)
    mixture = describe_revisions(tally_revisions(tables.runs))
    return files + write_document(
        folder, title, lead, analysis.sections, [mixture] if mixture else [], tables.damaged, runs, overview
    )


def _read_title(study: str) -> str:
    """The first heading of the study's protocol, else its name."""
    path = shipped("experiments") / study / "README.md"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return next((line[2:].strip() for line in lines if line.startswith("# ")), study)
