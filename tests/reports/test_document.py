"""A document: its pages hold every section, and link to the page over all studies only where there is one."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure
from page_checks import check_page

from poolscope.reports.document import Plot, Section, link_home, write_document


def write(folder: Path, **options: object) -> list[Path]:
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([0, 1])
    sections = [
        Section("First", ("A sentence with <angles>.",), pd.DataFrame({"arm": ["max | min"], "n": ["3"]})),
        Section("Second", plots=(Plot("line", figure, "A rising line. It is straight."),)),
    ]
    return write_document(folder, "Title", "Lead.", sections, **options)


def test_both_pages_hold_every_section(tmp_path: Path) -> None:
    paths = write(tmp_path / "made", warnings=["Mixed revisions."], damaged=["seed-1.json is damaged."])
    assert [path.name for path in paths] == ["line.svg", "line.png", "report.md", "report.html"]
    markdown, text = (path.read_text(encoding="utf-8") for path in paths[2:])
    page = check_page(text)
    assert page.find("svg")[0]["aria-label"] == "A rising line."
    assert "![A rising line.](figures/line.svg)" in markdown
    assert r"| max \| min | 3 |" in markdown
    assert "A sentence with &lt;angles&gt;." in text
    for page_text in (markdown, text):
        assert page_text.index("Mixed revisions.") < page_text.index("seed-1.json is damaged.")


def test_a_folded_section_shows_its_heading_until_it_is_opened(tmp_path: Path) -> None:
    table = pd.DataFrame({"arm": ["max", "min"]})
    paths = write_document(tmp_path, "Title", "Lead.", [Section("Long", ("About it.",), table, folded=True)])
    text = paths[-1].read_text(encoding="utf-8")
    check_page(text)
    heading, folded = text.index("Long</h2>"), text.index("<summary>Show 2 lines</summary>")
    assert heading < folded < text.index("About it.") < text.index("<td>min</td>") < text.index("</details>")


@pytest.mark.parametrize(("there", "overview", "linked"), [(0, 0, 0), (1, 0, 1), (0, 1, 1)])
def test_the_page_over_all_studies_is_linked_where_there_is_one(
    tmp_path: Path, there: bool, overview: bool, linked: bool
) -> None:
    if there:
        (tmp_path / "index.html").touch()
    assert link_home(tmp_path / "made", bool(overview)) == ("../index.html" if linked else "")
