"""results/explorer/index.html: the page on which operators, shifts and studies can be tried out.

The page is built once from `explorer/` (see its README) and shipped; here it gets the facts that other rooms own: the
catalogue of operators with their colours, the studies' runs and the ledger. It is its own template: only the block with
the facts is exchanged, so that the same tables give the same bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from poolscope import __version__
from poolscope.reports.document import link_home
from poolscope.reports.explorer_tables import list_claims, list_evidence
from poolscope.reports.figures.style import style_operator
from poolscope.reports.gallery import FAMILIES
from poolscope.spec.declaration import Choice, Operator, Option, Real, Sizes, Whole
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.operators import OPERATORS
from poolscope.spec.paths import shipped
from poolscope.store.files import RESTORE, write_text

_COMPUTED = re.compile(r'<meta name="operators" content="([^"]*)">')
_FACTS = re.compile(r'(<script id="facts" type="application/json">).*?(</script>)', re.DOTALL)


def build_page(results: str | Path, path: str | Path | None = None, overview: bool = False) -> Path:
    """Write the explorer with the studies under `results`, and return its path.

    Args:
        results: the folder of studies; where it has none, the page keeps the studies that it ships with.
        path: the file to write; <results>/explorer/index.html by default.
        overview: whether <results>/index.html is being written too; else the page links to it where it is there.

    Raises:
        PoolscopeError: where the shipped page is missing or damaged, or `path` can't be written.
    """
    usual = Path(results) / "explorer" / "index.html"
    page = Path(path) if path else usual
    template = read_template()
    operators = describe_operators(read_computed(template))
    facts = read_facts(template) | {"version": __version__, "operators": operators, "home": False}
    if studies := list_evidence(results):
        home = page == usual and bool(link_home(usual.parent, overview))
        facts |= {"studies": studies, "claims": list_claims(results), "home": home}
    block = json.dumps(facts, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    try:
        write_text(_FACTS.sub(lambda found: f"{found[1]}{block}{found[2]}", template, count=1), page)
    except OSError as error:
        raise PoolscopeError(
            f"Can't write the explorer to {page} ({error.strerror or error}); make the folder writable or name another "
            "file."
        ) from error
    return page


def read_template() -> str:
    """Read the shipped page."""
    path = shipped("results/explorer") / "index.html"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PoolscopeError(f"The explorer's page {path} can't be read; {RESTORE} and run make explorer.") from error
    if not _FACTS.search(text):
        raise PoolscopeError(f"The explorer's page {path} is damaged (it has no facts); {RESTORE}.")
    return text


def read_facts(page: str) -> dict[str, Any]:
    """The facts that a page holds."""
    found = _FACTS.search(page)
    facts: dict[str, Any] = json.loads(found[0][len(found[1]) : -len(found[2])]) if found else {}
    return facts


def read_computed(page: str) -> frozenset[str]:
    """The names of the operators that a page computes: those with a function in explorer/src/core/operators."""
    found = _COMPUTED.search(page)
    return frozenset(found[1].split()) if found else frozenset()


def describe_operators(computed: Collection[str]) -> list[dict[str, Any]]:
    """Describe the operators that the page computes, in the catalogue's order."""
    return [
        {
            "name": operator.name,
            "family": FAMILIES.get(operator.family, operator.family),
            "summary": operator.summary,
            "formula": operator.formula,
            "source": operator.source,
            "kind": operator.kind,
            "stochastic": operator.stochastic,
            "noStride1Form": operator.no_stride1_form,
            "stride": operator.stride,
            "gain": operator.gain,
            "learned": {name: list(rule.shape) for name, rule in operator.learned.items()},
            "options": {name: _describe_option(option) for name, option in _list_options(operator).items()},
            "look": style_operator(operator.name),
        }
        for operator in OPERATORS.values()
        if operator.name in computed
    ]


def _list_options(operator: Operator) -> dict[str, Option]:
    """What the operator's function takes and the page sets: not the dilation, which is the window's."""
    own = {name: option for name, option in operator.options.items() if not isinstance(option, Sizes)}
    return {name: option for name, option in own.items() if name in operator.keywords or name == "filter_size"}


def _describe_option(option: Option) -> dict[str, Any]:
    facts: dict[str, Any] = {"kind": type(option).__name__, "default": option.default, "help": option.help}
    if isinstance(option, Real | Whole):
        facts |= {"fits": option.describe(), "least": _finite(option.least), "most": _finite(option.most)}
        facts["open"] = isinstance(option, Real) and option.open
    if isinstance(option, Choice):
        facts["choices"] = list(option.choices)
    return facts


def _finite(number: float) -> float | None:
    return None if number in (float("inf"), float("-inf")) else number
