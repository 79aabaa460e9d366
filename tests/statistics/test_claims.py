"""Claims and contrasts are read as written, and what is written wrongly is refused in one sentence."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from made_contrasts import FULL, write_contrasts

from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import shipped
from poolscope.statistics.claims import Condition, Ladder, find_contrasts, list_contrasts, read_claims, read_contrasts

SLOPE = {**FULL, "kind": "slope", "over": {"column": "pool.stride", "values": [1, 2, 4]}, "baseline": None}


def test_a_contrast_is_read_as_it_is_written(tmp_path: Path) -> None:
    (contrast,) = read_contrasts(write_contrasts(tmp_path, FULL, seeds=12))
    assert {key: getattr(contrast, key) for key in FULL} == FULL
    assert (contrast.study, contrast.planned, contrast.sign, contrast.minus) == ("made", 12, 1, {})


def test_a_lower_claim_has_the_other_sign_and_ten_seeds_are_planned_where_none_are_named(tmp_path: Path) -> None:
    (contrast,) = read_contrasts(write_contrasts(tmp_path, {**FULL, "direction": "lower"}))
    assert (contrast.sign, contrast.planned) == (-1, 10)


def test_a_slope_has_a_ladder(tmp_path: Path) -> None:
    (contrast,) = read_contrasts(write_contrasts(tmp_path, SLOPE))
    assert contrast.over == Ladder("pool.stride", (1, 2, 4))


def test_a_slope_may_be_that_of_a_difference(tmp_path: Path) -> None:
    (contrast,) = read_contrasts(write_contrasts(tmp_path, {**SLOPE, "baseline": {"pool.name": "avg"}}))
    assert contrast.baseline == {"pool.name": "avg"}


def test_an_equality_needs_no_delta_and_no_direction(tmp_path: Path) -> None:
    left_out = ("baseline", "delta", "direction")
    entry = {key: value for key, value in FULL.items() if key not in left_out} | {"kind": "exact", "equals": 1.0}
    (contrast,) = read_contrasts(write_contrasts(tmp_path, entry))
    assert contrast.equals == 1.0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"kind": "bigger"}, "kind must be one of difference, noninferior, .* not 'bigger'"),
        ({"unit": "percent"}, "contrast 3a of made/claims.yaml: unit must be one of points, .* not 'percent'"),
        ({"direction": "up"}, "direction must be one of higher, lower, not 'up'"),
        ({"direction": None}, "lacks direction"),
        ({"delta": 0}, "delta must be a number above 0, not 0"),
        ({"delta": "1 point"}, "delta must be a number above 0, not '1 point'"),
        ({"delta": None}, "lacks delta"),
        ({"family": 2.5}, "family must be a whole number above 0, not 2.5"),
        ({"claim": "three"}, "claim must be a whole number above 0, not 'three'"),
        ({"where": {"dataset": "mnist"}}, "where has no column 'dataset'; it takes keys such as pool.name"),
        ({"arm": ["max"]}, r"arm must be filters such as \{pool.name: max\}, not \['max'\]"),
        ({"baseline": None}, "kind difference needs baseline"),
        ({"minus": {"data.train_size": 1}}, "kind difference takes no minus"),
        ({"kind": "interaction"}, "kind interaction needs minus"),
        ({"kind": "slope"}, "over must be of the form .* not None"),
        ({"kind": "exact", "equals": 1.0}, "kind exact needs either baseline or equals"),
        ({"kind": "exact", "minus": {"data.train_size": 1}}, "kind exact takes no minus"),
        ({"measures": "test_loss"}, "there is no key 'measures'"),
        ({"measure": None}, "contrast 1 of made/claims.yaml lacks measure"),
    ],
)
def test_a_wrong_contrast_is_refused(tmp_path: Path, change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PoolscopeError, match=sentence):
        read_contrasts(write_contrasts(tmp_path, {**FULL, **change}))


@pytest.mark.parametrize(
    ("over", "sentence"),
    [
        ({"column": "pool.stride"}, "over must be of the form"),
        ({"column": "stride", "values": [1, 2]}, "over has no column 'stride'"),
        ({"column": "pool.stride", "values": [2, 2]}, "at least two different numbers above 0"),
        ({"column": "pool.stride", "values": [0, 2]}, "at least two different numbers above 0"),
        ({"column": "pool.stride", "values": [1, "two"]}, "at least two different numbers above 0"),
    ],
)
def test_a_wrong_ladder_is_refused(tmp_path: Path, over: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PoolscopeError, match=sentence):
        read_contrasts(write_contrasts(tmp_path, {**SLOPE, "over": over}))


def test_no_two_contrasts_share_an_id_even_between_studies(tmp_path: Path) -> None:
    with pytest.raises(PoolscopeError, match="id '3a' is there twice"):
        read_contrasts(write_contrasts(tmp_path / "one", FULL, FULL))
    for study in ("this", "that"):
        write_contrasts(tmp_path, FULL, study=study)
    with pytest.raises(PoolscopeError, match="id '3a' is there twice"):
        list_contrasts(tmp_path)


def test_contrasts_are_listed_by_claim(tmp_path: Path) -> None:
    write_contrasts(tmp_path, {**FULL, "id": "10a", "claim": 10}, {**FULL, "id": "2b", "claim": 2}, study="this")
    write_contrasts(tmp_path, {**FULL, "id": "2a", "claim": 2}, study="that")
    assert [contrast.id for contrast in list_contrasts(tmp_path)] == ["2a", "2b", "10a"]


def test_what_is_no_yaml_is_refused_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "made" / "claims.yaml"
    path.parent.mkdir()
    path.write_text("contrasts:\n  - id: [1\n", encoding="utf-8")
    with pytest.raises(PoolscopeError, match=r"is no YAML \(line 3\)"):
        read_contrasts(path)
    path.write_text("- id: 1\n", encoding="utf-8")
    with pytest.raises(PoolscopeError, match="must have a list `contrasts`"):
        read_contrasts(path)


def test_a_claim_needs_a_rule_that_there_is(tmp_path: Path) -> None:
    path = tmp_path / "claims.yaml"
    entry = {"number": 3, "statement": "max is better", "source": "tutorial 3", "rule": "mostly"}
    path.write_text(yaml.safe_dump([entry]), encoding="utf-8")
    with pytest.raises(PoolscopeError, match="rule must be one of all, often, not 'mostly'"):
        read_claims(path)
    path.write_text(yaml.safe_dump([{**entry, "rule": "often"}] * 2), encoding="utf-8")
    with pytest.raises(PoolscopeError, match="number 3 is there twice"):
        read_claims(path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"facts": ["3a"]}, "facts must be of the form"),
        ({"premise": {"measure": "gap"}}, "premise must be of the form"),
        ({"premise": [{"measure": "test_loss", "unit": "nats"}]}, "premise of claim 1 of claims.yaml lacks above"),
        ({"premise": [{"measure": "test_loss", "unit": "m", "above": 1}]}, "unit must be one of points"),
        ({"premise": [{"measure": "test_loss", "unit": "nats", "above": "1"}]}, "above must be a number, not '1'"),
        ({"lack": "a part"}, "there is no key 'lack'"),
    ],
)
def test_a_wrong_claim_is_refused(tmp_path: Path, change: dict[str, Any], sentence: str) -> None:
    entry = {"number": 3, "statement": "max is better", "source": "tutorial 3", "rule": "all", **change}
    (tmp_path / "claims.yaml").write_text(yaml.safe_dump([entry]), encoding="utf-8")
    with pytest.raises(PoolscopeError, match=sentence):
        read_claims(tmp_path / "claims.yaml")


def test_a_familys_size_is_the_number_of_contrasts_that_decide_the_claim_over_all_studies(tmp_path: Path) -> None:
    write_contrasts(tmp_path, FULL, {**FULL, "id": "3b"}, {**FULL, "id": "4a", "claim": 4}, study="this")
    added = write_contrasts(tmp_path, {**FULL, "id": "3c"}, study="that").rename(tmp_path / "that" / "added.yaml")
    premise = [{"measure": "generalisation_gap", "unit": "points", "above": 15}]
    entry = {"number": 3, "statement": "max is better", "source": "tutorial 3", "rule": "often", "premise": premise}
    text = yaml.safe_dump([{**entry, "facts": {"3b": "about something else"}}])
    (tmp_path / "claims.yaml").write_text(text, encoding="utf-8")
    contrasts = {contrast.id: contrast for contrast in list_contrasts(tmp_path)}
    assert {name: contrast.family for name, contrast in contrasts.items()} == {"3a": 2, "3b": 1, "3c": 2, "4a": 1}
    assert contrasts["3b"].because == "about something else"
    assert contrasts["3a"].premise == (Condition("generalisation_gap", "points", 15),)
    assert contrasts["4a"].premise == ()
    assert [name for name, contrast in contrasts.items() if not contrast.registered] == ["3c"]
    assert added.is_file()


def test_how_unlearned_runs_enter_is_registered(tmp_path: Path) -> None:
    (contrast,) = read_contrasts(write_contrasts(tmp_path, FULL, unlearned="left_out"))
    assert contrast.unlearned == "left_out"
    with pytest.raises(PoolscopeError, match="unlearned must be one of kept, left_out, not 'dropped'"):
        read_contrasts(write_contrasts(tmp_path, FULL, unlearned="dropped"))


def test_the_shipped_claims_and_contrasts_can_be_read_and_belong_together() -> None:
    numbers = {claim.number for claim in read_claims()}
    assert set(range(1, 15)) <= numbers
    contrasts = list_contrasts()
    assert {contrast.claim for contrast in contrasts} <= numbers
    for path in shipped("experiments").glob("*/claims.yaml"):
        assert find_contrasts(path.parent.name)
    assert find_contrasts("no_such_study") == ()


@pytest.mark.parametrize(
    "plan", sorted(shipped("experiments").glob("*/planned.yaml")), ids=lambda path: path.parent.name
)
def test_every_contrast_of_a_plan_gets_a_verdict_or_a_reason_once_it_is_registered(plan: Path, tmp_path: Path) -> None:
    head = plan.read_text(encoding="utf-8").partition("seeds:")[0]
    added = [line[2:] for line in head.splitlines() if re.match(r"# (- number:|  \w+:)", line)]
    facts = dict(re.findall(r'"(\w+): ([^"]+)"', head))
    claims = (shipped("experiments") / "claims.yaml").read_text(encoding="utf-8")
    (tmp_path / "claims.yaml").write_text(claims + "\n".join(added) + "\n", encoding="utf-8")
    for path in [*shipped("experiments").glob("*/claims.yaml"), *shipped("experiments").glob("*/added.yaml"), plan]:
        folder = tmp_path / path.parent.name
        folder.mkdir(exist_ok=True)
        name = "claims.yaml" if path == plan else path.name
        (folder / name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    known = {claim.number for claim in read_claims(tmp_path / "claims.yaml")}
    planned = [contrast for contrast in list_contrasts(tmp_path) if contrast.study == plan.parent.name]
    registered = {contrast.id: contrast.family for contrast in read_contrasts(plan)}
    assert {contrast.claim for contrast in planned} <= known
    assert {c.id: c.family for c in planned if c.id not in facts} == {
        identity: family for identity, family in registered.items() if identity not in facts
    }
    assert set(facts) <= set(registered)
