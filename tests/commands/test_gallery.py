"""`poolscope gallery`: measure, then build the page from the tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from gallery_tables import copy_gallery
from processes import run_command

pytestmark = pytest.mark.usefixtures("undrawn")


def test_operators_are_measured_and_the_page_is_built_from_the_tables(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copy_tables(folder: str, notify: Any, pools: list[str]) -> None:
        assert pools == []
        notify("max")
        copy_gallery(folder, "max")

    monkeypatch.setattr("poolscope.measures.responses.write_gallery", copy_tables)
    status, output, errors = run_command("gallery", f"results={results}")
    assert (status, errors) == (0, "measuring max\n")
    page = results / "gallery" / "gallery.html"
    assert output == f"Written to {page}\n"
    assert page.is_file()


def test_without_a_device_nothing_is_measured(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError("no device")

    monkeypatch.setattr("jax.default_backend", fail)
    status, output, errors = run_command("gallery", f"results={results}")
    assert (status, output, errors.count("\n")) == (2, "", 1)
    assert not results.exists()
