"""`poolscope export` as typed; and from a folder of images to a paper's PDF in the commands that README has."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from image_folders import write_digits
from made_records import make_config, make_record, write_study
from processes import run_command

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def made(results: Path) -> Path:
    write_study(results, [make_record(make_config(pool), seed) for pool in ("max", "avg") for seed in (0, 1)])
    return results


def test_an_export_lists_its_files(made: Path, tmp_path: Path) -> None:
    status, output, _ = run_command(
        "export", "made", "--to", "markdown", "--results", str(made), "--out", str(tmp_path)
    )
    assert status == 0
    assert [Path(line).name for line in output.splitlines()] == [
        "made-test_accuracy.md",
        "made-test_accuracy-figure.svg",
        "made-test_accuracy-values.csv",
    ]
    text = (tmp_path / "made-test_accuracy.md").read_text(encoding="utf-8")
    assert "| max | 2 |" in text and "95 %" in text


def test_without_a_place_it_stands_beside_the_report(made: Path) -> None:
    words = ["export", "made", "--to", "csv", "--metric", "test_loss", "--figure", "none", f"results={made}"]
    assert run_command(*words)[0] == 0
    assert (made / "made" / "export" / "made-test_loss.csv").is_file()
    assert run_command(*words)[0] == 2
    assert run_command(*words, "--force")[0] == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("made", "--to"),
        ("made --to word", "invalid choice"),
        ("nosuch --to csv", "Study 'nosuch' has no records"),
        ("made --to csv --width wide", "--width must be column, page or 1 to 30 inches, not wide"),
        ("made --to csv --width nan", "--width must be"),
        ("made --to csv --out README.md", "The folder README.md can't be written (README.md is no folder)"),
        ("made --to csv --metric speed", "have no 'speed'"),
        ("made --to csv --arm lip", "There is no arm 'lip'"),
        ("made --to csv --where pool.name=lip", "No run has pool.name=lip"),
    ],
)
def test_what_can_t_be_exported_is_refused(made: Path, words: str, sentence: str) -> None:
    status, _, errors = run_command("export", *words.split(), "--results", str(made))
    assert (status, sentence in errors, errors.count("\n")) == (2, True, 1)
    assert not (made / "made" / "export").exists()


@pytest.mark.long
def test_a_folder_of_images_becomes_a_paper_s_pdf_by_readme_s_commands(tmp_path: Path) -> None:
    pytest.importorskip("typst")
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"## From a folder of images to a PDF.*?```sh\n(.*?)```", readme, re.S)
    assert block is not None
    commands = [shlex.split(line, comments=True) for line in block[1].splitlines() if line.strip()]
    assert len(commands) <= 5
    write_digits(tmp_path / "flowers", {0: 70, 1: 60, 2: 40, 3: 30})
    for words in commands:
        if words[0] == "poolscope":
            done = subprocess.run(
                [sys.executable, "-m", *words], cwd=tmp_path, capture_output=True, text=True, env=dict(os.environ)
            )
            assert done.returncode == 0, done.stderr
    (pdf,) = tmp_path.rglob("flowers-test_accuracy.pdf")
    assert pdf.read_bytes().startswith(b"%PDF")
    assert list(pdf.parent.glob("*-figure.pdf"))
    assert len(list(pdf.parent.glob("*-values.csv"))) == 1
