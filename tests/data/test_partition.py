"""Splits by hash: fixed, stratified, and with copies of one file on one side."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolscope.data.partition import order_evenly, sort_naturally, split_classes
from poolscope.spec.errors import PoolscopeError


def hash_text(text: object) -> str:
    return hashlib.sha256(str(text).encode()).hexdigest()


@given(st.dictionaries(st.sampled_from("abc"), st.integers(2, 30), min_size=1), st.floats(0.05, 0.95))
def test_every_class_gives_its_share_whatever_the_order_of_the_files(counts: dict[str, int], fraction: float) -> None:
    labels = [label for label, count in counts.items() for _ in range(count)]
    hashes = [hash_text(number) for number in range(len(labels))]
    splits = split_classes(labels, hashes, fraction, hashes)
    for label, count in counts.items():
        test = sum(split == "test" for split, other in zip(splits, labels, strict=True) if other == label)
        assert test == min(max(round(fraction * count), 1), count - 1)
    turned = split_classes(labels[::-1], hashes[::-1], fraction, hashes[::-1])
    assert turned[::-1] == splits


def test_one_image_more_moves_no_other_by_more_than_the_boundary() -> None:
    hashes = [hash_text(number) for number in range(50)]
    before = split_classes(["a"] * 49, hashes[:49], 0.2, hashes[:49])
    after = split_classes(["a"] * 50, hashes, 0.2, hashes)
    assert sum(old != new for old, new in zip(before, after, strict=False)) <= 1


def test_copies_stay_together() -> None:
    hashes = ["1", "2", "2", "2"]
    assert split_classes(["a"] * 4, hashes, 0.3, list("wxyz")) == ["train", "test", "test", "test"]


@pytest.mark.parametrize(("hashes", "what"), [(["1"], "one image"), (["1", "1"], "2 copies of one image")])
def test_a_class_that_can_t_be_split_is_named(hashes: list[str], what: str) -> None:
    with pytest.raises(PoolscopeError, match=rf"The class 'rare' has {what} \(rare/0.png\); it needs at least 2"):
        split_classes(["rare"] * len(hashes), hashes, 0.2, [f"rare/{i}.png" for i in range(len(hashes))])


@given(st.lists(st.sampled_from("aab"), min_size=4, max_size=60))
def test_any_slice_has_the_classes_own_shares(labels: list[str]) -> None:
    hashes = [hash_text(number) for number in range(len(labels))]
    order = order_evenly(labels, hashes, hashes)
    assert sorted(order) == list(range(len(labels)))
    shares = Counter(labels)
    for stop in range(1, len(labels)):
        part = Counter(labels[i] for i in order[:stop])
        assert all(abs(part[label] - count * stop / len(labels)) <= 1.5 for label, count in shares.items())


def test_numbers_in_names_are_sorted_by_size() -> None:
    assert sort_naturally({"class10", "class9", "b", "10", "2"}) == ["2", "10", "b", "class9", "class10"]
