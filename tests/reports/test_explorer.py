"""The explorer's facts: operators as declared, the same bytes each time, and a damaged page in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from page_checks import Page

from poolscope.reports import explorer
from poolscope.reports.explorer import build_page, describe_operators, read_computed, read_facts, read_template
from poolscope.reports.figures.style import style_operator
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.operators import OPERATORS

RESULTS = Path(__file__).resolve().parents[2] / "results"
BLOCK = '<script id="facts" type="application/json">{}</script>'


def test_operators_are_as_declared() -> None:
    described = {each["name"]: each for each in describe_operators(read_computed(read_template()))}
    assert {"none", "max", "max_blur", "spectral"} <= set(described)
    assert "conv_stride" not in described  # it acts through a convolution
    for name, facts in described.items():
        assert facts["look"] == style_operator(name)
        assert set(facts["options"]) <= set(OPERATORS[name].options)
    assert described["lp"]["options"]["p"] == {
        "kind": "Real",
        "default": 2.0,
        "help": "exponent",
        "fits": "a number from 1 to 1000",
        "least": 1,
        "most": 1000,
        "open": False,
    }
    assert described["soft"]["options"]["gradient"]["choices"] == ["full", "truncated"]
    assert "full" not in described["dpp"]["options"]  # its function takes a filter, not a switch
    assert described["gated"]["learned"] == {"kernel": ["h", "w"]}


def test_only_the_facts_are_exchanged_and_the_bytes_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"<html>{BLOCK}<script>a</script></html>"
    monkeypatch.setattr(explorer, "read_template", lambda: text)
    monkeypatch.setattr(explorer, "list_evidence", lambda results: [{"study": "</script><b>"}])
    first = build_page(tmp_path).read_bytes()
    assert build_page(tmp_path).read_bytes() == first
    page = first.decode()
    assert page.startswith("<html><script") and page.endswith("</script><script>a</script></html>")
    assert len(Page(page).find("script")) == 2  # what a study is called can't end the block
    assert read_facts(page)["studies"] == [{"study": "</script><b>"}]


@pytest.mark.parametrize(("text", "said"), [(None, "can't be read"), ("<html></html>", "is damaged")])
def test_a_damaged_page_is_named(text: str | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explorer, "shipped", lambda folder: tmp_path)
    if text is not None:
        (tmp_path / "index.html").write_text(text, encoding="utf-8")
    with pytest.raises(PoolscopeError, match=said):
        read_template()


def test_the_committed_page_is_up_to_date_with_the_catalogue() -> None:
    facts = read_facts((RESULTS / "explorer" / "index.html").read_text(encoding="utf-8"))
    assert facts["operators"] == describe_operators(read_computed(read_template()))
