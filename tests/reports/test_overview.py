"""`report all` over a made study: the ledger, one page and the LaTeX set, the same bytes when built again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from made_contrasts import FULL, write_contrasts
from made_records import make_config, make_record, write_study
from page_checks import check_page

import poolscope.reports.index
import poolscope.reports.overview
import poolscope.statistics.claims
import poolscope.statistics.tables
from poolscope.reports.explorer import read_facts
from poolscope.reports.overview import Overview, build_ledger, build_overview
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import shipped

MNIST = {**FULL, "where": {"data.name": "mnist"}, "arm": {"pool.name": "avg"}, "baseline": {"pool.name": "max"}}
README = """# Is it so?

**Question.** Does *this* matter, as [others](../../x.md) say, at <3 pixels?

**Finding** (10 seeds). It does.
"""


@contextmanager
def made_experiments(folder: Path) -> Iterator[None]:
    """The studies are those whose protocols are in a folder."""
    with pytest.MonkeyPatch.context() as patch:
        reading, counting = poolscope.reports, poolscope.statistics
        for module in (reading.index, reading.overview, counting.claims, counting.tables):
            patch.setattr(module, "shipped", lambda name: folder / name)
        yield


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Overview, dict[Path, bytes]]:
    folder = tmp_path_factory.mktemp("built")
    write_contrasts(folder / "experiments", MNIST)
    write_contrasts(folder / "experiments", {**MNIST, "id": "4a", "claim": 4}, study="waiting")
    (folder / "experiments" / "made" / "README.md").write_text(README, encoding="utf-8")
    claims = (shipped("experiments") / "claims.yaml").read_bytes()
    (folder / "experiments" / "claims.yaml").write_bytes(claims)
    results = folder / "results"
    write_study(
        results,
        [
            make_record(make_config(pool), seed, effect)
            for pool, effect in (("max", 0), ("avg", 0.1))
            for seed in range(3)
        ],
    )
    (results / "explorer").mkdir()
    (results / "explorer" / "index.html").touch()
    with made_experiments(folder):
        overview = build_overview(results, notify=str)
    return results, overview, {path: path.read_bytes() for path in overview.files}


def test_every_kind_of_file_is_written(built: tuple[Path, Overview, dict[Path, bytes]]) -> None:
    suffixes = {path.suffix for path in built[2]}
    assert suffixes == {".csv", ".md", ".svg", ".png", ".pdf", ".tex", ".bib", ".html"}


@pytest.mark.long
def test_everything_is_the_same_when_built_again(built: tuple[Path, Overview, dict[Path, bytes]]) -> None:
    results, _, contents = built
    with made_experiments(results.parent):
        again = build_overview(results, notify=str)
    assert {path: path.read_bytes() for path in again.files} == contents


def test_an_explorer_that_is_there_gets_the_studies(built: tuple[Path, Overview, dict[Path, bytes]]) -> None:
    results, _, contents = built
    facts = read_facts(contents[results / "explorer" / "index.html"].decode())
    assert [study["study"] for study in facts["studies"]] == ["made"]
    assert facts["home"] is True
    assert {claim["number"] for claim in facts["claims"]} >= {3, 4}
    assert '<a href="explorer/index.html">' in (results / "index.html").read_text(encoding="utf-8")


def test_the_ledger_has_studied_counted_and_waiting_contrasts(built: tuple[Path, Overview, dict[Path, bytes]]) -> None:
    results, _, _ = built
    verdicts = pd.read_csv(results / "ledger" / "verdicts.csv", dtype={"id": str}).set_index("id")
    assert verdicts.loc["3a", "n"] == 3
    assert verdicts.loc["4a", "verdict"] == "not reached"
    assert verdicts.loc["1.1", "verdict"] == "supported"
    claims = pd.read_csv(results / "ledger" / "claims.csv").set_index("number")
    assert claims.loc[4, "verdict"] == "not reached"
    text = (results / "ledger" / "ledger.md").read_text(encoding="utf-8")
    for statement in claims["statement"]:
        assert text.count(statement) == 2


def test_the_page_stands_alone_and_tells_the_studys_question(built: tuple[Path, Overview, dict[Path, bytes]]) -> None:
    results, overview, _ = built
    page = overview.page.read_text(encoding="utf-8")
    check_page(page)
    assert "<em>this</em> matter, as others say, at &lt;3 pixels?" in page
    assert "Is it so?" in page
    for link in re.findall(r'href="([^"#]+)"', page):
        assert (results / link).is_file(), link


def test_the_article_inputs_what_was_written(built: tuple[Path, Overview, dict[Path, bytes]]) -> None:
    results, _, _ = built
    article = (results / "latex" / "main.tex").read_text(encoding="utf-8")
    for name in re.findall(r"\\input\{(.*?)\}", article):
        assert r"\toprule" in (results / "latex" / f"{name}.tex").read_text(encoding="utf-8")
    figures = re.findall(r"\\includegraphics\[.*?\]\{(.*?)\}", article)
    assert figures[0] == "ledger"
    for name in figures:
        assert (results / "latex" / f"{name}.pdf").read_bytes().startswith(b"%PDF")


def test_without_any_study_there_is_nothing_to_report(tmp_path: Path) -> None:
    with pytest.raises(PoolscopeError, match="There is no study to report"):
        build_overview(tmp_path)


@pytest.mark.long
def test_the_ledger_alone_needs_no_runs(tmp_path: Path) -> None:
    ledger = build_ledger(str(tmp_path))
    assert set(ledger.verdicts["verdict"]) >= {"supported", "not reached"}
    assert (tmp_path / "ledger" / "ledger.svg").is_file()
