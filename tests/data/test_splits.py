"""Split strings against tensorflow-datasets' own reading; subsets and corrupted labels by their defining properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tensorflow_datasets.core import splits as oracle

from poolscope.data.splits import Slice, check_disjoint, corrupt_labels, draw_balanced_order, parse_split, stream
from poolscope.spec.errors import PoolscopeError

SIZES = {"train": 60_000, "test": 997}


def read_by_tfds(text: str, sizes: dict[str, int]) -> list[tuple[str, int, int]]:
    infos = {name: oracle.SplitInfo(name=name, shard_lengths=[size], num_bytes=0) for name, size in sizes.items()}
    pieces = oracle.AbstractSplit.from_spec(text).to_absolute(infos)
    return [
        (piece.splitname, piece.from_ or 0, sizes[piece.splitname] if piece.to is None else piece.to)
        for piece in pieces
    ]


BOUND_PERCENT = st.one_of(st.just(""), st.integers(-100, 100).map("{}%".format), st.just("33.3%"), st.just("-0.25%"))
BOUND_IMAGES = st.one_of(st.just(""), st.integers(-1100, 1100).map(str), st.sampled_from(["0", "997", "-997"]))
SLICE = st.one_of(
    st.just(""),
    st.tuples(BOUND_PERCENT, BOUND_PERCENT).map(lambda ends: "[{}:{}]".format(*ends)),
    st.tuples(BOUND_IMAGES, BOUND_IMAGES).map(lambda ends: "[{}:{}]".format(*ends)),
)
TEXT = st.lists(st.tuples(st.sampled_from(["train", "test"]), SLICE).map("".join), min_size=1, max_size=3).map(
    " + ".join
)


@given(TEXT, st.integers(1, 1100))
def test_split_strings_mean_what_they_mean_to_tensorflow_datasets(text: str, size: int) -> None:
    sizes = {"train": size, "test": 997}
    try:
        expected = read_by_tfds(text, sizes)
    except (ValueError, AssertionError):
        with pytest.raises(PoolscopeError):
            parse_split(text, sizes)
        return
    if any(start >= stop for _, start, stop in expected):  # tensorflow-datasets finds out when it reads no images
        with pytest.raises(PoolscopeError, match="names no images"):
            parse_split(text, sizes)
        return
    assert [(piece.base, piece.start, piece.stop) for piece in parse_split(text, sizes)] == expected


def test_split_strings_by_hand() -> None:
    assert parse_split("train", SIZES) == (Slice("train", 0, 60_000),)
    assert parse_split("train[:90%]", SIZES) == (Slice("train", 0, 54_000),)
    assert parse_split("train[5000:]", SIZES) == (Slice("train", 5000, 60_000),)
    assert parse_split("train[:50%]+test[-10:]", SIZES) == (Slice("train", 0, 30_000), Slice("test", 987, 997))
    assert len(parse_split("train[:33%]", {"train": 1437})[0]) == 474  # 474.21


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("validation", "data.val=validation: there is no split 'validation'; there are train, test."),
        ("train[:70000]", "data.val=train[:70000]: 'train[:70000]' reaches past the 60,000 images of the split."),
        ("train[:101%]", "reaches past"),
        ("train[50:50]", "data.val=train[50:50]: 'train[50:50]' names no images; 'train' has 60,000."),
        ("train[90%:10%]", "names no images"),
        ("train[:1.5]", "'1.5' in 'train[:1.5]' is no number of images or percent"),
        ("train[10:50%]", "mixes images and percent"),
        ("train[:2shard]", "'2shard' in 'train[:2shard]' is no number of images or percent"),
        ("train[5]", "is not a split; write it as in train, train[:90%]"),
        ("train[:]", "has an empty slice"),
        ("train[::2]", "is not a split"),
        ("train[:50%", "is not a split"),
        ("train+", "'' is not a split"),
        ("", "'' is not a split"),
    ],
)
def test_bad_split_strings_get_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(PoolscopeError) as caught:
        parse_split(text, SIZES, "data.val")
    assert sentence in str(caught.value)
    assert str(caught.value).startswith(f"data.val={text}: ")


def test_no_image_has_two_parts() -> None:
    parse = lambda **texts: {f"data.{key}": parse_split(text, SIZES) for key, text in texts.items()}  # noqa: E731
    check_disjoint(parse(train="train[:50%]", val="train[50%:]", test="test"))
    with pytest.raises(PoolscopeError, match=r"data.train and data.val share 600 images of 'train'"):
        check_disjoint(parse(train="train[:90%]", val="train[89%:]", test="test"))
    with pytest.raises(PoolscopeError, match=r"data.train and data.test share 997 images of 'test'"):
        check_disjoint(parse(train="train[:50%]+test", val="train[50%:]", test="test"))
    with pytest.raises(PoolscopeError, match=r"data.train names twice 5 images"):
        check_disjoint(parse(train="train[:10]+train[5:20]", val="train[50%:]", test="test"))


LABELS = st.lists(st.integers(0, 4), min_size=1, max_size=80).map(lambda values: np.array(values, np.int32))


@given(LABELS, st.integers(0, 100))
def test_every_prefix_of_a_balanced_order_is_as_balanced_as_the_images_allow(labels: np.ndarray, seed: int) -> None:
    order = draw_balanced_order(labels, stream(seed, 1))
    assert sorted(order) == list(range(len(labels)))
    available = np.bincount(labels, minlength=5)
    for size in range(len(labels) + 1):
        counts = np.bincount(labels[order[:size]], minlength=5)
        left = counts < available  # classes that could still give an image
        assert not left.any() or counts.max() - counts[left].min() <= 1


def test_which_images_are_drawn_depends_on_the_seed_and_is_uniform() -> None:
    labels = np.arange(40) % 2
    drawn = np.zeros(40)
    for seed in range(500):
        drawn[draw_balanced_order(labels, stream(seed, 1))[:10]] += 1
    # each image has chance 1/4; chi-squared with 38 degrees of freedom stays below 80 with p > 0.9999
    assert ((drawn - 125) ** 2 / (125 * 0.75)).sum() < 80
    np.testing.assert_array_equal(draw_balanced_order(labels, stream(7, 1)), draw_balanced_order(labels, stream(7, 1)))
    assert not np.array_equal(stream(0, 1).random(3), stream(0, 2).random(3))


@given(LABELS, st.floats(0, 1), st.integers(0, 100))
def test_moved_labels_have_the_exact_rate_and_another_class(labels: np.ndarray, fraction: float, seed: int) -> None:
    noisy, moved = corrupt_labels(labels, 5, fraction, stream(seed, 2))
    assert moved.sum() == round(fraction * len(labels))
    np.testing.assert_array_equal(noisy != labels, moved)
    assert noisy.dtype == np.int32
    assert noisy.min() >= 0
    assert noisy.max() < 5


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 100))
def test_a_larger_fraction_moves_more_labels_in_the_same_way(small: float, large: float, seed: int) -> None:
    assume(small <= large)
    labels = np.arange(50, dtype=np.int32) % 7
    few, moved = corrupt_labels(labels, 7, small, stream(seed, 2))
    many, _ = corrupt_labels(labels, 7, large, stream(seed, 2))
    np.testing.assert_array_equal(few[moved], many[moved])


def test_labels_move_to_every_other_class_alike() -> None:
    noisy, _ = corrupt_labels(np.full(9000, 3, np.int32), 10, 1.0, stream(0, 2))
    counts = np.bincount(noisy, minlength=10)
    assert counts[3] == 0
    assert np.abs(np.delete(counts, 3) - 1000).max() < 150  # five standard deviations
