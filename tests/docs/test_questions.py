"""What the answers say in words holds in the committed ledger; where a verdict changes, it has to be rewritten."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from building.evidence import find_claim, find_contrast

QUESTIONS = Path(__file__).resolve().parents[2] / "docs" / "questions"
SAID = {  # contrast: page, what its words rest on
    "3a": ("effects.md", "supported"),
    "3e": ("effects.md", "refuted"),
    "18h": ("effects.md", "supported"),
    "18a": ("effects.md", "inconclusive"),
    "18m": ("effects.md", "inconclusive"),
    "18o": ("effects.md", "refuted-reversed"),
    "2h": ("effects.md", "inconclusive"),
    "2i": ("effects.md", "refuted-reversed"),
    "2b": ("effects.md", "supported"),
    "4v": ("effects.md", "supported"),
    "4u": ("effects.md", "refuted"),
    "4y": ("effects.md", "refuted"),
    "4o": ("effects.md", "refuted-reversed"),
    "4p": ("effects.md", "refuted-reversed"),
    "12l": ("effects.md", "inconclusive"),
    "12m": ("effects.md", "supported"),
    "12o": ("effects.md", "supported"),
    "12n": ("effects.md", "supported"),
    "12j": ("effects.md", "supported"),
    "16a": ("effects.md", "supported"),
    "12e": ("effects.md", "supported"),
    "7a": ("sizes.md", "inconclusive"),
    "7c": ("sizes.md", "supported"),
    "11c": ("sizes.md", "inconclusive"),
    "10a": ("network.md", "refuted"),
    "10b": ("network.md", "refuted"),
    "10k": ("network.md", "supported"),
}


@pytest.mark.parametrize("identity", SAID)
def test_the_words_of_an_answer_rest_on_the_verdict_that_the_ledger_has(identity: str) -> None:
    page, verdict = SAID[identity]
    found = find_contrast(identity)["verdict"]
    assert verdict in found, f"docs/questions/{page} must be rewritten: {identity} is {found} now"


@pytest.mark.parametrize("number", range(1, 20))
def test_every_claim_has_a_verdict_to_quote(number: int) -> None:
    assert find_claim(number)["verdict"] in ("supported", "refuted", "open", "not reached")


def test_there_are_twenty_questions_and_each_leads_to_its_answer() -> None:
    index = (QUESTIONS / "index.md").read_text()
    pages = "".join(page.read_text() for page in QUESTIONS.glob("*.md"))
    anchors = re.findall(r"^\| (\d+) \| \[[^]]+\]\(#([\w-]+)\)", index, re.M)
    assert [int(number) for number, _ in anchors] == list(range(1, 21))
    for _, anchor in anchors:
        answer = pages.partition(f"\n({anchor})=\n")[2].partition("\n(")[0]
        assert "```{run}" in answer, f"{anchor} has no command"
        assert re.search(r"show_\w+\(|Drawing\(", answer), f"{anchor} has no figure"
        assert re.search(r"```\{number\}|Box\(", answer), f"{anchor} has no number"
