"""The gallery's tables are read back with their maps."""

from __future__ import annotations

from pathlib import Path

import pytest

from poolscope.reports.gallery_tables import TABLES, read_gallery
from poolscope.spec.errors import PoolscopeError

COMMITTED = Path(__file__).resolve().parents[2] / "results" / "gallery" / "tables"


def test_maps_have_the_size_and_the_range_that_their_row_gives() -> None:
    gallery = read_gallery(COMMITTED)
    photo, pooled = gallery.maps["", "photo"], gallery.maps["max", "photo"]
    assert photo.shape == (64, 64, 3)
    assert pooled.shape == (32, 32, 3)
    assert 0 <= photo.min() < photo.max() <= 1
    assert set(gallery.response["name"]) <= set(gallery.operators["name"])


@pytest.mark.parametrize("missing", TABLES)
def test_a_missing_table_is_named(tmp_path: Path, missing: str) -> None:
    for name in set(TABLES) - {missing}:
        (tmp_path / f"{name}.csv").write_bytes((COMMITTED / f"{name}.csv").read_bytes())
    with pytest.raises(PoolscopeError, match=rf"no table .*{missing}\.csv"):
        read_gallery(tmp_path)
