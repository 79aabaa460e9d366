from __future__ import annotations

import re
from pathlib import Path

from building import reference
from poolscope import pooling
from poolscope.cli import MODULES
from poolscope.measures.columns import MEASUREMENTS
from poolscope.spec.config import SETTINGS
from poolscope.spec.operators import OPERATORS


def test_every_key_column_operator_and_command_has_its_place(tmp_path: Path) -> None:
    reference.write_reference(tmp_path)
    pages = {path.stem: path.read_text() for path in tmp_path.glob("*.md")}
    assert all(f"| `{key}` |" in pages["keys"] for key in SETTINGS)
    assert all(
        column.name.replace("|", "\\|") in pages["columns"] for one in MEASUREMENTS.values() for column in one.columns
    )
    assert all(f"\n### {name}\n" in pages["operators"] for name in OPERATORS)
    assert all(f"\n## poolscope {name}\n" in pages["commands"] for name in MODULES)
    documented = set(re.findall(r":: poolscope\.pooling\.(\w+)", pages["api"] + pages["operators"]))
    assert set(pooling.__all__) - documented == {"POOLS", "make_pool"}  # a mapping, and what the Hydra side calls


def test_tables_have_as_many_cells_in_each_row(tmp_path: Path) -> None:
    reference.write_reference(tmp_path)
    rows = [line for line in (tmp_path / "keys.md").read_text().splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {5}
