from __future__ import annotations

from pathlib import Path

import pytest

from building.links import find_problems


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('<a href="other.html#there">x</a><a href="#here">y</a><p id="here"></p>', None),
        ('<a href="folder/">x</a>', None),
        ('<a href="https://example.org">x</a><img src="data:image/png;base64,">', None),
        ('<a href="gone.html">x</a>', "there is no gone.html"),
        ('<a href="other.html#gone">x</a>', "has no #gone"),
        ('<a href="#gone">x</a>', "it has no #gone"),
        ('<script src="https://cdn.example.org/x.js"></script>', "loads https"),
        ('<link rel="stylesheet" href="//cdn.example.org/x.css">', "loads //cdn"),
        ('<img src="gone.png">', "there is no gone.png"),
    ],
)
def test_a_link_leads_somewhere_and_nothing_is_loaded_from_elsewhere(
    body: str, problem: str | None, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "index.html").write_text("<p>")
    (tmp_path / "other.html").write_text('<p id="there">')
    (tmp_path / "page.html").write_text(body)
    problems = list(find_problems(tmp_path))
    assert len(problems) == (problem is not None)
    assert problem is None or problem in problems[0]
