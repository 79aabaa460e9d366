"""`poolscope report all`: every study redrawn, the claims ledger, one page over all of it, and the same for LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from poolscope.reports import explorer, gallery, guide, operators
from poolscope.reports.figures.files import save_figure, save_pdf
from poolscope.reports.figures.ledger import plot_verdicts
from poolscope.reports.image_sensitivity import say_image_errors, show_image_errors
from poolscope.reports.index import read_paragraphs, write_index
from poolscope.reports.latex import make_article, make_tabular
from poolscope.reports.pages import render_page
from poolscope.reports.rates import say_rates, say_untried, show_rates
from poolscope.reports.study import Report, build_report
from poolscope.reports.verdicts import (
    RESOLUTION,
    RULE,
    say_counts,
    say_facts,
    say_interim,
    say_pooled,
    say_registration,
    say_unresolved,
    say_where,
    show_claims,
    show_verdicts,
)
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import shipped
from poolscope.statistics.claims import find_contrasts, list_contrasts, read_claims
from poolscope.statistics.image_sensitivity import list_image_errors
from poolscope.statistics.ledger import Ledger, make_ledger
from poolscope.statistics.specification_curve import list_rates
from poolscope.statistics.tables import collect, list_studies, write_csv
from poolscope.statistics.untried_rates import find_untried
from poolscope.statistics.verdicts import judge_contrasts
from poolscope.store.cells import show_statistic
from poolscope.store.files import write_text

_NO_RUNS = pd.DataFrame({"digest": [], "seed": [], "status": []})


@dataclass(frozen=True)
class Overview:
    """What was written over all studies: the ledger, the page, and every file."""

    ledger: Ledger
    page: Path
    files: tuple[Path, ...]


def build_overview(results: str | Path, notify: Callable[[str], None] = print) -> Overview:
    """Redraw every study and write <results>/{ledger, latex, index.html}; the same tables give the same bytes.

    Studies are those with committed tables, and those with a protocol and records. Raises PoolscopeError where there is
    none. notify: called with what is being done.
    """
    results = Path(results)
    listed = list_studies(results)
    names = listed.loc[listed["committed"] | (listed["protocol"] & (listed["records"] > 0)), "study"].tolist()
    if not names:
        raise PoolscopeError(f"There is no study to report under {results}; train one first: poolscope list studies.")
    reports = []
    for name in names:
        notify(f"redrawing {name}")
        reports.append(build_report(results, name, notify, overview=True))
    for name, build_page in (("operators", operators.build_page), ("gallery", gallery.build_page)):
        if (results / name / "tables").is_dir():
            notify(f"redrawing {name}")
            build_page(results, overview=True)
    ledger = _judge_all([r.analysis.extra["verdicts"] for r in reports if "verdicts" in r.analysis.extra])
    shown = [report for report in reports if _is_study(report.study)]
    files = _write_ledger(results / "ledger", ledger, lambda study: collect(results, study).runs)
    files += _write_latex(results / "latex", ledger, shown)
    if (results / "guide").is_dir():
        notify("redrawing guide")
        files += guide.build_page(results, ledger.verdicts, overview=True)
    others = [report for report in reports if report not in shown]
    if (results / "explorer" / "index.html").is_file():
        notify("redrawing explorer")
        files.append(explorer.build_page(results, overview=True))
    files.append(write_index(results, ledger, _say_notes(ledger), shown, others))
    return Overview(ledger, files[-1], tuple(files))


def build_ledger(results: str | Path) -> Ledger:
    """Write <results>/ledger alone, from the tables and records of the studies that have contrasts."""
    judged, runs = [], {}
    existing = list_studies(results)
    with_runs = set(existing.loc[(existing["records"] > 0) | existing["committed"], "study"])
    for study in sorted({contrast.study for contrast in list_contrasts()} & with_runs):
        tables = collect(results, study)
        runs[study] = tables.runs
        judged.append(judge_contrasts(tables.runs, find_contrasts(study), tables.curves))
    ledger = _judge_all(judged)
    _write_ledger(Path(results) / "ledger", ledger, runs.__getitem__)
    return ledger


def _judge_all(judged: Sequence[pd.DataFrame]) -> Ledger:
    """The ledger of these verdicts, and of contrasts whose study has no runs yet."""
    reached = {study for frame in judged for study in frame["study"]}
    waiting = [contrast for contrast in list_contrasts() if contrast.study not in reached]
    return make_ledger(read_claims(), [*judged, judge_contrasts(_NO_RUNS, waiting)])


def _is_study(study: str) -> bool:
    """Whether a study asks something: it has contrasts or an analysis of its own."""
    return bool(find_contrasts(study)) or (shipped("experiments") / study / "analysis.py").is_file()


def _write_ledger(folder: Path, ledger: Ledger, read: Callable[[str], pd.DataFrame]) -> list[Path]:
    """The ledger's files; read: the runs table of a study."""
    files = [folder / "verdicts.csv", folder / "claims.csv", folder / "ledger.md"]
    write_csv(ledger.verdicts, files[0], show_statistic)
    write_csv(ledger.claims, files[1], show_statistic)
    files += save_figure(plot_verdicts(ledger.verdicts, ledger.claims), folder, "ledger")
    sections = [(claim, _of_claim(ledger, claim["number"]), *_say_claim(ledger, claim)) for claim in _list(ledger)]
    contrasts = list_contrasts()
    rates, errors = list_rates(contrasts), list_image_errors(ledger.verdicts, contrasts, read)
    for name, table in (("rates", rates), ("image_errors", errors)):
        files.append(folder / f"{name}.csv")
        write_csv(table, files[-1], show_statistic)
    facts = {"claims": show_claims(ledger), "sections": sections, "rule": RULE}
    facts["notes"] = (RESOLUTION, *_say_notes(ledger))
    untried = find_untried(contrasts, set(rates["id"]))
    about = (*say_rates(rates, ledger.verdicts), *say_untried(untried, rates, ledger.verdicts))
    facts |= {"rates": show_rates(rates), "about_rates": about}
    facts |= {"image_errors": show_image_errors(errors), "about_images": say_image_errors(errors)}
    write_text(render_page("ledger.md", facts), files[2])
    return files


def _list(ledger: Ledger) -> list[dict[str, Any]]:
    return ledger.claims.to_dict("records")


def _say_claim(ledger: Ledger, claim: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Where a claim holds and fails, and why some of its contrasts decide nothing."""
    counts = say_counts(claim)
    where = f"{counts[0].upper()}{counts[1:]}. {say_where(ledger, claim['number'])}"
    return where, say_facts(ledger, claim["number"])


_BESIDE = ("learning rate", "validation accuracy (%)")  # columns of a comparison that a printed page has no room for


def _write_latex(folder: Path, ledger: Ledger, reports: list[Report]) -> list[Path]:
    drawn: list[tuple[str, Figure]] = [("ledger", plot_verdicts(ledger.verdicts, ledger.claims))]
    tables = {"verdicts": make_tabular(show_claims(ledger), "The claims and their verdicts.", "claims")}
    tables["verdicts"] += make_tabular(_narrow(ledger.verdicts), f"Every contrast. {RULE}", "contrasts")
    parts: list[tuple[str, str, list[str]]] = [("The claims", "verdicts", ["ledger"])]
    for report in reports:
        study, analysis = report.study, report.analysis
        sections = {section.title: section.table for section in analysis.sections}
        tables[study] = "".join(
            make_tabular(
                table.drop(columns=list(_BESIDE), errors="ignore"),
                f"{study}: {name.lower()}.",
                f"{study}-{name.lower()}",
            )
            for name in ("Decisions", "Comparison", "Protocol")
            if (table := sections.get(name)) is not None
        )
        plots = [
            plot for section in analysis.sections for plot in section.plots if plot.name in ("verdicts", "accuracy")
        ]
        drawn += [(f"{study}-{plot.name}", plot.figure) for plot in plots]
        parts.append((read_paragraphs(study)[0], study, [f"{study}-{plot.name}" for plot in plots]))
    files = [save_pdf(figure, folder, name) for name, figure in drawn]
    bibliography = Path(__file__).parent / "templates" / "references.bib"
    texts = {f"{name}.tex": text for name, text in tables.items()}
    texts |= {"main.tex": make_article("What pooling does", parts)}
    texts |= {"references.bib": bibliography.read_text(encoding="utf-8")}
    for name, text in texts.items():
        files.append(folder / name)
        write_text(text, files[-1])
    return files


def _of_claim(ledger: Ledger, number: int) -> pd.DataFrame:
    return _narrow(ledger.verdicts[ledger.verdicts["claim"] == number])


def _narrow(verdicts: pd.DataFrame) -> pd.DataFrame:
    """The columns of the verdicts that a page has room for."""
    shown = show_verdicts(verdicts)
    columns = ["contrast", "hypothesis", "n", "effect (interval)", "δ", "p holds", "p fails", "verdict"]
    return shown.reindex(columns=[*columns, "t test detects"])


def _say_notes(ledger: Ledger) -> tuple[str, ...]:
    verdicts = ledger.verdicts
    return (
        *say_registration(verdicts),
        *say_interim(verdicts),
        *say_unresolved(verdicts),
        *say_pooled(ledger.claims, ledger.verdicts),
    )
