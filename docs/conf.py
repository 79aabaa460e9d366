"""Sphinx's configuration; `make docs` builds the site in docs/_build/html, without anything from the network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util import logging

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
os.environ["PYTHONPATH"] = str(HERE)  # of the notebooks' kernels
os.environ.setdefault("JAX_PLATFORMS", "cpu")

from building.links import find_problems  # noqa: E402
from building.reference import write_reference  # noqa: E402
from building.repository import copy_results  # noqa: E402
from poolscope import __version__  # noqa: E402

project = "poolscope"
author = "The poolscope authors"
copyright = f"2026, {author}. Apache-2.0"
version = release = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "building.directives",
    "building.mathml",
    "building.repository",
]
exclude_patterns = ["_build", "building", "**/.ipynb_checkpoints"]
nitpicky = True
nitpick_ignore_regex = [(r"py:(class|exc)", r".*")]  # types in signatures, which have no page here
default_role = "code"  # of single backticks in docstrings

# Every cell runs at every build; one that fails fails the build.
nb_execution_mode = "force"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_merge_streams = True
nb_code_prompt_show = "How this was made"
nb_code_prompt_hide = "Hide it"
myst_enable_extensions = ["amsmath", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
myst_update_mathjax = False

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = "poolscope"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
templates_path = ["_templates"]
html_copy_source = False
html_show_sphinx = False
copybutton_prompt_text = r"\$ "
copybutton_prompt_is_regexp = True

_log = logging.getLogger(__name__)


def _write_operator_pages(app: Sphinx) -> None:
    """In a process of its own: JAX's threads must not be there when Sphinx forks its workers."""
    folders = [HERE / "generated" / "operator", HERE.parent / "results"]
    subprocess.run([sys.executable, "-m", "building.operator_pages", *map(str, folders)], check=True)


def _finish(app: Sphinx, error: Exception | None) -> None:
    if error or app.builder.name != "html":
        return
    copy_results(Path(app.outdir))
    for problem in find_problems(Path(app.outdir)):
        _log.warning(problem)


def _read_as_prose(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Docstrings are prose with formulas: |x|^p and a * b mean what they say, also to docutils."""
    for number, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            parts = re.split(r"(`[^`]*`)", line)
            lines[number] = "".join(
                part if part.startswith("`") else re.sub(r"([|*]|_(?=\W|$))", r"\\\1", part) for part in parts
            )


def setup(app: Sphinx) -> None:
    """Write the reference before pages are read, and check links when all are written."""
    app.connect("autodoc-process-docstring", _read_as_prose, priority=100)  # before napoleon
    app.connect("builder-inited", lambda app: write_reference(HERE / "generated"))
    app.connect("builder-inited", _write_operator_pages)
    app.connect("build-finished", _finish)
