"""`poolscope explore`: where the page goes, that it opens, and what is no place for it."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import pytest
from made_records import make_config, make_record, write_study
from processes import run_command

from poolscope.commands.explore import open_page
from poolscope.reports.explorer import read_facts, read_template
from poolscope.statistics.tables import collect, write_tables


@pytest.fixture
def study(results: Path) -> Path:
    write_study(results, [make_record(make_config(pool), seed) for pool in ("max", "avg") for seed in (0, 1)])
    write_tables(collect(results, "made"), results / "made" / "tables")
    return results


def test_the_page_holds_the_studies_of_the_folder(study: Path) -> None:
    status, printed, errors = run_command("explore", f"results={study}")
    page = study / "explorer" / "index.html"
    assert (status, printed, errors) == (0, f"Written to {page}\n", "")
    facts = read_facts(page.read_text(encoding="utf-8"))
    assert [each["study"] for each in facts["studies"]] == ["made"]
    assert facts["claims"] == []
    assert facts["home"] is False  # there is no index.html to go to


def test_without_studies_it_is_the_page_that_ships(tmp_path: Path) -> None:
    page = tmp_path / "new" / "mine.html"
    assert run_command("explore", str(page), "--results", str(tmp_path / "none"))[0] == 0
    found, shipped = (read_facts(text) for text in (page.read_text(encoding="utf-8"), read_template()))
    assert found["studies"] == shipped["studies"]
    assert len(found["studies"]) > 5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["page.txt"], "file must be the name of an .html file, not 'page.txt'."),
        (["."], "file must be the name of an .html file, not '.'."),
        (["a.html", "b.html"], "unrecognized arguments: b.html"),
        (["file.txt/a.html"], "The folder file.txt can't be written (file.txt is no folder); choose another."),
    ],
)
def test_bad_places_get_one_sentence(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file.txt").write_text("not a folder")
    status, printed, errors = run_command("explore", *words)
    assert (status, printed) == (2, "")
    assert said in errors
    assert errors.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file.txt"]


@pytest.mark.parametrize("opens", [True, False])
def test_it_opens_the_file(
    opens: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: asked.append(address) or opens)
    open_page(tmp_path / "a page.html")
    assert asked == [(tmp_path / "a page.html").as_uri()]
    assert ("There is no browser" in capsys.readouterr().out) is not opens
