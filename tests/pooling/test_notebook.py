"""The library's notebook imports what it says it does, and runs."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import jax
import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "notebooks" / "pooling-library.md"
CELLS = re.findall(r"```\{code-cell\} python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
STANDARD = {"functools", "gzip", "importlib", "pathlib"}


def test_it_imports_jax_flax_and_the_library_alone() -> None:
    imported = set()
    for node in ast.walk(ast.parse("\n".join(CELLS))):
        if isinstance(node, ast.Import):
            imported |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(f"{node.module}.{node.names[0].name}" if node.module == "poolscope" else str(node.module))
    assert {name.partition(".")[0] for name in imported} - STANDARD == {"jax", "flax", "poolscope"}
    assert {name for name in imported if name.startswith("poolscope")} == {"poolscope.pooling"}


@pytest.mark.long  # half a minute; the site's build runs it too
def test_it_trains_and_exchanges() -> None:
    space: dict[str, object] = {}
    with jax.numpy_dtype_promotion("standard"):  # as its reader has it
        for cell in CELLS:
            exec(cell, space)
    score, exchanged = space["score"], space["exchanged"]
    assert isinstance(score, float) and score > 0.85
    assert exchanged == 4
