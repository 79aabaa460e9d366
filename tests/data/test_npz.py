"""Arrays of a NumPy file: the usual names, labels of any kind, and each way in which they don't fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from image_folders import configure_own

from poolscope.data.datasets import load_dataset, open_source
from poolscope.spec.content_hash import hash_files
from poolscope.spec.errors import PoolscopeError

RNG = np.random.RandomState(0)
GREY, COLOUR = (RNG.randint(0, 256, (12, 4, 5, *rest)).astype(np.uint8) for rest in ((), (3,)))
LABELS = np.arange(12) % 3


@pytest.fixture(autouse=True)
def _look_again() -> None:
    hash_files.cache_clear()


def open_arrays(tmp_path: Path, **arrays: np.ndarray):
    np.savez(tmp_path / "set.npz", **arrays)
    return open_source(configure_own(tmp_path / "set.npz", "npz"))


@pytest.mark.parametrize(
    ("names", "sizes"),
    [
        (("images", "labels"), {"train": 9, "test": 3}),
        (("x", "y"), {"train": 9, "test": 3}),
        (("x_train", "y_train", "x_test", "y_test"), {"train": 12, "test": 12}),
        (("train_images", "train_labels", "test_images", "test_labels"), {"train": 12, "test": 12}),
        (("images_train", "labels_train", "images_extra", "labels_extra"), {"train": 12, "extra": 12}),
    ],
)
@pytest.mark.parametrize("images", [GREY, COLOUR], ids=["grey", "colour"])
def test_the_usual_names_are_read(tmp_path: Path, names: tuple[str, ...], sizes: dict[str, int], images) -> None:
    pairs = {name: images if {"x", "images"} & set(name.split("_")) else LABELS for name in names}
    source = open_arrays(tmp_path, **pairs)
    assert dict(source.sizes) == sizes
    assert source.shape == (4, 5, 3 if images.ndim == 4 else 1)
    assert source.labels == ("0", "1", "2")


def test_images_and_labels_stay_together(tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", images=COLOUR, labels=LABELS[:, None], label_names=["red", "green", "blue"])
    dataset = load_dataset(configure_own(tmp_path / "set.npz", "npz"), 0)
    known = {image.tobytes(): ("red", "green", "blue")[label] for image, label in zip(COLOUR, LABELS, strict=True)}
    for split in (dataset.train, dataset.val, dataset.test):
        for image, label in zip(split.images, split.labels, strict=True):
            assert known[image.tobytes()] == dataset.labels[label]


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    source = open_arrays(tmp_path, images=GREY.astype(np.uint16) * 257, labels=LABELS)
    kept = {image.tobytes() for split in source.sizes for image in source.read(split).images}
    assert kept == {image.tobytes() for image in GREY}


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"a": GREY}, r"must have images and labels, .*; it has a"),
        ({"images": GREY}, "has images but no labels"),
        ({"x_train": GREY, "labels": LABELS}, "has x_train but no y_train"),
        ({"images": GREY / 255, "labels": LABELS}, r"images must be uint8 .*, not float64; for levels from 0 to 1"),
        ({"images": np.moveaxis(COLOUR, -1, 1), "labels": LABELS}, r"not \(12, 3, 4, 5\); move its channels last"),
        ({"images": GREY[0], "labels": LABELS}, r"must be \(images, height, width\)"),
        ({"images": GREY, "labels": LABELS[:5]}, r"labels must be one whole number or text for each of the 12 images"),
        ({"images": GREY, "labels": LABELS / 2}, r"one whole number or text .* not float64"),
        ({"images": GREY, "labels": np.eye(12, 3, dtype=int)}, r"not int64 \(12, 3\)"),
        ({"images": GREY, "labels": LABELS, "x_test": GREY, "y_test": LABELS}, "both with and without a split"),
        ({"images": GREY, "x": GREY, "labels": LABELS, "y": LABELS}, "two arrays of the same images, images and x"),
        ({"images": GREY, "labels": np.array([{}] * 12)}, "cannot be read .*allow_pickle"),
        ({"images": GREY[:0], "labels": LABELS[:0]}, "has no images in it"),
        ({"images": GREY[:, :0], "labels": LABELS}, r"images has images without a pixel, \(12, 0, 5\)"),
        ({"x": COLOUR[:, :, :0], "y": LABELS}, r"x has images without a pixel, \(12, 4, 0, 3\)"),
    ],
)
def test_arrays_that_don_t_fit_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray], sentence: str) -> None:
    with pytest.raises(PoolscopeError, match=sentence):
        open_arrays(tmp_path, **arrays)


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npz.npy", GREY)
    array = (tmp_path / "one.npz.npy").read_bytes()
    for name, content in (("text.npz", b"text"), ("short.npz", b"PK\x03\x04"), ("one.npz", array)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(PoolscopeError, match=rf"{name} cannot be read \(it is no archive of arrays; write it with"):
            open_source(configure_own(tmp_path / name, "npz"))
