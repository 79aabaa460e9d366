"""The guide's page: that the committed one rests on the ledger, and how far its findings go."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from page_checks import check_page

from poolscope.reports.choices import is_comparison, tally
from poolscope.reports.guide import (
    build_page,
    find_effects,
    find_sides,
    find_situations,
    read_guide,
    say_limits,
    say_pairs,
)
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import shipped
from poolscope.statistics.claims import list_contrasts

GUIDE = shipped("experiments") / "guide.yaml"
RESULTS = Path(__file__).resolve().parents[2] / "results"
MAX_OR_AVERAGE = {"max 2x2", "average 2x2"}


def make_row(identity: str) -> dict[str, Any]:
    row = {"id": identity, "study": "made", "context": "MNIST", "kind": "difference", "measure": "test_accuracy"}
    return row | {"n": 10, "planned": 10, "effect": 1.0, "low": 0.0, "high": 2.0, "delta": 1.0}


def test_no_comparison_of_two_choices_is_left_out() -> None:
    listed = [identity for entry in read_guide(GUIDE)["situations"] for identity in entry["contrasts"]]
    last_asked = [contrast for contrast in list_contrasts() if "asked anew" not in contrast.because]
    compared = [contrast.id for contrast in last_asked if is_comparison(vars(contrast))]
    assert sorted(listed) == sorted(compared)


def test_networks_of_one_size_are_told_apart_and_all_counted() -> None:
    given = read_guide(GUIDE)["situations"]
    known = {contrast.id: contrast for contrast in list_contrasts()}
    verdicts = pd.read_csv(RESULTS / "ledger" / "verdicts.csv", dtype={"id": str})
    found = find_situations(RESULTS, given, verdicts)
    told = {one.row["id"]: one.network for comparisons in found.values() for one in comparisons}
    (pair,) = (row for row in tally(found).to_dict("records") if {row["choice"], row["against"]} == MAX_OR_AVERAGE)
    assert sum(len(pair[name].split(", ")) for name in ("ahead", "behind", "not shown")) == pair["networks"] == 28
    for identity in [identity for identity in told if known[identity].study == "contexts"]:
        where = known[identity].where
        norm = {"batch": "batch norm", "none": "no normalisation"}[str(where["model.norm"])]
        head = {"flatten": "flatten head", "avg": "average head"}[str(where["model.head"])]
        assert told[identity].endswith(f", {head}, {norm}, {where['model.blocks']} blocks")


def test_a_contrast_that_there_is_not_is_refused(tmp_path: Path) -> None:
    asked = [{"situation": "any", "contrasts": {"9z": ["a", "b"]}}]
    with pytest.raises(PoolscopeError, match="no contrast '9z' in the ledger"):
        find_situations(tmp_path, asked, pd.DataFrame([make_row("3a")]))


def test_what_stands_beside_a_measure_is_that_of_the_committed_tables() -> None:
    sides = find_sides(RESULTS, ["3a", "2b", "10f", "12b", "no such contrast"])
    work = {identity: side.work for identity, side in sides.items()}
    assert work == pytest.approx({"3a": 1.0, "2b": 811328 / 6119744, "10f": 2600960 / 10342400, "12b": 1.0})
    runs = pd.read_csv(RESULTS / "strategies" / "tables" / "runs.csv", low_memory=False)
    runs = runs[(runs["data.name"] == "cifar10") & (runs["pool.name"] == "subsample")]
    assert len(runs) == 10
    assert sides["12b"].accuracies[1] == pytest.approx(100 * runs["test_accuracy"].mean())
    assert all(math.isnan(accuracy) for accuracy in sides["3a"].accuracies), "of test accuracy it is the measure itself"


def test_the_page_begins_with_what_holds_everywhere_and_what_depends() -> None:
    pair = {"choice": "max", "against": "stride", "networks": 2, "ahead": "1a, 1b", "behind": "", "not shown": ""}
    mixed = {"choice": "max", "against": "average", "networks": 4, "ahead": "1c, 1d", "behind": "1e", "not shown": "1f"}
    open_pair = {**pair, "against": "blur", "not shown": "1g", "networks": 3}
    assert say_pairs(pd.DataFrame([pair, mixed, open_pair])) == (
        "Shown to test better in every network that compares the two (how many networks, at least two): "
        "max rather than stride (2). "
        "What depends on the network: max or average (ahead in 2, behind in 1 of 4). "
    )
    assert say_pairs(pd.DataFrame([open_pair])) == say_pairs(pd.DataFrame()) == ""


def test_the_committed_page_is_what_the_ledger_says(tmp_path: Path) -> None:
    verdicts = pd.read_csv(RESULTS / "ledger" / "verdicts.csv", dtype={"id": str}, keep_default_na=False)
    for column in ("n", "planned", "effect", "low", "high", "delta", "image_error"):
        verdicts[column] = pd.to_numeric(verdicts[column])
    for tables in RESULTS.glob("*/tables"):
        (tmp_path / tables.parent.name).mkdir()
        (tmp_path / tables.parent.name / "tables").symlink_to(tables)
    files = build_page(tmp_path, verdicts)
    text = (tmp_path / "guide" / "report.md").read_text(encoding="utf-8")
    assert text == (RESULTS / "guide" / "report.md").read_text(encoding="utf-8")
    situations = read_guide(GUIDE)["situations"]
    assert all(f"| {entry['situation']} |" in text for entry in situations)
    check_page(next(path for path in files if path.suffix == ".html").read_text(encoding="utf-8"))


def test_how_far_the_findings_go_is_read_from_the_tables(tmp_path: Path) -> None:
    for study, data, parameters in (("one", "mnist", [650, 1000]), ("two", "cifar10", [30730, None])):
        (tmp_path / study / "tables").mkdir(parents=True)
        rows = pd.DataFrame({"data.name": data, "parameters": parameters, "steps": [368, 1960]})
        rows.to_csv(tmp_path / study / "tables" / "runs.csv", index=False)
    text = say_limits(tmp_path, ["one", "two", "not_run"], drawn=False)
    assert "(650 to 30,730 parameters, 368 to 1,960 steps) on CIFAR-10 and MNIST," in text
    assert "another. If it matters" in text
    assert "the figure below shows" in say_limits(tmp_path, ["one"], drawn=True)
    pd.DataFrame({"status": ["failed"]}).to_csv(tmp_path / "one" / "tables" / "runs.csv", index=False)
    assert say_limits(tmp_path, ["one", "not_run"], drawn=True) == "No study has all of its runs in its tables yet."


def test_effects_are_rows_with_a_size_and_a_difference() -> None:
    settings = ["mnist, train_size=1000", "mnist, train_size=1000", "mnist"]
    rows = pd.DataFrame({"setting": settings, "arm": ["avg", "max", "avg"], "difference": [1.0, math.nan, 2.0]})
    found = find_effects(rows)
    assert found[["arm", "images"]].to_numpy().tolist() == [["avg", 1000.0]]
