"""Pages: drawings as parts of them, which columns are numbers, and colours that can be read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from page_checks import check_page

from poolscope.reports.index import classify
from poolscope.reports.pages import first_sentence, inline_svg, render_page

RESULTS = Path(__file__).resolve().parents[2] / "results"
SVG = """<?xml version="1.0"?>
<svg xmlns="http://www.w3.org/2000/svg" width="259.2pt" height="10pt" viewBox="0 0 259.2 10">
 <metadata>made by</metadata>
 <g id="a"><use href="#b" clip-path="url(#c)"/><path id="b"/><clipPath id="c"/><image id="d"/><image id="d"/></g>
</svg>
"""


def test_a_drawing_brings_its_own_names_and_a_text_for_those_who_cannot_see_it() -> None:
    element = inline_svg(SVG, "one", 'Accuracy of "max" & more')
    assert element.startswith(
        '<svg role="img" aria-label="Accuracy of &#34;max&#34; &amp; more" style="width: 50%; --share: 0.5" '
    )
    assert "metadata" not in element
    assert re.findall(r'id="(.*?)"', element) == ["one-a", "one-b", "one-c", "one-d", "one-d-2"]
    assert 'href="#one-b"' in element
    assert "url(#one-c)" in element


def test_the_first_sentence_ends_at_its_full_stop() -> None:
    assert first_sentence("Gap of 0.5 points. More.") == "Gap of 0.5 points."
    assert first_sentence("no stop") == "no stop"


def test_a_missing_fact_is_an_error() -> None:
    with pytest.raises(Exception, match="title"):
        render_page("report.html", {"sections": ()})


@pytest.mark.parametrize("page", sorted(RESULTS.glob("**/*.html")), ids=lambda page: page.parent.name)
def test_committed_pages_hold_together(page: Path) -> None:
    if "explorer" in page.parts:
        pytest.skip("built from its own sources")
    links = check_page(page.read_text(encoding="utf-8")).links()
    missing = [link for link in links if not (page.parent / link.partition("#")[0]).exists()]
    assert not missing


def test_index_links_every_other_page() -> None:
    index = RESULTS / "index.html"
    linked = {(index.parent / link).resolve() for link in check_page(index.read_text(encoding="utf-8")).links()}
    pages = {path.resolve() for path in RESULTS.glob("*/*.html") if "quickstart" not in path.parts}
    assert pages <= linked


def _luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    channels = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1, 2], ids=["light", "dark", "print"])
def test_text_stands_out_as_wcag_aa_wants(scheme: int) -> None:
    css = (Path(__file__).parents[2] / "src/poolscope/reports/templates/page.css").read_text()
    colours = dict(re.findall(r"--([\w-]+): (#\w+);", re.findall(r":root \{(.*?)\}", css, re.DOTALL)[scheme]))
    for name in ("ink", "soft", "link", "supported", "refuted", "conditional", "open"):
        assert _contrast(colours[name], colours["paper"]) >= 4.5, name
    assert _contrast(colours["ink"], colours["notice"]) >= 4.5


@pytest.mark.parametrize(
    ("verdict", "look"),
    [
        ("supported", "supported"),
        ("strongly supported", "supported"),
        ("refuted-negligible", "refuted"),
        ("refuted", "refuted"),
        ("conditional", "conditional"),
        ("inconclusive", "open"),
        ("not reached", "open"),
    ],
)
def test_every_verdict_has_a_colour(verdict: str, look: str) -> None:
    assert classify(verdict) == look
