"""The sections of the general analysis: what is there, and what is left out where nothing was measured."""

from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd
import pytest
from made_records import make_config, make_record, write_study

from poolscope.reports.sections import (
    Analysis,
    Section,
    _name_plot,
    _section_errors,
    add_verdicts,
    analyse_sweep,
    say_probed,
)
from poolscope.statistics.arms import add_arms, find_baselines
from poolscope.statistics.claims import Contrast
from poolscope.statistics.tables import Tables, collect


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    folder = tmp_path_factory.mktemp("sections")
    effects = {"max": 0.0, "avg": 0.06, "min": -0.1}
    write_study(
        folder, [make_record(make_config(pool), seed, effect) for pool, effect in effects.items() for seed in range(3)]
    )
    return collect(folder, "made")


def headings(analysis: Analysis) -> list[str]:
    return [section.title for section in analysis.sections]


def test_a_study_is_reported_section_by_section(tables: Tables) -> None:
    analysis = analyse_sweep(tables)
    assert headings(analysis) == [
        *("Comparison", "Overfitting", "Learning curves", "Errors", "Feature maps"),
        *("Paired contrasts", "Runs that are missing", "Protocol"),
    ]
    assert set(analysis.extra) == {"comparison", "contrasts"}
    contrasts = analysis.extra["contrasts"]
    assert list(contrasts.columns[:1]) == ["metric"]
    assert contrasts.groupby("metric")["arm"].apply(list).to_dict() == {
        "generalisation_gap": ["avg", "min"],
        "test_accuracy": ["avg", "min"],
    }


def test_captions_explain_hollow_dots_where_a_run_never_learned(tables: Tables) -> None:
    runs = tables.runs.copy()
    runs.loc[runs["seed"].eq(1), ["train_eval_accuracy", "train_eval_loss"]] = [0.1, 2.303]
    for given, hollow in ((tables.runs, False), (runs, True)):
        plots = {
            plot.name: plot.caption for s in analyse_sweep(replace(tables, runs=given)).sections for plot in s.plots
        }
        for name in ("accuracy", "gap"):
            assert (
                "Hollow dots (outside of a panel: at chance): 3 runs that finished at chance" in plots[name]
            ) == hollow


def test_the_baseline_is_the_operator_that_is_named(tables: Tables) -> None:
    analysis = analyse_sweep(tables, baseline="avg")
    assert set(analysis.extra["contrasts"]["baseline"]) == {"avg"}


def test_where_no_run_finished_only_comparison_missing_runs_and_protocol_are_left(tables: Tables) -> None:
    failed = replace(tables, runs=tables.runs.assign(status="failed", reason="no memory"))
    assert headings(analyse_sweep(failed)) == ["Comparison", "Runs that are missing", "Protocol"]


def test_what_was_not_measured_has_no_section(tables: Tables) -> None:
    bare = replace(
        tables,
        runs=tables.runs.drop(columns="generalisation_gap"),
        curves=tables.curves.iloc[:0],
        confusion=tables.confusion.iloc[:0],
        feature_maps=tables.feature_maps.iloc[:0],
    )
    assert headings(analyse_sweep(bare)) == ["Comparison", "Paired contrasts", "Runs that are missing", "Protocol"]


def test_errors_are_those_of_the_baseline_and_of_the_arm_best_on_validation_images(tables: Tables) -> None:
    done = add_arms(tables.runs)
    best_on_validation = done.assign(val_accuracy=done["arm"].map({"max": 0.5, "avg": 0.6, "min": 0.9}))
    (section,) = _section_errors(best_on_validation, tables.confusion, find_baselines(done))
    titles = [ax.get_title(loc="left") for ax in section.plots[0].figure.axes]
    assert [title for title in titles if title] == ["mnist: max (n = 3)", "mnist: min (n = 3)"]


def test_verdicts_come_first_and_only_where_a_study_has_contrasts(tables: Tables) -> None:
    analysis = analyse_sweep(tables)
    assert add_verdicts(analysis, tables, []) is analysis
    contrast = Contrast(
        id="1a",
        study="made",
        claim=1,
        hypothesis="avg has the higher test accuracy",
        kind="difference",
        where={},
        arm={"pool.name": "avg"},
        baseline={"pool.name": "max"},
        measure="test_accuracy",
        unit="points",
        direction="higher",
        delta=1.0,
        family=1,
        planned=3,
    )
    judged = add_verdicts(analysis, tables, [contrast])
    assert headings(judged) == ["Verdicts", "How the verdicts were reached", *headings(analysis)]
    assert analysis.answer.startswith("Best by test accuracy: mnist, avg of 3 arms, ")
    assert judged.answer.startswith("Open: 1a avg has the higher test accuracy")
    assert judged.extra["verdicts"]["id"].tolist() == ["1a"]
    assert judged.comparison is analysis.comparison


def test_sections_are_added_in_front() -> None:
    analysis = Analysis(pd.DataFrame(), (Section("old"),))
    assert headings(analysis.add(Section("new"), Section("newer"))) == ["new", "newer", "old"]


def test_a_figure_s_name_has_the_setting_where_there_are_several() -> None:
    one, two = pd.DataFrame({"setting": ["a", "a"]}), pd.DataFrame({"setting": ["a", "b"]})
    assert _name_plot("curves", "mnist, 3/2", one) == "curves"
    assert _name_plot("curves", "mnist, 3/2", two) == "curves_mnist__3_2"


def test_how_many_images_were_shifted_is_said_by_the_runs() -> None:
    runs = pd.DataFrame({"test_size": [10_000.0, 10_000.0, 360.0], "measure.images": [math.nan, 5000, 5000]})
    assert say_probed(runs) == "360 or 500 or 5,000 test images"
    assert say_probed(runs[["test_size"]]) == "360 or 500 test images"
