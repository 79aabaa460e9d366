"""The page of an operator: its parts, and that every source has a reference."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from building import operator_pages
from poolscope.spec.operators import OPERATORS

RESULTS = Path(__file__).resolve().parents[2] / "results"
OWN = [operator for operator in OPERATORS.values() if operator.has_layer and not operator.package]


def test_a_page_has_all_its_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator_pages, "OPERATORS", {"lp": OPERATORS["lp"]})
    (page,) = operator_pages.write_operator_pages(tmp_path / "pages", RESULTS)
    text = page.read_text(encoding="utf-8")
    for part in (
        "# lp\n\nLp norm",
        "## When its source recommends it\n\nWith features of several stages",
        "| `pool.p` |",
        "aliased share",
        "as a multiple of max's",
        "test accuracy after 2,000 images",
        "@inproceedings{sermanetetal2012,\n  author = {Sermanet",
    ):
        assert part in text
    pictures = re.findall(r"\]\((\S+\.svg)\)", text)
    assert pictures == ["lp-backward.svg", "lp-responses.svg"]
    assert all((page.parent / picture).stat().st_size > 1000 for picture in pictures)


@pytest.mark.parametrize("source", sorted({entry.source for entry in OWN} - {"control without pooling"}))
def test_every_source_has_a_reference(source: str) -> None:
    entry = operator_pages.find_reference(source)
    year = re.search(r"\d{4}", source)
    assert year and f"year = {{{year[0]}}}" in entry
    author = re.search(r"[A-Z][a-z]{1,3}", source)  # what comes before an accent
    assert author and author[0] in entry


def test_a_source_that_recommends_nothing_is_said_to() -> None:
    lines = operator_pages.describe_recommendation(OPERATORS["min"])
    assert lines[-1] == "No recommendation was found in Yamaguchi et al. 1990."


def test_an_operator_that_no_table_has_yet_keeps_its_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator_pages, "OPERATORS", {"max": OPERATORS["max"]})
    (page,) = operator_pages.write_operator_pages(tmp_path, tmp_path / "nothing")
    text = page.read_text(encoding="utf-8")
    assert "max-backward.svg" in text and "measured here" not in text and "responses" not in text
