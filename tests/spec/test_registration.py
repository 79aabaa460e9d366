"""The hash of a registration changes with what was registered, and with nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import poolscope.spec.registration as registration
from poolscope.spec.registration import hash_registration

CODE = "statistics/contrast_rule.py"
RULE = '''"""A rule."""
def judge(x):
    """Judge."""
    return x > 0.05
'''


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    files = {
        "experiments/made/claims.yaml": "contrasts: [{id: 3a, claim: 3, delta: 1.0}]\n",
        "experiments/claims.yaml": "[{number: 3, rule: often}, {number: 4, rule: all}]\n",
        "configs/experiment/made.yaml": "seeds: [0, 1]\nhydra: {sweeper: {params: {arm: 'a,b'}}}\n",
        "configs/arm/a.yaml": "optim: {learning_rate: 0.1}\n",
        "configs/arm/b.yaml": "optim: {learning_rate: 0.2}\n",
        "configs/arm/c.yaml": "optim: {learning_rate: 0.3}\n",
        CODE: RULE,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(registration, "shipped", lambda folder: tmp_path / folder)
    monkeypatch.setattr(registration, "_STATISTICS", tmp_path / "statistics")
    monkeypatch.setattr(registration, "_RULE", ("contrast_rule",))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "text", "changed"),
    [
        ("experiments/made/claims.yaml", "# a remark\ncontrasts:\n  - {claim: 3, id: 3a, delta: 1.0}\n", set()),
        ("experiments/made/claims.yaml", "contrasts: [{id: 3a, claim: 3, delta: 2.0}]\n", {"contrasts"}),
        ("experiments/claims.yaml", "[{number: 3, rule: all}, {number: 4, rule: all}]\n", {"contrasts"}),
        ("experiments/claims.yaml", "[{number: 3, rule: often}, {number: 4, rule: often}]\n", set()),
        ("configs/experiment/made.yaml", "seeds: [0]\nhydra: {sweeper: {params: {arm: 'a,b'}}}\n", {"plan"}),
        ("configs/arm/b.yaml", "optim: {learning_rate: 0.5}\n", {"plan"}),
        ("configs/arm/c.yaml", "optim: {learning_rate: 0.5}\n", set()),
        (CODE, RULE.replace("0.05", "0.1"), {"rule"}),
        (
            "statistics/contrast_rule.py",
            RULE.replace("Judge.", "Judge it.").replace("x > 0.05", "(x >  0.05)  # so"),
            set(),
        ),
    ],
)
def test_what_changes_a_hash(study: Path, name: str, text: str, changed: set[str]) -> None:
    hash_registration.cache_clear()
    before = hash_registration("made")
    (study / name).write_text(text, encoding="utf-8")
    hash_registration.cache_clear()
    after = hash_registration("made")
    assert {part for part in before if before[part] != after[part]} == changed
    hash_registration.cache_clear()


def test_a_study_that_registered_nothing_has_no_hash(study: Path) -> None:
    hash_registration.cache_clear()
    assert hash_registration("other") == {}
    hash_registration.cache_clear()


def test_every_registered_study_has_three_hashes_of_twelve_digits() -> None:
    hash_registration.cache_clear()
    for path in (Path(__file__).parents[2] / "experiments").glob("*/claims.yaml"):
        assert yaml.safe_load(path.read_text(encoding="utf-8"))["contrasts"]
        hashes = hash_registration(path.parent.name)
        assert set(hashes) == {"contrasts", "plan", "rule"}
        assert all(len(digits) == 12 for digits in hashes.values())
