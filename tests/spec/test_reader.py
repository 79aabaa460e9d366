"""Declarations read from source text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from poolscope.spec.errors import PoolscopeError
from poolscope.spec.reader import Declared, read_declarations


@dataclass(frozen=True)
class Word:
    number: int = 0


def read(tmp_path: Path, text: str) -> list[Declared]:
    path = tmp_path / "mine.py"
    path.write_text(text)
    return list(read_declarations(path, "declare", {"Word": Word}))


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ('"a", 1', (("a", 1), {})),
        ("x=[1, (2, -3.5)]", ((), {"x": [1, (2, -3.5)]})),
        ("{'k': Word(3)}, y=Word(number=4)", (({"k": Word(3)},), {"y": Word(4)})),
        ("words.Word()", ((Word(),), {})),
    ],
)
def test_literals_and_the_vocabulary_s_classes(tmp_path: Path, arguments: str, wanted: Any) -> None:
    (found,) = read(tmp_path, f"import nothing_there\n@pkg.declare({arguments})\ndef f(x): 'What. It\\n\\nis.'\n")
    assert (found.arguments, found.keywords) == wanted
    assert (found.function, found.about, found.place) == ("f", "What. It", f"{tmp_path / 'mine.py'}, line 2")


def test_statements_and_the_function_s_keywords(tmp_path: Path) -> None:
    text = "declare(1)\nother(2)\n@declare(3)\n@cache\ndef f(x, y=0, *, p=2.0, q, r=len): ...\nclass C: ...\n"
    first, second = read(tmp_path, text)
    assert (first.arguments, first.function) == ((1,), "")
    assert second.defaults == {"p": 2.0, "q": ..., "r": ...}


@pytest.mark.parametrize(
    "text", ["declare(open('x'))", "declare(1 + x)", "declare(*z)", "declare(Word(2, 3))", "declare(\ndef ("]
)
def test_anything_else_is_refused_and_not_run(tmp_path: Path, text: str) -> None:
    with pytest.raises(PoolscopeError, match=r"mine\.py"):
        read(tmp_path, text)
