"""A sweep from Python, and in a real notebook kernel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pretend import train_nothing

import poolscope
from poolscope.commands import train
from poolscope.spec.errors import PoolscopeError

WORDS = (
    "data=digits",
    "pool=max,avg",
    "seeds=[0,1]",
    "data.train_size=60",
    "train.epochs=1",
    "train.batch_size=20",
    "study=mine",
)


def test_a_sweep_leaves_records_and_gives_the_study(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "run_job", train_nothing)
    study = poolscope.sweep(*WORDS, f"results={results}")
    assert study.runs.groupby("arm")["seed"].apply(list).to_dict() == {"max": [0, 1], "avg": [0, 1]}
    assert len(list((results / "runs" / "mine").glob("*/seed-*.json"))) == 4
    monkeypatch.setattr(train, "run_job", lambda *words, **options: pytest.fail("trained again"))
    assert len(poolscope.sweep(*WORDS, f"results={results}").runs) == 4


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("model.width=-1", r"model.width must be a whole number"),
        ("--help", "'--help' is no override"),
        (["pool=max"], r"An override is a text, such as 'pool=max,avg', not \['pool=max'\]"),
        (3, "An override is a text, .* not 3"),
        (None, "An override is a text, .* not None"),
    ],
)
def test_what_can_t_be_is_refused_as_on_the_command_line(results: Path, word: Any, sentence: str) -> None:
    with pytest.raises(PoolscopeError, match=sentence):
        poolscope.sweep(*WORDS, word, f"results={results}")


@pytest.mark.long
def test_it_trains_in_a_real_notebook(results: Path) -> None:
    nbclient = pytest.importorskip("nbclient", reason="needs the extra docs")
    nbformat = pytest.importorskip("nbformat")
    words = ", ".join(map(repr, (*WORDS, "model.width=2", f"results={results}")))
    cells = [
        f"import poolscope\nstudy = poolscope.sweep({words})",
        "study.summary()",
        "assert set(study.runs['status']) == {'done'} and len(study.runs) == 4",
        "study.figure(width=4)",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=300).execute()  # raises what a cell raises
    assert "text/html" in notebook.cells[1].outputs[0]["data"]
