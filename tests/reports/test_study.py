"""Reports: the numbers are those of the records, what is missing is said, and nothing changes without a reason."""

from __future__ import annotations

import io
import math
import re
import subprocess
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from gallery_tables import copy_gallery
from made_records import TEST_SIZE, make_config, make_record, write_study
from page_checks import check_page
from rich.console import Console
from scipy import stats

from poolscope.reports.runs import list_runs
from poolscope.reports.sections import Analysis
from poolscope.reports.study import Report, build_report, load_analysis
from poolscope.spec.config import digest
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import record_path, shipped
from poolscope.statistics.claims import read_contrasts
from poolscope.statistics.tables import collect
from poolscope.store.record import RunRecord

SEEDS = range(6)


def make_study() -> list[RunRecord]:
    """Two data sets, three arms, six seeds; of the third arm one run failed, one diverged and one isn't there."""
    effects = {"max": 0.0, "avg": 0.06, "min": -0.1}
    records = [
        make_record(make_config(pool, data), seed, effect)
        for data in ("mnist", "cifar10")
        for pool, effect in effects.items()
        for seed in SEEDS
        if (data, pool, seed) != ("mnist", "min", 5)
    ]
    spoilt = {
        3: ("failed", "MemoryError: 1 < 2 | out of memory"),
        4: ("diverged", "the loss was not finite at step 40"),
    }
    return [
        make_record(make_config("min"), r.seed, 0, *spoilt[r.seed])
        if r.digest == digest(make_config("min")) and r.seed in spoilt
        else r
        for r in records
    ]


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    folder = tmp_path_factory.mktemp("reported") / "results"
    write_study(folder, make_study())
    return folder, build_report(folder, "made", notify=pytest.fail)


def _contents(report: Report) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in report.files}


def test_the_comparison_equals_scipy_on_the_records(reported: tuple[Path, Report]) -> None:
    _, report = reported
    rows = report.comparison.set_index(["setting", "arm"])
    done = [record for record in make_study() if record.status == "done"]
    for (setting, arm), row in rows.iterrows():
        values = {
            pool: {
                r.seed: r.scalars
                for r in done
                if r.config["data"]["name"] == setting and r.config["pool"]["name"] == pool
            }
            for pool in ("max", arm)
        }
        mine = np.array([scalars["test_accuracy"] for scalars in values[arm].values()])
        assert row["n"] == len(mine)
        assert row["test_accuracy"] == pytest.approx(mine.mean())
        low, high = stats.t.interval(0.95, len(mine) - 1, mine.mean(), stats.sem(mine))
        assert (row["test_accuracy_low"], row["test_accuracy_high"]) == pytest.approx((low, high))
        gaps = [scalars["train_eval_accuracy"] - scalars["test_accuracy"] for scalars in values[arm].values()]
        assert row["generalisation_gap"] == pytest.approx(np.mean(gaps))
        if arm != "max":
            paired = [
                100 * (s["test_accuracy"] - values["max"][seed]["test_accuracy"]) for seed, s in values[arm].items()
            ]
            assert row["difference"] == pytest.approx(np.mean(paired))
            interval = stats.ttest_1samp(paired, 0).confidence_interval()
            assert (row["difference_low"], row["difference_high"]) == pytest.approx(tuple(interval))
    assert rows.loc[("cifar10", "min"), "p_holm"] == pytest.approx(2 * 2 / 2**6)  # all six seeds agree; two contrasts


def test_the_best_arm_of_each_data_set_comes_first(reported: tuple[Path, Report]) -> None:
    arms = reported[1].comparison[["setting", "arm"]].to_numpy().tolist()
    assert arms == [[setting, arm] for setting in ("cifar10", "mnist") for arm in ("avg", "max", "min")]


def test_the_page_opens_with_the_answer(reported: tuple[Path, Report]) -> None:
    _, report = reported
    opening = (report.folder / "report.md").read_text(encoding="utf-8").splitlines()[2]
    assert opening.startswith("Best by test accuracy: ") and report.analysis.answer in opening
    assert "Study made: " in opening


def test_missing_runs_are_said_with_their_reasons(reported: tuple[Path, Report]) -> None:
    text = (reported[1].folder / "report.md").read_text()
    assert "33 of 35 recorded runs finished" in text
    assert "| mnist | min | 3 | failed | MemoryError: 1 < 2 \\| out of memory |" in text
    assert "| mnist | min | 4 | diverged | the loss was not finite at step 40 |" in text
    assert "| mnist | min | 5 | not recorded |" in text
    assert "1 failed, 1 diverged, 1 not recorded" in text
    assert "| mnist | min | 3 of 6 |" in text
    html = (reported[1].folder / "report.html").read_text()
    assert "MemoryError: 1 &lt; 2 | out of memory" in html


def test_captions_state_n_protocol_and_test_images(reported: tuple[Path, Report]) -> None:
    text = (reported[1].folder / "report.md").read_text()
    captions = re.findall(r"^\*(.+)\*$", text, flags=re.MULTILINE)
    assert len(captions) == len(re.findall(r"^!\[", text, flags=re.MULTILINE)) > 5
    assert "mnist: n = 3 to 6 seeds per arm (seeds 0 to 5), 500 training images, 6 epochs, batch 64" in captions[0]
    assert f"{TEST_SIZE} test images (split test)" in captions[0]
    assert "t interval" in captions[0]


@pytest.mark.long
def test_reports_are_the_same_bytes_every_time_and_from_their_tables(
    reported: tuple[Path, Report], tmp_path: Path
) -> None:
    """Elsewhere, without the records."""
    _, report = reported
    first = _contents(report)
    assert {path.suffix for path in first} == {".csv", ".svg", ".png", ".md", ".html"}
    copy = tmp_path / "made"
    for path in report.files:
        if path.parent.name == "tables":
            target = copy / path.relative_to(report.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(first[path])
    elsewhere = build_report(tmp_path, "made")
    assert {p.relative_to(copy): b for p, b in _contents(elsewhere).items()} == {
        p.relative_to(report.folder): b for p, b in first.items()
    }


def test_the_page_stands_alone(reported: tuple[Path, Report]) -> None:
    page = check_page((reported[1].folder / "report.html").read_text())
    assert len(page.find("svg")) == len([path for path in reported[1].files if path.suffix == ".svg"])
    assert page.links() == []  # there is no page over all studies beside it


def test_the_page_has_every_run_with_its_command(reported: tuple[Path, Report]) -> None:
    report = reported[1]
    text = (report.folder / "report.html").read_text()
    assert text.count("<code>poolscope train") == len(report.comparison)
    runs = pd.read_csv(report.folder / "tables" / "runs.csv", dtype=str)
    assert all(f"<td>{digest}</td>" in text for digest in runs["digest"])


def test_every_dot_of_a_figure_leads_to_its_arm_among_the_runs(reported: tuple[Path, Report]) -> None:
    page = check_page((reported[1].folder / "report.html").read_text())
    arms = {arm["data-run"] for arm in page.find("details") if "data-run" in arm}
    dots = [dot["data-run"].rpartition("|") for dot in page.find("g") if dot.get("class") == "run"]
    assert len(dots) >= len(pd.read_csv(reported[1].folder / "tables" / "runs.csv").query("status == 'done'"))
    assert {arm for arm, _, _ in dots} <= arms


def test_every_figure_of_markdown_exists(reported: tuple[Path, Report]) -> None:
    folder = reported[1].folder
    linked = re.findall(r"\]\((figures/[^)]+)\)", (folder / "report.md").read_text())
    assert linked
    assert all((folder / name).is_file() for name in linked)


def test_the_printed_table_has_a_row_per_arm(reported: tuple[Path, Report]) -> None:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(reported[1].table)
    text = console.export_text()
    for row in reported[1].comparison.to_dict("records"):
        assert f"{100 * row['test_accuracy']:.2f} ±" in text
    assert text.count("baseline") == 2


@pytest.mark.usefixtures("undrawn")
def test_a_damaged_record_is_reported_and_the_rest_is_not_lost(results: Path) -> None:
    records = [make_record(make_config(pool), seed) for pool in ("max", "avg") for seed in (0, 1)]
    write_study(results, records)
    torn = record_path(results, "made", records[0].digest, 0)
    torn.write_text('{"half": ')
    said: list[str] = []
    report = build_report(results, "made", notify=said.append)
    assert len(said) == 1
    assert str(torn) in said[0]
    assert report.exit_status == 1
    assert int(report.comparison["n"].sum()) == 3
    for name in ("report.md", "report.html"):
        assert torn.name in (report.folder / name).read_text()


@pytest.mark.usefixtures("undrawn")
def test_mixed_code_revisions_are_reported(results: Path) -> None:
    records = [make_record(make_config(pool), seed) for pool in ("max", "avg") for seed in (0, 1)]
    write_study(results, [replace(record, provenance={"git_revision": "ab"[record.seed]}) for record in records])
    report = build_report(results, "made")
    for name in ("report.md", "report.html"):
        assert "Runs of 2 code revisions are mixed: 2 of a, 2 of b." in (report.folder / name).read_text()


@pytest.mark.usefixtures("undrawn")
def test_nothing_finished_is_still_a_report(results: Path) -> None:
    write_study(results, [make_record(make_config("max"), seed, 0, "failed", "no memory") for seed in (0, 1)])
    report = build_report(results, "made")
    assert report.exit_status == 0
    assert report.comparison["n"].tolist() == [0]
    assert "no memory" in (report.folder / "report.md").read_text()


@pytest.mark.usefixtures("undrawn")
def test_a_single_run_is_a_report(results: Path) -> None:
    write_study(results, [make_record(make_config("max"), 0)])
    text = (build_report(results, "made").folder / "report.md").read_text()
    assert "n = 1 seed per arm" in text
    assert "nan" not in text


def test_an_unwritable_folder_gets_a_sentence(results: Path) -> None:
    write_study(results, [make_record(make_config("max"), 0)])
    (results / "made").write_text("a file where the folder should be")
    with pytest.raises(PoolscopeError, match=r"Can't write the report to .*made .* results=<folder>"):
        build_report(results, "made")


def test_runs_are_listed(reported: tuple[Path, Report]) -> None:
    listed = list_runs(reported[0], "made")
    assert len(listed) == 35
    assert listed["status"].value_counts().to_dict() == {"done": 33, "failed": 1, "diverged": 1}


@pytest.mark.parametrize("study", sorted(path.parent.name for path in shipped("experiments").glob("*/analysis.py")))
def test_every_shipped_analysis_takes_any_study(results: Path, study: str) -> None:
    """Also one that has hardly begun, or whose runs all failed."""
    write_study(results, make_study())
    analysis = load_analysis(study)(collect(results, "made"))
    assert isinstance(analysis, Analysis)
    failed = [replace(make_record(make_config("avg"), 0, 0, "failed", "no memory"), study="begun")]
    write_study(results, failed)
    assert isinstance(load_analysis(study)(collect(results, "begun")), Analysis)


def test_pool_type_decides_by_its_rule(results: Path) -> None:
    effects = {"max": 0.0, "avg": 0.08, "subsample": -0.2}
    write_study(results, [make_record(make_config(p), s, e) for p, e in effects.items() for s in range(10)])
    decisions = load_analysis("pool_type")(collect(results, "made")).sections[0]
    assert "Interim: 30 of 200" in decisions.text[-1]
    table = decisions.table
    assert table is not None
    decided = dict(zip(table["hypothesis"].str[:2], table["decision"], strict=True))
    assert decided["H1"] == "the opposite is shown"
    assert decided["H3"] == "shown"


def test_contexts_says_of_what_the_lead_of_max_depends(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a grid on which average pooling is worse by 0.1 with an average head, and no other factor matters."""
    write_study(
        results,
        [
            make_record(
                make_config(pool, data, model__head=head, model__norm=norm, model__blocks=blocks),
                seed,
                -0.1 if (pool, head) == ("avg", "avg") else 0.0,
            )
            for pool, data, head, norm, blocks in product(
                ("max", "avg"), ("mnist", "cifar10"), ("flatten", "avg"), ("none", "batch"), (3, 5)
            )
            for seed in range(10)
        ],
    )
    (path,) = (shipped("experiments") / "contexts").glob("*.yaml")  # planned, later claims
    contrasts = read_contrasts(path)
    monkeypatch.setattr("poolscope.statistics.claims.find_contrasts", lambda study: contrasts)
    odds, depends = (section.table for section in load_analysis("contexts")(collect(results, "made")).sections[:2])
    assert odds is not None
    assert odds["contexts"].tolist() == ["16 (all)", "8 (CIFAR-10)", "8 (MNIST)"]
    assert (odds["max ahead"] + odds["neither"]).tolist() == [16, 8, 8]
    assert 0 < odds["max ahead"][0] == odds["max ahead"][1] + odds["max ahead"][2] <= 8
    table = depends
    assert table is not None
    assert table.groupby("contexts", sort=False).size().to_dict() == {"all": 10, "mnist": 6, "cifar10": 6}
    rows = table[table["contexts"] == "all"].set_index("what changes")
    assert set(rows["seeds"]) == {10}
    texts = rows["effect on the log error ratio"]
    effects = texts.str.extract(r"([+-][\d.]+) \((-?[\d.]+) to (-?[\d.]+)\)").astype(float)
    assert effects.loc["average head", 0] == pytest.approx(math.log(0.3 / 0.2), abs=0.1)
    assert rows.loc["average head", "says"] == "changes it by more than 0.05"
    others = effects.drop(index="average head")
    assert (others[1] < 0).all()
    assert (others[2] > 0).all()


def test_factorial_says_what_each_factor_changes(results: Path) -> None:
    """On a grid on which 3x3 windows test better by 10 points; the other means by pandas from the records."""
    grid = list(product(("max", "avg"), (2, 3), ("early", "late"), (3, 5)))
    configs = {
        cell: make_config(cell[0], pool__window=cell[1], model__pool_after=cell[2], model__blocks=cell[3])
        for cell in grid
    }
    records = [make_record(configs[cell], seed, 0.1 * (cell[1] == 3)) for cell in grid for seed in range(10)]
    write_study(results, records)
    analysis = load_analysis("factorial")(collect(results, "made"))
    found = analysis.extra["effects"].set_index("term")
    columns = ["pool.name", "pool.window", "model.pool_after", "model.blocks"]
    rows = [(*cell, seed) for cell in grid for seed in range(10)]
    table = pd.DataFrame(rows, columns=[*columns, "seed"])
    table["accuracy"] = [100 * record.scalars["test_accuracy"] for record in records]
    for column, (first, second) in zip(columns, (("avg", "max"), (2, 3), ("early", "late"), (3, 5)), strict=True):
        by_seed = table.pivot_table(index="seed", columns=column, values="accuracy")
        effects = by_seed[second] - by_seed[first]
        row = found.loc[column]
        assert (row["n"], row["effect"]) == (10, pytest.approx(effects.mean()))
        narrow = stats.t.interval(0.995, 9, effects.mean(), stats.sem(effects))  # without the images' error
        assert row["low"] <= narrow[0] + 1e-9 < narrow[1] - 1e-9 <= row["high"]
        simple = analysis.extra["simple_effects"].query("factor == @column")
        assert (len(simple), simple["effect"].mean()) == (8, pytest.approx(effects.mean()))
    assert found.loc["pool.window", "says"] == "more than a point"
    lead = table.pivot_table(index="seed", columns=["pool.name", "model.blocks"], values="accuracy")
    together = (lead["max", 5] - lead["avg", 5]) - (lead["max", 3] - lead["avg", 3])
    assert found.loc["pool.name x model.blocks", "effect"] == pytest.approx(together.mean())
    opening = "Interim, from 160 of 192 planned runs. More than a point: window: 3x3 in place of 2x2 [+"
    assert analysis.answer.startswith(opening)


@pytest.mark.long
def test_the_reading_half_needs_no_jax(results: Path) -> None:
    """Reports, the ledger and the gallery, in a process in which JAX can't be imported."""
    write_study(results, make_study()[:12])
    copy_gallery(results, "max")
    program = (
        "import sys\n"
        "for name in ('jax', 'jaxlib', 'flax', 'optax', 'tensorflow_datasets', 'sklearn'):\n"
        "    sys.modules[name] = None\n"
        "from poolscope.reports.runs import list_runs\nfrom poolscope.reports.study import build_report\n"
        "from poolscope.reports.overview import build_ledger\nfrom poolscope.reports.gallery import build_page\n"
        "from poolscope.statistics.tables import list_studies\nfrom poolscope.reports.figures import files\n"
        "files.FigureCanvasSVG.print_svg = lambda self, file, **_: file.write('<svg></svg>')\n"  # drawn elsewhere
        "files.FigureCanvasAgg.print_png = lambda self, file, **_: None\n"
        "files._arrange = lambda figure: None\n"
        "report, ledger, page = build_report(sys.argv[1], 'made'), build_ledger(sys.argv[1]), build_page(sys.argv[1])\n"
        "assert len(ledger.verdicts) and page.is_file()\n"
        "print(len(report.comparison), len(list_runs(sys.argv[1], 'made')), len(list_studies(sys.argv[1])) > 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, str(results)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["2", "12", "True"]
