"""The gallery's page, drawn from the committed tables; what its tables hold is tested where they are measured."""

from __future__ import annotations

from pathlib import Path

import pytest
from gallery_tables import copy_gallery
from page_checks import check_page

from poolscope.reports.gallery import build_page


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of three operators, in a results folder without an index."""
    results = tmp_path_factory.mktemp("results")
    copy_gallery(results, "none", "max", "conv_stride")
    return build_page(results)


def test_the_page_can_be_read_by_everyone(page: Path) -> None:
    read = check_page(page.read_text(encoding="utf-8"))
    assert len(read.find("article")) == 3
    assert read.links() == ["tables/operators.csv"]


def test_a_family_has_its_heading_and_its_picture(page: Path) -> None:
    text = page.with_suffix(".md").read_text(encoding="utf-8")
    assert "## Extremes" in text
    assert "](figures/extremes.png)" in text
    assert (page.parent / "figures" / "extremes.png").is_file()
