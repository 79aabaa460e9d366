"""A study that promised contrasts has their verdicts in its report, in words that fit the numbers, and what lacks."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from made_contrasts import FULL, write_contrasts
from made_records import make_config, make_record, write_study

import poolscope.statistics.claims
from poolscope.reports.comparison import show_p
from poolscope.reports.study import Report, build_report
from poolscope.reports.verdicts import say_interim, say_registration, say_unresolved, show_verdicts
from poolscope.statistics.claims import read_contrasts
from poolscope.statistics.tables import collect
from poolscope.statistics.verdicts import judge_contrasts

MNIST = {**FULL, "where": {"data.name": "mnist"}, "arm": {"pool.name": "avg"}, "baseline": {"pool.name": "max"}}
CONTRASTS = (
    MNIST,
    {**MNIST, "id": "3b", "kind": "noninferior"},
    {**MNIST, "id": "3c", "kind": "equivalent", "delta": 0.02, "expected": "not equal"},
    {**MNIST, "id": "3d", "baseline": {"pool.name": "haar"}},
    {**MNIST, "id": "4a", "claim": 4, "kind": "exact", "measure": "parameters", "unit": "fraction"},
)


@pytest.fixture(scope="module")
def promised(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    """A study with a claims.yaml and six of ten seeds, and its report."""
    folder = tmp_path_factory.mktemp("promised")
    write_contrasts(folder / "experiments", *CONTRASTS)
    results = folder / "results"
    records = [
        make_record(make_config(pool), seed, effect) for pool, effect in (("max", 0), ("avg", 0.1)) for seed in range(6)
    ]
    write_study(results, records)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(poolscope.statistics.claims, "shipped", lambda name: folder / name)
        return results, build_report(results, "made", notify=pytest.fail)


def test_the_table_of_verdicts_is_that_of_the_records(promised: tuple[Path, Report]) -> None:
    _, report = promised
    written = pd.read_csv(report.folder / "tables" / "verdicts.csv").set_index("id")
    scores = {
        pool: [make_record(make_config(pool), seed, effect).scalars["test_accuracy"] for seed in range(6)]
        for pool, effect in (("max", 0), ("avg", 0.1))
    }
    mean = 100 * sum(a - m for a, m in zip(scores["avg"], scores["max"], strict=True)) / 6
    assert written.loc["3a", "effect"] == pytest.approx(mean)
    assert written.loc["3a", "n"] == 6
    assert written.loc["3d", "verdict"] == "not reached"
    assert written.loc["4a", ["equal", "n", "verdict"]].tolist() == [6, 6, "supported"]


def test_the_section_comes_first_and_says_that_it_is_interim(promised: tuple[Path, Report]) -> None:
    _, report = promised
    text = (report.folder / "report.md").read_text(encoding="utf-8")
    assert text.index("## Verdicts") < text.index("## Comparison")
    assert "Interim: 5 of 5 contrasts have fewer seeds than planned (1 have none, at least 6 of 10 seeds)" in text
    assert "(expected: not equal)" in text
    assert "figures/verdicts.svg" in text
    page = (report.folder / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") == text.count("](figures/")


def test_the_figure_has_a_line_for_each_contrast_and_the_same_bytes_again(
    promised: tuple[Path, Report], tmp_path: Path
) -> None:
    results, report = promised
    svg = (report.folder / "figures" / "verdicts.svg").read_bytes()
    for identity in ("3a", "3b", "3c", "3d", "4a"):
        assert f">{identity}  ".encode() in svg
    other = tmp_path / "experiments"
    write_contrasts(other, *CONTRASTS)
    shutil.copytree(results, tmp_path / "results")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(poolscope.statistics.claims, "shipped", lambda name: tmp_path / name)
        again = build_report(tmp_path / "results", "made", notify=pytest.fail)
    assert [path.read_bytes() for path in report.files] == [path.read_bytes() for path in again.files]


def test_effects_are_written_with_as_many_digits_as_delta_needs(promised: tuple[Path, Report], tmp_path: Path) -> None:
    results, _ = promised
    verdicts = judge_contrasts(collect(results, "made").runs, read_contrasts(write_contrasts(tmp_path, *CONTRASTS)))
    shown = show_verdicts(verdicts).set_index("contrast")
    row = verdicts.set_index("id").loc["3c"]
    assert (
        shown.loc["3c", "effect (interval)"] == f"{row['effect']:+.3f} points ({row['low']:.3f} to {row['high']:.3f})"
    )
    assert shown.loc["3a", "effect (interval)"].startswith(f"{row['effect']:+.2f} points (")
    assert shown["δ"].tolist() == ["1", "-1", "±0.02", "1", ""]
    assert shown["n"].tolist() == ["6 of 10", "6 of 10", "6 of 10", "0", "6 of 6"]
    assert shown.loc["3d", "effect (interval)"] == ""
    assert any("have none" in sentence for sentence in say_interim(verdicts))


def test_nothing_is_called_interim_once_all_planned_seeds_are_there(
    promised: tuple[Path, Report], tmp_path: Path
) -> None:
    results, _ = promised
    contrasts = read_contrasts(write_contrasts(tmp_path, MNIST, seeds=6))
    assert not any(
        "Interim" in sentence for sentence in say_interim(judge_contrasts(collect(results, "made").runs, contrasts))
    )


@pytest.mark.parametrize(("p", "text"), [(float("nan"), ""), (0.00004, "< 0.0001"), (0.03125, "0.0312")])
def test_p_in_words(p: float, text: str) -> None:
    assert show_p(p) == text


def test_what_was_added_or_analysed_otherwise_is_marked(promised: tuple[Path, Report], tmp_path: Path) -> None:
    results, _ = promised
    verdicts = judge_contrasts(collect(results, "made").runs, read_contrasts(write_contrasts(tmp_path, *CONTRASTS)))
    verdicts["registration"] = ["added after the runs", "as registered", "changed: rule", "", "no hash recorded"]
    verdicts["revisions"] = [1, 2, 1, 0, 1]
    verdicts.loc[1, "fit"] = 1.476
    assert show_verdicts(verdicts)["hypothesis"].iloc[1].endswith(" (at 1.48)")
    assert show_verdicts(verdicts)["contrast"].tolist() == ["3a†", "3b", "3c", "3d", "4a"]
    sentences = say_registration(verdicts)
    assert [sentence.split()[0] for sentence in sentences] == ["†", "The", "Analysed", "Runs"]
    assert "3a" in sentences[0]
    assert "1 registered contrasts" in sentences[1]
    assert "3c (changed: rule)" in sentences[2]
    assert sentences[3].endswith("3b.")


def test_delta_below_what_the_seeds_resolve_is_said(promised: tuple[Path, Report], tmp_path: Path) -> None:
    results, _ = promised
    tiny = {**MNIST, "delta": 0.001}
    verdicts = judge_contrasts(collect(results, "made").runs, read_contrasts(write_contrasts(tmp_path, tiny)))
    (sentence,) = say_unresolved(verdicts)
    assert "3a (" in sentence
    assert "against 0.001" in sentence
    assert say_unresolved(verdicts.assign(delta=1e6)) == say_unresolved(verdicts.assign(verdict="described")) == ()
