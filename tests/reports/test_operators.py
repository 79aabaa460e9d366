"""The page of operators on raw images, drawn from the committed tables."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest
from page_checks import check_page

from poolscope.reports.operator_tables import read_table
from poolscope.reports.operators import build_page
from poolscope.spec.errors import PoolscopeError

TABLES = Path(__file__).resolve().parents[2] / "results" / "operators" / "tables"


@pytest.mark.usefixtures("undrawn")
def test_the_page_shows_every_figure_and_the_measures(tmp_path: Path) -> None:
    shutil.copytree(TABLES, tmp_path / "operators" / "tables")
    page = build_page(tmp_path, overview=True)
    text = page.read_text(encoding="utf-8")
    drawings = check_page(text).find("svg")
    assert len(drawings) == len(list((tmp_path / "operators" / "figures").glob("*.svg"))) == 6
    assert 'href="../index.html"' in text
    assert text.count("<td>max_blur</td>") >= 2


@pytest.mark.usefixtures("undrawn")
def test_where_no_image_could_be_rebuilt_the_page_lacks_only_that(tmp_path: Path) -> None:
    """As `poolscope measure` leaves the tables of very few training images."""
    tables = tmp_path / "operators" / "tables"
    shutil.copytree(TABLES, tables)
    (tables / "gallery.csv").unlink()
    operators = read_table(tables / "operators.csv")
    operators.assign(r2_global=math.nan, efficiency=math.nan).to_csv(tables / "operators.csv", index=False)
    text = build_page(tmp_path).read_text(encoding="utf-8")
    assert len(check_page(text).find("svg")) == 3
    assert "Reconstructions" not in text and "Size against" not in text


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(PoolscopeError, match="no operators table"):
        build_page(tmp_path)
