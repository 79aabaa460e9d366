"""The repository's other pages (studies, rules, deviations, how to contribute) in the site, and links to its files.

Links of all pages stay as they are for readers of the repository; here they lead to the site's page of a file where
there is one, to the copy of results/, or, for any other file, nowhere: then only their words stay.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

DOCS = Path(__file__).resolve().parents[1]
CHECKOUT = DOCS.parent
FOLDER = "generated/repository"


@cache
def list_pages() -> Mapping[str, Path]:
    """The pages made of the repository's files: name in the site -> file."""
    files = [CHECKOUT / "CONTRIBUTING.md", CHECKOUT / "CHANGELOG.md", *sorted((CHECKOUT / "experiments").glob("*.md"))]
    files += sorted((CHECKOUT / "experiments").glob("*/README.md"))
    return {f"{FOLDER}/{_name(file)}": file for file in files}


def write_pages(folder: Path) -> None:
    """Copy each of these files into `folder` under its name in the site."""
    shutil.rmtree(folder / FOLDER, ignore_errors=True)
    for name, file in list_pages().items():
        page = folder / f"{name}.md"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(file.read_text(encoding="utf-8"), encoding="utf-8")


def copy_results(site: Path) -> None:
    """Copy the pages under results/, which are self-contained, and the tables and texts that they link to."""
    for file in (CHECKOUT / "results").rglob("*"):
        path = file.relative_to(CHECKOUT)
        wanted = file.suffix in (".html", ".csv", ".md", ".json", ".tex", ".bib") or file.name == "ledger.svg"
        if wanted and path.parts[1] != "runs":
            (site / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, site / path)


def find_address(page: str, file: Path, fragment: str) -> tuple[str, str] | None:
    """Where a link to a file of the repository leads: ("doc", name of a page), ("uri", address), or None for nowhere.

    Args:
        page: the page with the link, by its name in the site.
        file: the absolute path.
        fragment: the part behind #.
    """
    by_file = {path: name for name, path in list_pages().items()}
    if file in by_file:
        return "doc", by_file[file]
    if not file.is_relative_to(CHECKOUT / "results") or not (file.exists() or file.suffix == ".html"):
        return None
    twin = file.with_suffix(".html")
    file = twin if twin.is_file() else file
    end = f"#{fragment}" if fragment and file.suffix != ".html" else ""
    return "uri", "../" * page.count("/") + file.relative_to(CHECKOUT).as_posix() + end


class RepositoryLinks(SphinxTransform):
    """Lead links to files outside of docs/ to where the site has them."""

    default_priority: ClassVar[int] = 20

    def apply(self, **keywords: Any) -> None:
        for node in list(self._find_links()):
            file, fragment = self._find_target(node)
            if file.is_relative_to(DOCS) and self.env.docname not in list_pages():
                continue
            found = find_address(self.env.docname, file, fragment)
            if found is None:
                node.replace_self(node.children)
            elif found[0] == "doc":
                facts = {"refdomain": "doc", "reftype": "myst", "refdoc": self.env.docname, "reftarget": found[1]}
                facts |= {"reftargetid": fragment or None, "refexplicit": bool(node.astext())}
                node.replace_self(addnodes.pending_xref("", nodes.inline("", "", *node.children), **facts))
            else:
                node.replace_self(nodes.reference("", "", *node.children, refuri=found[1], internal=True))

    def _find_links(self) -> Iterator[Any]:
        for kind in (addnodes.pending_xref, addnodes.download_reference):
            for node in self.document.findall(kind):
                if node.get("reftype") == "myst" and not node["reftarget"].startswith("#"):
                    yield node

    def _find_target(self, node: Any) -> tuple[Path, str]:
        path, _, fragment = node["reftarget"].partition("#")
        if node.get("refdomain") == "doc":
            return (DOCS / path).with_name(f"{Path(path).name}.md").resolve(), node.get("reftargetid") or ""
        source = list_pages().get(self.env.docname, DOCS / f"{self.env.docname}.md")
        return (source.parent / path).resolve(), fragment


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before they are read, and register the links."""
    app.connect("builder-inited", lambda app: write_pages(Path(app.srcdir)))
    app.add_transform(RepositoryLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _name(file: Path) -> str:
    parts = file.relative_to(CHECKOUT).with_suffix("").parts
    return "-".join(part.lower() for part in parts if part != "README")
