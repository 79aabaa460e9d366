"""What every page must be: self-contained, without a dangling reference, and readable by those who can't see it."""

from __future__ import annotations

import itertools
import re
from html.parser import HTMLParser

_VOID = {"meta", "img", "br", "input", "hr", "link"}


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.source = text
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attributes}))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attributes}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def find(self, tag: str) -> list[dict[str, str]]:
        """The attributes of every such tag."""
        return [attributes for name, attributes in self.tags if name == tag]

    def links(self) -> list[str]:
        """Addresses of other files."""
        return [a["href"] for a in self.find("a") if not a["href"].startswith("#")]


def check_page(text: str) -> Page:
    """Assert what every page must be, and return it read."""
    page = Page(text)
    assert not page.open, f"left open: {page.open}"
    assert page.find("html")[0]["lang"] == "en"
    assert len(page.find("h1")) == 1
    headings = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in itertools.pairwise(headings)), headings

    names = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(names) == len(set(names)), {name for name in names if names.count(name) > 1}
    used = re.findall(r'href="#([^"]+)"', text) + re.findall(r"url\(#([^)]+)\)", text)
    assert set(used) <= set(names), set(used) - set(names)

    sources = [a["src"] for _, a in page.tags if "src" in a]
    assert all(source.startswith("data:image/") for source in sources)
    assert not {"link", "iframe", "object", "embed"} & {tag for tag, _ in page.tags}
    assert "@import" not in text
    assert not re.findall(r"url\((?!#)", text)
    assert not any(link.startswith(("http:", "https:", "/", "file:")) for link in page.links())

    for drawing in page.find("svg"):
        assert drawing.get("role") == "img", drawing
        assert len(drawing.get("aria-label", "")) > 3, drawing
    assert all(len(image.get("alt", "")) > 3 for image in page.find("img"))
    assert all(head.get("scope") in ("col", "row") for head in page.find("th"))
    return page
