"""The shipped explorer in a real browser: used at three widths, light and dark, and checked by axe."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from node import find_node, run_node

CHECKOUT = Path(__file__).resolve().parents[1]
HOME = CHECKOUT / "explorer"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)


@pytest.mark.long
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.skipif(find_node() is None, reason="needs Node.js")
@pytest.mark.skipif(not (HOME / "node_modules").is_dir(), reason="needs what `make explorer` installs")
def test_the_page_works_for_everyone() -> None:
    found = run_node(HOME / "drive.mjs", CHECKOUT / "results" / "explorer" / "index.html", str(CHROMIUM))
    assert found["checks"] > 100
    assert found["rules"] > 500  # axe looked
    assert found["problems"] == []
    assert found["messages"] == []
    assert found["violations"] == []
    assert found["requests"] == []
