"""The shipped explorer: up to date with its sources, self-contained, and with the arithmetic of the JAX operators."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from node import find_node, run_node
from page_checks import Page
from representatives import REPRESENTATIVES

from poolscope.pooling import POOLS
from poolscope.reports.explorer import read_computed, read_template

CHECKOUT = Path(__file__).resolve().parents[1]
PAGE = CHECKOUT / "results" / "explorer" / "index.html"
SUPPORT = CHECKOUT / "tests" / "support"
ALL = read_computed(read_template()) & set(POOLS)
MOST_BYTES = 3_000_000

needs_node = pytest.mark.skipif(find_node() is None, reason="needs Node.js")


@pytest.fixture(scope="module")
def text() -> str:
    return PAGE.read_text(encoding="utf-8")


def test_the_page_is_built_from_its_sources(text: str) -> None:
    home = CHECKOUT / "explorer"
    sources = [path.relative_to(home).as_posix() for path in (home / "src").rglob("*") if path.is_file()]
    sources += ["build.mjs", "images.json", "package.json", "page.html"]
    digest = hashlib.sha256()
    for name in sorted(sources):
        digest.update(f"{name}\n".encode() + (home / name).read_bytes())
    assert f'<meta name="sources" content="{digest.hexdigest()[:16]}">' in text, "run make explorer"


def test_the_page_needs_nothing_else(text: str) -> None:
    assert len(text.encode()) < MOST_BYTES
    page = Page(text)
    assert page.find("html")[0]["lang"] == "en"
    assert not {"link", "iframe", "img"} & {tag for tag, _ in page.tags}
    assert all("src" not in attributes for attributes in page.find("script"))
    (policy,) = [each["content"] for each in page.find("meta") if each.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")  # the browser itself refuses anything from elsewhere
    assert set(re.findall(r"https?://[^\s\"'`)]+", text)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
        "http://www.w3.org/XML/1998/namespace",
        "http://www.w3.org/1999/xhtml",
        "http://www.w3.org/1998/Math/MathML",
    }


def test_no_source_is_longer_than_400_lines() -> None:
    files = [
        path for pattern in ("src/**/*.ts*", "src/*.css", "*.mjs") for path in (CHECKOUT / "explorer").glob(pattern)
    ]
    assert len(files) > 30
    assert [path.name for path in files if len(path.read_text(encoding="utf-8").splitlines()) > 400] == []


def make_cases(folder: Path, count: int, *operators: str) -> Path:
    """Cases from JAX in double precision, made in a process of its own."""
    path = folder / "cases.json"
    environment = {**os.environ, "JAX_ENABLE_X64": "1", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, str(SUPPORT / "explorer_cases.py"), str(count), str(path), "0", *operators]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return path


def check_cases(path: Path) -> dict[str, Any]:
    report: dict[str, Any] = run_node(SUPPORT / "check_explorer.mjs", PAGE, path)
    return report


def assert_agreement(path: Path, count: int, operators: set[str]) -> None:
    report = check_cases(path)
    assert report["cases"] >= count
    assert report["failed"] == []
    assert report["worst"] <= 1e-5
    assert set(report["operators"]) == operators


FEW = ALL & set(REPRESENTATIVES)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few cases of an operator of each module."""
    return make_cases(tmp_path_factory.mktemp("few"), 100, *sorted(FEW))


@needs_node
def test_operators_and_gradients_are_those_of_jax(few: Path) -> None:
    assert len(FEW) > 10
    assert_agreement(few, 100, FEW)


@needs_node
def test_a_wrong_value_or_gradient_is_found(few: Path, tmp_path: Path) -> None:
    groups = json.loads(few.read_text(encoding="utf-8"))
    for number, part in enumerate(("outputs", "gradients")):
        array = np.frombuffer(base64.b64decode(groups[number][part])).copy()
        array[-1] += 1e-3
        groups[number][part] = base64.b64encode(array.tobytes()).decode()
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(groups[:3]), encoding="utf-8")
    assert [each["name"] for each in check_cases(path)["failed"]] == [group["name"] for group in groups[:2]]


@needs_node
@pytest.mark.long
def test_five_thousand_cases_agree(tmp_path: Path) -> None:
    assert len(ALL) >= 47
    assert_agreement(make_cases(tmp_path, 5000), 5000, ALL)
