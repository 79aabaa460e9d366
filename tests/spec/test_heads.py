"""Heads as declared: what a configuration can choose, counted."""

from __future__ import annotations

import pytest

from poolscope.spec.heads import HEADS

SHAPE = (3, 5, 4)


@pytest.mark.parametrize(
    ("name", "features", "parameters"),
    [
        ("flatten", 60, 0),
        ("avg", 4, 0),
        ("catavgmax", 8, 0),
        ("grid", 16, 0),
        ("pyramid", 84, 0),
        ("bilinear", 16, 0),
        ("covariance", 10, 0),
        ("attention", 4, 16 * 4 + 4 * 16 + 4 * 4),
        ("simpool", 4, 2 * 16 + 2 * 4),
        ("latent", 4, 4 + (4 * 16 + 16) + (64 + 16) + (64 + 4)),
        ("netvlad", 32, 4 * 8 + 8 + 8 * 4),
    ],
)
def test_features_and_parameters_by_hand(name: str, features: int, parameters: int) -> None:
    assert HEADS[name].count_features(SHAPE, grid=2) == features
    assert HEADS[name].count_parameters(SHAPE) == parameters


def test_every_head_says_what_it_is() -> None:
    for head in HEADS.values():
        assert head.summary and head.formula and head.source, head.name
        assert head.function or head.name in ("flatten", "grid"), head.name


def test_formulas_of_parameters_are_their_counts() -> None:
    for head in HEADS.values():
        formula = head.learnable.replace("H", "3").replace("W", "5").replace("C", "4")
        assert eval(formula) == head.count_parameters(SHAPE), head.name
