"""Pages from templates: one environment with its filters, and drawings as parts of a page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from poolscope.reports.figures.style import WIDTH

_POINTS = 72  # an inch


def render_page(template: str, facts: Mapping[str, Any]) -> str:
    """The text of <template>.j2 filled with `facts`; a fact that the template needs and lacks is an error."""
    return _environment().get_template(f"{template}.j2").render(facts)


def inline_svg(svg: str, name: str, label: str) -> Markup:
    """An SVG file as an element of a page that holds several.

    Args:
        svg: the file's text, as `save_figure` writes it.
        name: put before every id, so that no two drawings of a page share one.
        label: alternative text, for those who can't see the drawing.
    """
    element = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL).strip()
    element = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", element)
    element = _number_repeated(element)
    width = re.match(r'<svg [^>]*?\bwidth="([\d.]+)pt"', element)
    share = min(100.0, 100 * float(width[1]) / (_POINTS * WIDTH)) if width else 100.0
    attributes = (
        f'<svg role="img" aria-label="{escape(label)}" style="width: {share:.4g}%; --share: {share / 100:.4g}" '
    )
    return Markup(element.replace("<svg ", attributes, 1))


def read_drawing(path: Path, name: str, caption: str) -> Markup:
    """The SVG file at `path` for a page; its alternative text is the first sentence of the caption."""
    return inline_svg(path.read_text(encoding="utf-8"), name, first_sentence(caption))


def first_sentence(text: str) -> str:
    """The text up to the first full stop that ends a sentence."""
    return re.split(r"(?<=[.])\s", text, maxsplit=1)[0]


def find_numeric(texts: pd.DataFrame) -> list[bool]:
    """Find which columns hold nothing but numbers (with signs, intervals and thousands separators)."""
    pattern = r"(?:[-+]?\d[\d.,]*(?: (?:±|to|of) [-+]?[\d.]+| \([-+]?[\d.]+ to [-+]?[\d.]+\))?|baseline|first|)"
    return [all(re.fullmatch(pattern, str(cell)) for cell in texts[column]) for column in texts]


def _number_repeated(element: str) -> str:
    """The SVG with every id once: Matplotlib gives equal images in one drawing the same, and refers to none of them."""
    seen: dict[str, int] = {}

    def rename(found: re.Match[str]) -> str:
        seen[found[1]] = count = seen.get(found[1], 0) + 1
        return found[0] if count == 1 else f'id="{found[1]}-{count}"'

    return re.sub(r'\bid="([^"]+)"', rename, element)


@cache
def _environment() -> Environment:
    """The templates, with the filters `numeric` (which columns hold numbers), `cell` (text of a Markdown cell) and
    `sentence` (the first one)."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=lambda name: bool(name) and ".html" in str(name),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["numeric"] = find_numeric
    environment.filters["cell"] = lambda text: str(text).replace("|", "\\|")
    environment.filters["sentence"] = first_sentence
    return environment
