"""scikit-learn's digits: all of them, in an order that never changes."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from poolscope.data import digits
from poolscope.data.datasets import load_dataset
from poolscope.spec.config import DataConfig

CONFIG = DataConfig("digits", "digits", "train[:1200]", "train[1200:]", "test")


def test_digits_are_scikit_learn_s_each_once() -> None:
    dataset = load_dataset(CONFIG, 0)
    assert [len(split) for split in (dataset.train, dataset.val, dataset.test)] == [1200, 237, 360]
    assert (dataset.shape, dataset.classes, dataset.name) == ((8, 8, 1), 10, "digits")
    bunch = load_digits()
    expected = sorted(
        (np.rint(image * 255 / 16).astype(np.uint8).tobytes(), int(label))
        for image, label in zip(bunch.images, bunch.target, strict=True)
    )
    read = [
        (image.tobytes(), int(label))
        for split in (dataset.train, dataset.val, dataset.test)
        for image, label in zip(split.images, split.labels, strict=True)
    ]
    assert sorted(read) == expected
    assert dataset.train.images.max() == 255
    for split in (dataset.train, dataset.val, dataset.test):  # every split has the classes' own shares, within an image
        shares = np.bincount(bunch.target) / len(bunch.target) * len(split)
        assert np.abs(np.bincount(split.labels, minlength=10) - shares).max() <= 2


def test_digits_keep_their_order_for_ever() -> None:
    """A changed order would make records of different versions of the libraries incomparable without notice."""
    dataset = load_dataset(CONFIG, 0)
    assert dataset.train.labels[:10].tolist() == [3, 1, 5, 6, 4, 9, 7, 0, 2, 8]
    assert dataset.test.labels[:10].tolist() == [1, 3, 0, 7, 8, 9, 6, 4, 5, 1]
    assert dataset.test.images[0, :, :, 0].sum() == 3923


def test_digits_without_scikit_learn_s_own_file_come_from_its_loader(monkeypatch: pytest.MonkeyPatch) -> None:
    direct = load_dataset(CONFIG, 0)
    monkeypatch.setattr("poolscope.data.digits.importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(digits, "_digits_table", digits._digits_table.__wrapped__)
    loaded = load_dataset(CONFIG, 0)
    np.testing.assert_array_equal(direct.train.images, loaded.train.images)
    np.testing.assert_array_equal(direct.test.labels, loaded.test.labels)
