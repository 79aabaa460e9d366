"""The ledger's verdict on a claim follows from those of its contrasts by its rule, whatever they are."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pandas as pd
import pytest

from poolscope.reports.verdicts import say_facts, say_pooled, say_where, show_claims
from poolscope.statistics.claims import Claim
from poolscope.statistics.ledger import make_ledger
from poolscope.statistics.verdicts import COLUMNS


def make_verdicts(*rows: dict[str, object]) -> pd.DataFrame:
    start = {"kind": "difference", "direction": "higher", "delta": 1.0, "n": 10, "study": "made"}
    start |= {"p_hold": 1.0, "p_fail": 1.0, "because": "", "image_error": math.nan, "verdict": "inconclusive"}
    return pd.DataFrame([{**dict.fromkeys(COLUMNS, math.nan), **start, **row} for row in rows])


YES, STRONG, NEVER = "supported", "strongly supported", "not reached"
CLAIMS = (
    Claim(1, "Fewer parameters.", "tutorial 1", "all", facts={"1.3": "written to fail", "1.5": "written to fail"}),
    Claim(3, "Max is often better.", "tutorial 3", "often"),
    Claim(4, "Max is robust.", "tutorial 4", "all"),
    Claim(9, "No parameters, no loss.", "tutorial 9", "all", facts={"9.2": "written to fail"}, lacks="no loss"),
)
SURE = {"p_hold": 1e-4, "p_fail": 1.0, "context": "CIFAR-10"}
STUDIED = make_verdicts(
    {"claim": 3, "id": "3b", "effect": 2.2, "sd": 1.0, "verdict": STRONG, **SURE},
    {"claim": 3, "id": "3a", "effect": 2.0, "sd": 1.0, "verdict": YES, **SURE},
    {"claim": 3, "id": "3c", "effect": 2.1, "sd": 1.0, "verdict": YES, **SURE},
    {"claim": 3, "id": "3d", "effect": 0.1, "sd": 9.0, "verdict": "inconclusive", "context": "MNIST"},
    {"claim": 4, "id": "4a", "n": 0, "verdict": NEVER},
    {"claim": 4, "id": "4b", "verdict": "refuted-reversed", "p_fail": 1e-4, "context": "MNIST"},
)


def test_a_ledger_of_studied_and_counted_contrasts() -> None:
    ledger = make_ledger(CLAIMS, [STUDIED])
    claims = ledger.claims.set_index("number")
    assert claims["verdict"].to_dict() == {1: "supported", 3: "supported", 4: "refuted", 9: "open"}
    assert claims.loc[3, ["contrasts", "holds", "fails"]].tolist() == [4, 3, 0]
    assert claims.loc[1, ["contrasts", "holds", "fails", "described"]].tolist() == [3, 3, 0, 2]
    assert claims.loc[4, ["contrasts", "fails", "not_reached"]].tolist() == [2, 1, 1]
    assert claims.loc[3, "pooled"] == pytest.approx(2.1, abs=0.02)
    assert math.isnan(claims.loc[4, "pooled"])
    ids = ledger.verdicts["id"].tolist()
    assert ids[:5] == ["1.1", "1.2", "1.3", "1.4", "1.5"]
    assert [identity for identity in ids if identity.startswith("3")] == ["3a", "3b", "3c", "3d"]
    assert ids[-2:] == ["13.1", "13.2"]
    counted = ledger.verdicts.set_index("id")
    assert counted.loc["1.3", ["verdict", "p_fail", "because"]].tolist() == ["described", 1.0, "written to fail"]


def test_contrasts_beyond_z_come_after_it() -> None:
    rows = [{**STUDIED[STUDIED["id"] == "3a"].iloc[0].to_dict(), "id": name} for name in ("3aa", "3b", "3z", "3a")]
    ids = make_ledger(CLAIMS, [pd.DataFrame(rows)]).verdicts["id"].tolist()
    assert [name for name in ids if name in ("3aa", "3b", "3z", "3a")] == ["3a", "3b", "3z", "3aa"]


def test_a_claim_without_any_run_is_not_reached() -> None:
    ledger = make_ledger(CLAIMS, [STUDIED[STUDIED["id"] == "4a"]])
    assert ledger.claims.set_index("number").loc[[3, 4], "verdict"].tolist() == ["not reached", "not reached"]


def test_the_ledger_in_words() -> None:
    ledger = make_ledger(CLAIMS, [STUDIED])
    shown = show_claims(ledger).set_index("claim")
    assert shown["contrasts"].to_dict() == {
        "1": "holds in all 3",
        "3": "holds in at least 3 of 4",
        "4": "fails in at least 1 of 2, 1 not reached",
        "9": "holds in the only one",
    }
    assert say_where(ledger, 3) == "Holds: 3a, 3b, 3c (CIFAR-10); Not shown by itself: 3d (MNIST)."
    assert say_where(ledger, 4) == "Reversed: 4b (MNIST); Not reached: 4a."
    assert say_where(ledger, 9) == "Holds: 9.1; Not decided: no loss."
    added = make_ledger(CLAIMS, [STUDIED.assign(registration="added after the runs")])
    assert say_where(added, 4).endswith(
        "Not reached: 4a. The verdict rests on contrasts that were added after the runs."
    )
    assert say_facts(ledger, 9) == ("9.2 is only described: written to fail.",)
    (sentence,) = say_pooled(ledger.claims, ledger.verdicts)
    assert sentence.startswith("Claim 3, over its 4 contexts (random effects, in units of δ): the mean effect is +2.0")
    assert "in a new context like these it is expected from" in sentence
    assert "Interim" not in sentence
    (interim,) = say_pooled(ledger.claims, ledger.verdicts.assign(planned=99))
    assert interim == f"{sentence} Interim: 4 of them have fewer seeds than planned."


def test_the_front_page_has_the_verdicts_of_the_committed_ledger() -> None:
    root = Path(__file__).parents[2]
    claims = pd.read_csv(root / "results" / "ledger" / "claims.csv").set_index("number")
    text = (root / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+)\. .*? \| \**(not reached|\w+)", text, re.MULTILINE)
    assert {int(number): verdict for number, verdict in rows} == claims["verdict"].to_dict()
    site = (root / "docs" / "index.md").read_text(encoding="utf-8")
    assert "## Nineteen claims" in text and "Nineteen claims" in site
    assert len(claims) == 19
    operators = {path.stem for path in (root / "configs" / "pool").glob("*.yaml")} - {"none", "max_overlap"}
    assert f"{len(operators)} pooling operators" in text
    for number, row in claims.loc[[3, 10, 18]].iterrows():
        (line,) = re.findall(rf"^\| {number}\. .*$", text, re.MULTILINE)
        assert f"in at least {row['fails']} of {row['contrasts']}" in line
        if not math.isnan(row["prediction_low"]):
            assert f"from {row['prediction_low']:.1f} to {row['prediction_high']:.1f} δ" in line


def test_the_list_of_studies_has_every_study_with_its_question_and_claims() -> None:
    root = Path(__file__).parents[2] / "experiments"
    listed = re.findall(
        r"^\| \[(\w+)\]\(\w+/README.md\) \| (.*?) \| ([\d, ]*) \|", (root / "README.md").read_text("utf-8"), re.M
    )
    expected = set()
    for page in root.glob("*/README.md"):
        files = [path.read_text("utf-8") for path in page.parent.glob("*.yaml")]
        claims = {int(number) for text in files for number in re.findall(r"^ +claim: (\d+)", text, re.M)}
        title = page.read_text("utf-8").splitlines()[0].removeprefix("# ")
        expected.add((page.parent.name, title, ", ".join(map(str, sorted(claims)))))
    assert {(name, title, claims.strip()) for name, title, claims in listed} == expected


def test_the_page_of_rules_has_the_figures_of_its_table() -> None:
    root = Path(__file__).parents[2] / "experiments"
    table = pd.read_csv(root / "rules.csv")
    normal = table[table["noise"] == "normal"].set_index(["claim", "seeds"])["supported_2delta"]
    text = (root / "RULES.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \(\w+\) \| \d+ \| ([\d.]+) / ([\d.]+) / ([\d.]+) / ([\d.]+) \|", text, re.MULTILINE)
    assert {int(row[0]) for row in rows} == set(table["claim"])
    for claim, *shares in rows:
        expected = normal[int(claim)].sort_index().to_list()  # as many seeds as planned, and 2, 4 and 8 times as many
        assert [float(share) for share in shares] == pytest.approx(expected, abs=0.006)
