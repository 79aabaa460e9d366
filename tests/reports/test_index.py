"""The page over all studies: what it takes from a study's README, and where its links go."""

from __future__ import annotations

from pathlib import Path

import pytest

from poolscope.reports import index
from poolscope.reports.index import LINKS, read_paragraphs

README = """# A title

The question, without a word in bold.

**Hypothesis.** That *it* [holds](elsewhere.md).

    code

- a list

**Finding** (n = 3). It does.
"""


def test_paragraphs_are_known_by_their_first_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "README.md").write_text(README, encoding="utf-8")
    monkeypatch.setattr(index, "shipped", lambda name: tmp_path)
    title, paragraphs = read_paragraphs("made")
    assert title == "A title"
    assert set(paragraphs) == {"Question", "Hypothesis", "Finding"}
    assert paragraphs["Hypothesis"] == "<strong>Hypothesis.</strong> That <em>it</em> holds."
    assert read_paragraphs("absent") == ("absent", {})


def test_drawings_of_links_are_committed() -> None:
    results = Path(__file__).resolve().parents[2] / "results"
    assert all((results / link.drawing).is_file() for link in LINKS if link.drawing)
