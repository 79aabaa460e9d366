"""results/index.html: the claims and their ledger, every study in short, and links to all other pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from markdown_it import MarkdownIt
from markupsafe import Markup

from poolscope.reports import guide, operators
from poolscope.reports.document import Plot, Section
from poolscope.reports.pages import read_drawing, render_page
from poolscope.reports.study import Report
from poolscope.reports.verdicts import RULE, say_interim, show_claims
from poolscope.spec.paths import shipped
from poolscope.statistics.ledger import Ledger
from poolscope.store.files import write_text

_PARAGRAPHS = ("Question", "Hypothesis", "Hypotheses", "Caveats", "Caveats known beforehand")
_LEDGER = (
    "A line for each contrast: its effect in the direction that the hypothesis claims, in units of the smallest effect "
    "that matters (δ), with its interval. The band is (-δ, δ); n: seeds, or cases that are equal; t det.: the effect "
    "that a t test against 0 finds with probability 0.8 with so many seeds, which is not the power of the rule."
)


@dataclass(frozen=True)
class Link:
    """Another page: its address below results/, its title, and what it shows, with a drawing where there is one."""

    address: str
    title: str
    text: str
    drawing: str = ""  # an SVG file below results/


LINKS = (
    Link("guide/report.html", guide.TITLE, guide.SUMMARY, "guide/figures/effects.svg"),
    Link(
        "operators/report.html",
        operators.TITLE,
        operators.SUMMARY,
        "operators/figures/operators.svg",
    ),
    Link(
        "gallery/gallery.html",
        "Gallery of operators",
        "Every operator on the same two images: what comes out, what is lost, its impulse and frequency response.",
    ),
    Link(
        "benchmarks/report.html",
        "Speed",
        "Training with poolscope beside the same written plainly in Flax and PyTorch. Ratios are medians over rounds, "
        "bars their quartiles.",
        "benchmarks/figures/training.svg",
    ),
    Link(
        "explorer/index.html",
        "Explorer",
        "Type a matrix, step through its windows, follow the gradient, drag an image and watch the pooled map.",
    ),
)


def write_index(
    results: Path, ledger: Ledger, notes: Sequence[str], studies: Sequence[Report], others: Sequence[Report]
) -> Path:
    """Write <results>/index.html and return its path.

    Args:
        results: the folder of studies.
        ledger: the claims with their verdicts; its drawing is <results>/ledger/ledger.svg.
        notes: sentences on the ledger as a whole.
        studies: reports of studies that ask something (contrasts, or an analysis of their own).
        others: reports of further studies, which measure.
    """
    counts = show_claims(ledger)["contrasts"].tolist()
    claims = ledger.claims.to_dict("records")
    facts: dict[str, Any] = {
        "title": "What pooling does: the claims and what the studies say",
        "home": "",
        "claims": [
            row | {"look": classify(row["verdict"]), "count": count} for row, count in zip(claims, counts, strict=True)
        ],
        "ledger": read_drawing(results / "ledger" / "ledger.svg", "ledger", _LEDGER),
        "ledger_caption": _LEDGER,
        "notes": notes,
        "rule": RULE,
        "studies": [_describe_study(report) for report in studies],
        "others": [_describe_study(report) for report in others],
        "links": [_describe_link(results, link) for link in LINKS if (results / link.address).is_file()],
        "latex": (results / "latex" / "main.tex").is_file(),
    }
    page = results / "index.html"
    write_text(render_page("index.html", facts), page)
    return page


def classify(verdict: str) -> str:
    """The class of a verdict's colour on pages: supported, refuted, conditional or open."""
    if verdict.endswith("supported"):
        return "supported"
    return next((word for word in ("refuted", "conditional") if verdict.startswith(word)), "open")


def read_paragraphs(study: str) -> tuple[str, dict[str, Markup]]:
    """The title of a study's README, and its paragraphs that start in bold, as HTML without links, by that word."""
    path = shipped("experiments") / study / "README.md"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    title, paragraphs = study, {}
    for block in text.split("\n\n"):
        block = block.strip()
        if block.startswith("# "):
            title = block[2:].splitlines()[0]
        elif block.startswith("**") and block.count("**") >= 2:
            paragraphs[block[2:].split("**")[0].strip(" .:")] = _render(block)
        elif block and not block.startswith(("#", "|", "    ", "-")):
            paragraphs.setdefault("Question", _render(block))
    return title, paragraphs


def _describe_study(report: Report) -> dict[str, Any]:
    """What one study's part of the page shows."""
    title, paragraphs = read_paragraphs(report.study)
    sections = {section.title: section for section in report.analysis.sections}
    first = next(iter(report.analysis.sections), Section(""))
    decided = next((sections[name] for name in ("Verdicts", "Decisions") if name in sections), first)
    plots = [*decided.plots, *(sections["Comparison"].plots if "Comparison" in sections else ())]
    plots = list({plot.name: plot for plot in plots}.values())[:2]
    extra = report.analysis.extra
    return {
        "study": report.study,
        "title": title,
        "paragraphs": [paragraphs[name] for name in _PARAGRAPHS if name in paragraphs],
        "finding": paragraphs.get("Finding"),
        "table": decided.table,
        "notes": say_interim(extra["verdicts"]) if "verdicts" in extra else (),
        "protocol": sections["Protocol"].table if "Protocol" in sections else pd.DataFrame(),
        "plots": [_read_plot(report, plot) for plot in plots],
    }


def _read_plot(report: Report, plot: Plot) -> tuple[Markup, str]:
    path = report.folder / "figures" / f"{plot.name}.svg"
    return read_drawing(path, f"{report.study}-{plot.name}", f"{report.study}: {plot.caption}"), plot.caption


def _describe_link(results: Path, link: Link) -> dict[str, Any]:
    path = results / link.drawing
    drawing = read_drawing(path, link.drawing.partition("/")[0], link.text) if path.is_file() else None
    return {"address": link.address, "title": link.title, "text": link.text, "drawing": drawing}


def _render(block: str) -> Markup:
    """A paragraph of Markdown as HTML; links, which would lead nowhere from here, keep their words only."""
    reader = MarkdownIt("commonmark", {"html": False})
    tokens = reader.parseInline(block)
    for token in tokens:
        token.children = [part for part in token.children or () if part.type not in ("link_open", "link_close")]
    return Markup(reader.renderer.render(tokens, reader.options, {}))
