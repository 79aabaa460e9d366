"""A study in Python: what a notebook gets, and that the package stays light until it asks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from made_records import make_config, make_record, write_study

import poolscope
from poolscope.reports.load import Study, load
from poolscope.spec.errors import PoolscopeError


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    results = tmp_path_factory.mktemp("results")
    write_study(results, [make_record(make_config(pool), seed) for pool in ("max", "avg") for seed in (0, 1)])
    return poolscope.load("made", results)


def test_tables_are_tidy_and_labelled(study: Study) -> None:
    assert study.runs.groupby("arm")["seed"].count().to_dict() == {"avg": 2, "max": 2}
    assert study.runs["balanced_accuracy"].notna().all()
    for frame in (study.curves, study.confusion):
        assert set(frame["arm"]) == {"max", "avg"}
    assert len(study.classes()) == 2 * 4


def test_summaries_verdicts_and_figures_are_functions_of_it(study: Study) -> None:
    assert set(study.summary("generalisation_gap")["arm"]) == {"max", "avg"}
    assert study.verdicts().empty
    assert len(study.figure(kind="curves").axes) == 1
    assert study.figure(width=5.5).get_figwidth() == 5.5


def test_one_name_stands_without_a_list(study: Study) -> None:
    assert study.summary(arms="avg", where="data.name=mnist").equals(study.summary(arms=["avg"]))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("nosuch", "Study 'nosuch' has no records"), (3, "not 3"), (None, "not None"), ("", "not ''")],
)
def test_a_study_that_isn_t_there_is_named(tmp_path: Path, name: Any, sentence: str) -> None:
    with pytest.raises(PoolscopeError, match=sentence):
        load(name, tmp_path)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"kind": "pie"}, "A figure is one of strip, curves in one of serif, computer-modern, sans, not 'pie'"),
        ({"font": "comic"}, "not 'strip' in 'comic'"),
        ({"width": -1}, "The width of a figure must be 1 to 30 inches, not -1"),
        ({"width": float("nan")}, "not nan"),
        ({"arms": "lip"}, "There is no arm 'lip'"),
        ({"where": "made"}, "'made' is no condition"),
    ],
)
def test_a_figure_that_can_t_be_drawn_is_refused(study: Study, given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PoolscopeError, match=sentence):
        study.figure(**given)


def test_importing_the_package_imports_nothing_else() -> None:
    program = "import sys, poolscope; print(*(name for name in sys.modules if name.startswith(('poolscope', 'numpy'))))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["poolscope"]
    assert {"load", "Study"} <= set(dir(poolscope))
    with pytest.raises(AttributeError, match="no attribute 'nosuch'"):
        poolscope.nosuch  # noqa: B018
