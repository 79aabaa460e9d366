"""Links of the built site: each leads to a file and an element of it, and nothing is loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    """What a page refers to (address, whether it is loaded with the page), and the names of its elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.references: list[tuple[str, bool]] = []
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        self.names |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.references.append((given["href"], False))
        elif tag in ("img", "script", "iframe", "source") and "src" in given:
            self.references.append((given["src"], True))
        elif tag == "link" and given.get("rel") in ("stylesheet", "icon", "search", "next", "prev"):
            self.references.append((given["href"], given["rel"] in ("stylesheet", "icon")))


def find_problems(site: Path) -> Iterator[str]:
    """A sentence for each reference of a page of `site` that leads nowhere, or that loads something from elsewhere."""

    @cache
    def read(path: Path) -> _Page:
        return _Page(path.read_text(encoding="utf-8"))

    for page in sorted(site.rglob("*.html")):
        for address, loaded in read(page).references:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                if loaded and parts.scheme != "data":
                    yield f"{page.relative_to(site)} loads {address}"
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                yield f"{page.relative_to(site)}: there is no {address}"
            elif parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in read(target).names:
                yield f"{page.relative_to(site)}: {parts.path or 'it'} has no #{parts.fragment}"
