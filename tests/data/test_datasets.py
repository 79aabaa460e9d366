"""Data sets as a run sees them: splits, subsets, corrupted labels, padding, statistics; made, embedded and real."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf
from prepared_sets import CHECKOUT, find_real_data, make_images, write_prepared

from poolscope.data.datasets import (
    DATASETS,
    check_dataset,
    check_readable,
    describe_dataset,
    list_datasets,
    load_dataset,
    measure_channels,
)
from poolscope.data.splits import Source, Split
from poolscope.spec.config import SOURCES, DataConfig
from poolscope.spec.errors import PoolscopeError

IMAGES, LABELS = make_images(12, (4, 4, 1))


def configure(name: str, **changes: object) -> DataConfig:
    values = OmegaConf.load(CHECKOUT / "configs" / "data" / f"{name}.yaml")
    config = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(DataConfig), values, changes))
    assert isinstance(config, DataConfig)
    return config


def as_set(images: np.ndarray) -> set[bytes]:
    return {image.tobytes() for image in images}


def test_the_schema_and_the_table_name_the_same_sources() -> None:
    assert set(DATASETS) == set(SOURCES)
    with pytest.raises(
        PoolscopeError, match=r"data.source must be one of digits, synthetic, tfds, folder, npz, not 'disk'"
    ):
        load_dataset(DataConfig(name="x", source="disk"), 0)


@given(st.integers(1, 600), st.integers(1, 40), st.integers(0, 50))
def test_subsets_are_balanced_and_nested_and_leave_val_and_test_alone(size: int, eval_size: int, seed: int) -> None:
    small = load_dataset(configure("digits", train_size=size, train_eval_size=eval_size), seed)
    large = load_dataset(configure("digits", train_size=2 * size, train_eval_size=eval_size), seed)
    whole = load_dataset(configure("digits"), seed)
    assert (len(small.train), len(large.train)) == (size, 2 * size)
    assert np.ptp(np.bincount(small.train.labels, minlength=10)) <= 1
    assert as_set(small.train.images) <= as_set(large.train.images) <= as_set(whole.train.images)
    assert len(small.train_eval) == min(eval_size, size)
    assert as_set(small.train_eval.images) <= as_set(small.train.images)
    for part in ("val", "test"):
        np.testing.assert_array_equal(getattr(small, part).images, getattr(whole, part).images)


def test_train_eval_is_the_same_in_every_subset_that_can_hold_it() -> None:
    sizes = (100, 400, None)
    datasets = [load_dataset(configure("digits", train_size=size, train_eval_size=100), 3) for size in sizes]
    assert len({frozenset(as_set(dataset.train_eval.images)) for dataset in datasets}) == 1
    other = load_dataset(configure("digits", train_size=100, train_eval_size=100), 4)
    assert as_set(other.train_eval.images) != as_set(datasets[0].train_eval.images)


@pytest.mark.parametrize("size", [None, 333])
def test_moved_labels_are_marked_and_train_eval_keeps_the_true_ones(size: int | None) -> None:
    clean = load_dataset(configure("digits", train_size=size), 5)
    noisy = load_dataset(configure("digits", train_size=size, label_noise=0.3), 5)
    np.testing.assert_array_equal(clean.train.images, noisy.train.images)
    np.testing.assert_array_equal(clean.train.labels != noisy.train.labels, noisy.corrupted)
    assert noisy.corrupted.sum() == round(0.3 * len(clean.train))
    assert not clean.corrupted.any()
    for part in ("train_eval", "val", "test"):
        np.testing.assert_array_equal(getattr(clean, part).labels, getattr(noisy, part).labels)
        np.testing.assert_array_equal(getattr(clean, part).images, getattr(noisy, part).images)
    truth = {image.tobytes(): label for image, label in zip(clean.train.images, clean.train.labels, strict=True)}
    assert [truth[image.tobytes()] for image in noisy.train_eval.images] == noisy.train_eval.labels.tolist()


def test_same_seed_same_data_and_no_other_key_moves_the_draw() -> None:
    one = load_dataset(configure("digits", train_size=200, label_noise=0.2), 1)
    two = load_dataset(configure("digits", train_size=200, label_noise=0.2, pad_to=12, train_eval_size=7), 1)
    np.testing.assert_array_equal(one.train.labels, two.train.labels)
    np.testing.assert_array_equal(one.train.images, two.train.images[:, 2:10, 2:10])
    other = load_dataset(configure("digits", train_size=200, label_noise=0.2), 2)
    assert not np.array_equal(one.train.labels, other.train.labels)


def test_padding_is_even_and_black_and_the_odd_pixel_goes_down_and_right() -> None:
    plain = load_dataset(configure("digits"), 0)
    padded = load_dataset(configure("digits", pad_to=11), 0)
    assert padded.shape == (11, 11, 1)
    for part in ("train", "train_eval", "val", "test"):
        images = getattr(padded, part).images
        np.testing.assert_array_equal(images[:, 1:9, 1:9], getattr(plain, part).images)
        assert images.sum(dtype=np.int64) == getattr(plain, part).images.sum(dtype=np.int64)
    assert describe_dataset(configure("digits", pad_to=11)) == ((11, 11, 1), 10)
    assert load_dataset(configure("digits", pad_to=8), 0).shape == (8, 8, 1)


def test_channel_statistics_by_hand_and_against_numpy() -> None:
    images = np.array([0, 255, 255, 255], np.uint8).reshape(4, 1, 1, 1)
    mean, std = measure_channels(images)
    np.testing.assert_allclose([mean[0], std[0]], [0.75, np.sqrt(3) / 4], rtol=1e-6)
    images, _ = make_images(50, (40, 30, 3))  # more than one block
    images[..., 2] = 17
    mean, std = measure_channels(np.concatenate([images] * 20))
    np.testing.assert_allclose(mean, (images / 255).mean((0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(std[:2], (images / 255).std((0, 1, 2))[:2], rtol=1e-6)
    assert std[2] == np.float32(1 / 255)
    assert mean.dtype == std.dtype == np.float32


def test_statistics_are_of_the_training_images_that_are_used() -> None:
    dataset = load_dataset(configure("digits", train_size=40), 0)
    np.testing.assert_allclose(dataset.mean, [dataset.train.images.mean() / 255], rtol=1e-6)
    np.testing.assert_allclose(dataset.std, [dataset.train.images.std() / 255], rtol=1e-6)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"train_size": 1201}, r"data.train_size=1201 is more than the 1,200 images of data.train=train\[:1200\]"),
        ({"pad_to": 7}, "data.pad_to=7 is smaller than the 8x8 images of digits.*use 8 or more"),
        ({"shape": [8, 8, 3]}, r"data.shape=\[8, 8, 3\] is wrong: digits has \[8, 8, 1\]"),
        ({"classes": 9}, "data.classes=9 is wrong: digits has 10"),
        ({"val": "train[1199:]"}, "data.train and data.val share 1 image of 'train'"),
        ({"val": "test[:10]"}, "data.val and data.test share 10 images of 'test'"),
        ({"val": "validation"}, "data.val=validation: there is no split 'validation'; there are train, test"),
        ({"train": "train[:1e3]"}, "'1e3' in 'train.:1e3.' is no number of images or percent"),
    ],
)
def test_what_does_not_fit_gets_one_sentence(changes: dict[str, object], sentence: str) -> None:
    for refuse in (check_dataset, lambda config: load_dataset(config, 0)):
        with pytest.raises(PoolscopeError, match=sentence):
            refuse(configure("digits", **changes))


def test_the_description_counts_and_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOLSCOPE_CACHE", str(tmp_path / "cache"))
    images, labels = make_images(120, (32, 32, 3))
    write_prepared(tmp_path, "cifar10", {"train": (images[:100], labels[:100]), "test": (images[100:], labels[100:])})
    config = DataConfig(name="cifar10", train_size=30, label_noise=0.1, dir=str(tmp_path))
    assert load_dataset(config, 0).description == (
        "cifar10 1.0.0: 30 of 90 training, 10 validation and 20 test images of 32x32x3 in 3 classes (3 training labels "
        "moved to another class; this copy's 'test' split holds 20 of the official 10,000 images; this copy's 'train' "
        "split holds 100 of the official 50,000 images)."
    )
    assert load_dataset(configure("digits"), 0).description == (
        "digits 1: 1,200 training, 237 validation and 360 test images of 8x8x1 in 10 classes."
    )


def test_slices_of_several_splits_follow_one_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOLSCOPE_CACHE", str(tmp_path / "cache"))
    first, second = make_images(10, (4, 4, 1)), make_images(8, (4, 4, 1), seed=1)
    write_prepared(tmp_path, "tiny", {"train": first, "extra": second})
    config = DataConfig(
        name="tiny", train="extra[:3]+train[-2:]", val="train[:4]", test="extra[50%:]", dir=str(tmp_path)
    )
    dataset = load_dataset(config, 0)
    np.testing.assert_array_equal(dataset.train.images, np.concatenate([second[0][:3], first[0][-2:]]))
    np.testing.assert_array_equal(dataset.train.labels, np.concatenate([second[1][:3], first[1][-2:]]))
    np.testing.assert_array_equal(dataset.val.images, first[0][:4])
    np.testing.assert_array_equal(dataset.test.images, second[0][4:])
    assert describe_dataset(config) == ((4, 4, 1), 3)


@pytest.mark.parametrize(("shape", "classes"), [([16, 16, 1], 4), ([9, 20, 3], 2), ([8, 8, 1], 10)])
def test_gratings_can_be_learnt_and_are_always_the_same(shape: list[int], classes: int) -> None:
    """The class with the nearest mean power spectrum, which doesn't see the random phase, is nearly always right."""
    config = configure("synthetic", shape=shape, classes=classes)
    dataset, again = load_dataset(config, 0), load_dataset(config, 1)
    np.testing.assert_array_equal(dataset.train.images, again.train.images)
    assert dataset.train.images.shape == (500, *shape)
    assert not as_set(dataset.train.images) & as_set(dataset.test.images)
    spectra = [np.abs(np.fft.rfft2(s.images.mean(-1))).reshape(len(s), -1) for s in (dataset.train, dataset.test)]
    means = np.stack([spectra[0][dataset.train.labels == label].mean(0) for label in range(classes)])
    nearest = ((spectra[1][:, None] - means) ** 2).sum(-1).argmin(1)
    assert (nearest == dataset.test.labels).mean() > 0.8
    raw = [s.images.reshape(len(s), -1).astype(float) for s in (dataset.train, dataset.test)]
    raw_means = np.stack([raw[0][dataset.train.labels == label].mean(0) for label in range(classes)])
    raw_nearest = ((raw[1][:, None] - raw_means) ** 2).sum(-1).argmin(1)
    assert (raw_nearest == dataset.test.labels).mean() < 0.8  # not by brightness alone


def test_checking_reads_no_image(tmp_path: Path) -> None:
    home = write_prepared(tmp_path, "tiny", {"train": make_images(40, (4, 4, 1)), "test": make_images(4, (4, 4, 1))})
    (home / "tiny-train.array_record-00000-of-00001").unlink()
    check_dataset(DataConfig(name="tiny", train_size=36, dir=str(tmp_path)))
    with pytest.raises(PoolscopeError, match=r"data.train_size=37 is more than the 36 images"):
        check_dataset(DataConfig(name="tiny", train_size=37, dir=str(tmp_path)))
    with pytest.raises(PoolscopeError, match=r"data.name=cifar10 is not prepared"):
        check_dataset(configure("cifar10", dir=str(tmp_path)))


def test_shape_and_classes_are_known_without_the_data(tmp_path: Path) -> None:
    config = configure("cifar10", dir=str(tmp_path), pad_to=36)
    assert describe_dataset(config) == ((36, 36, 3), 10)
    with pytest.raises(PoolscopeError, match=r"data.name=kmnist is not prepared"):
        describe_dataset(DataConfig(name="kmnist", dir=str(tmp_path)))


def test_the_listing_says_what_is_there_and_what_is_not(tmp_path: Path) -> None:
    home = write_prepared(
        tmp_path, "mnist", {"train": make_images(9, (28, 28, 1)), "test": make_images(4, (28, 28, 1))}, 10
    )
    rows = {str(row["data="]): row for row in list_datasets(str(tmp_path))}
    assert set(rows) == {path.stem for path in (CHECKOUT / "configs" / "data").glob("*.yaml")}
    assert (rows["mnist"]["images"], rows["mnist"]["where"]) == ("9 train, 4 test", str(home))
    assert (rows["cifar10"]["shape"], rows["cifar10"]["classes"], rows["cifar10"]["images"]) == ("32x32x3", "10", "")
    assert rows["cifar10"]["where"] == "not prepared: poolscope data prepare cifar10"
    assert rows["digits"]["images"] == "1,437 train, 360 test"
    (home / "features.json").write_text("{")
    assert "features.json cannot be read" in str({row["data="]: row for row in list_datasets(str(tmp_path))}["mnist"])


@pytest.mark.long
@pytest.mark.parametrize(("name", "shape"), [("mnist", (28, 28, 1)), ("cifar10", (32, 32, 3))])
def test_real_sets_as_configured(name: str, shape: tuple[int, int, int]) -> None:
    dataset = load_dataset(configure(name, dir=find_real_data(name), train_size=500), 0)
    assert (dataset.shape, dataset.classes) == (shape, 10)
    assert np.bincount(dataset.train.labels).tolist() == [50] * 10
    assert len(dataset.val) == 5000
    assert ("official 10,000" in dataset.description) == (len(dataset.test) < 10_000)
    assert not as_set(dataset.train.images) & as_set(dataset.test.images)


def hand_out(images: object, labels: object) -> Callable[[str], Any]:
    return lambda split: Split(images, labels)  # type: ignore[arg-type]


def fail(split: str) -> Any:
    raise EOFError("the file\nends early")


@pytest.mark.parametrize(
    ("classes", "read", "sentence"),
    [
        (0, fail, "data.name=odd has 0 classes; a set to classify has at least 2"),
        (1, fail, "data.name=odd has 1 class; a set to classify has at least 2"),
        (3, fail, r"The 'train' split of odd cannot be read \(EOFError: the file ends early\)"),
        (3, hand_out(None, None), r"The 'train' split of odd cannot be read \(AttributeError"),
        (3, hand_out(IMAGES[:0], LABELS[:0]), r"must be uint8 images \(12, 4, 4, 1\) .*, not uint8 \(0, 4, 4, 1\)"),
        (3, hand_out(IMAGES / 255, LABELS), r"must be uint8 images .*, not float64 \(12, 4, 4, 1\) and int32 \(12,\)"),
        (3, hand_out(IMAGES, LABELS[:9]), r"not uint8 \(12, 4, 4, 1\) and int32 \(9,\)"),
        (3, hand_out(IMAGES, LABELS / 2), r"not uint8 \(12, 4, 4, 1\) and float64 \(12,\)"),
        (2, hand_out(IMAGES, LABELS), "has labels from 0 to 2; its 2 classes must be 0 to 1"),
        (3, hand_out(IMAGES, LABELS + 1), "has labels from 1 to 3; its 3 classes must be 0 to 2"),
        (3, hand_out(IMAGES, LABELS - 1), "has labels from -1 to 1; its 3 classes must be 0 to 2"),
    ],
)
def test_what_a_reader_gives_is_checked_before_anything_is_drawn_or_divided(
    classes: int, read: Callable[[str], Any], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Source("odd", "1", (4, 4, 1), classes, {"train": 12}, {}, read)
    monkeypatch.setitem(DATASETS, "odd", lambda config: source)
    config = DataConfig("odd", "odd", "train[:8]", "train[8:10]", "train[10:]", label_noise=0.5)
    for use in (check_readable, lambda config: load_dataset(config, 0)):
        with pytest.raises(PoolscopeError, match=sentence) as caught:
            use(config)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("train", ["train[:1]", "train[:2]", "train[::3]", "train[0%:1%]", "train[4:4]"])
@pytest.mark.parametrize("noise", [0.0, 0.5, 1.0])
def test_few_images_are_used_or_refused(train: str, noise: float, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source("few", "1", (4, 4, 1), 3, {"train": 12}, {}, hand_out(IMAGES, LABELS))
    monkeypatch.setitem(DATASETS, "few", lambda config: source)
    config = DataConfig("few", "few", train, "train[8:9]", "train[9:]", label_noise=noise)
    if train not in ("train[:1]", "train[:2]"):
        with pytest.raises(PoolscopeError, match=r"data\.train="):
            check_dataset(config)
        return
    dataset = load_dataset(config, 0)
    assert dataset.corrupted.sum() == round(noise * len(dataset.train))
    assert np.isfinite([dataset.mean, dataset.std]).all()
