"""Exports as files: every form, the same bytes each time, nothing lost, and LaTeX that compiles."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from made_records import make_config, make_record, write_study

from poolscope.reports.export import FORMS, Export, list_files, write_export
from poolscope.reports.load import load
from poolscope.spec.errors import PoolscopeError


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Export:
    results = tmp_path_factory.mktemp("results")
    pools = [make_config(pool, data) for data in ("mnist", "cifar10") for pool in ("max", "avg", "max_blur")]
    write_study(results, [make_record(config, seed, 0.01) for config in pools for seed in range(3)])
    return load("made", results).prepare("test_accuracy", (), "max", (), "strip", 3.25, "serif")


@pytest.mark.parametrize("form", FORMS)
def test_a_form_has_its_files_and_the_same_bytes_again(export: Export, form: str, tmp_path: Path) -> None:
    if form == "pdf":
        pytest.importorskip("typst")
    first, second = (write_export(export, form, tmp_path / place) for place in ("a", "b"))
    assert [path.name for path in first] == list_files(export, form)
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == sorted(list_files(export, form))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    values = tmp_path / "a" / f"made-test_accuracy-values.{'parquet' if form == 'parquet' else 'csv'}"
    frame = pd.read_parquet(values) if form == "parquet" else pd.read_csv(values)
    assert frame["value"].tolist() == pytest.approx(export.selection.values["value"].tolist())


def test_files_that_exist_are_kept_unless_forced(export: Export, tmp_path: Path) -> None:
    (tmp_path / "made-test_accuracy-table.tex").write_text("mine")
    with pytest.raises(PoolscopeError, match=r"made-test_accuracy-table.tex would be lost; overwrite with --force"):
        write_export(export, "latex", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["made-test_accuracy-table.tex"]
    write_export(export, "latex", tmp_path, force=True)
    assert (tmp_path / "made-test_accuracy-table.tex").read_text().startswith(r"\begin{table}")


def test_pdf_without_typst_says_what_to_install(
    export: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(PoolscopeError, match=r"pip install '\.\[pdf\]'"):
        write_export(export, "pdf", tmp_path)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex (Debian: texlive-latex-recommended)")
def test_the_latex_compiles_without_a_box_too_full(export: Export, tmp_path: Path) -> None:
    write_export(export, "latex", tmp_path)
    words = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "made-test_accuracy.tex"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout
    assert (tmp_path / "made-test_accuracy.pdf").read_bytes().startswith(b"%PDF")
