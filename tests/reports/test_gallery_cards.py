"""What a card says of an operator, from the committed tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from poolscope.reports.gallery_cards import make_card, tabulate_operators
from poolscope.reports.gallery_tables import Gallery, read_gallery


@pytest.fixture(scope="module")
def gallery() -> Gallery:
    return read_gallery(Path(__file__).resolve().parents[2] / "results" / "gallery" / "tables")


@pytest.mark.parametrize(
    ("name", "fact", "said"),
    [
        ("max", "Parameters", "none"),
        ("avg", "Gain on a constant", "1"),
        ("none", "Shift error", "0.000 (equivariant)"),
        ("max", "Training and evaluation", "the same"),
        ("avg", "Output", "32×32×3"),
        ("avg", "Gradient", "yes, to 100 % of the input"),
    ],
)
def test_facts_are_put_in_words(gallery: Gallery, name: str, fact: str, said: str) -> None:
    assert dict(make_card(gallery, name).facts)[fact] == said


def test_an_operator_without_pictures_keeps_its_source(gallery: Gallery) -> None:
    card = make_card(gallery, "conv_stride")
    assert card.pictures == ()
    assert [fact for fact, _ in card.facts] == ["Source"]


def test_the_table_has_a_row_for_each_operator(gallery: Gallery) -> None:
    table = tabulate_operators(gallery.operators)
    assert table["pool="].tolist() == gallery.operators["name"].tolist()
    assert not table.isna().any().any()
