"""Prepared data sets: found, described, read without TensorFlow, and the ways in which they can be missing or wrong."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import requests
import tensorflow_datasets
from prepared_sets import CHECKOUT, find_real_data, make_images, write_prepared

from poolscope.data.datasets import open_source
from poolscope.data.tfds import COMPLETE, WRITERS, data_folder, find_prepared, open_prepared, prepare_dataset
from poolscope.spec.config import DataConfig
from poolscope.spec.errors import PoolscopeError


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOLSCOPE_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("shape", [(7, 5, 1), (6, 6, 3)])
def test_a_set_is_read_pixel_by_pixel(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    splits = {"train": make_images(1203, shape), "holdout": make_images(11, shape, seed=1)}  # more than one chunk
    write_prepared(tmp_path, "tiny", splits)
    source = open_prepared("tiny", str(tmp_path))
    assert (source.name, source.version, source.shape, source.classes) == ("tiny", "1.0.0", shape, 3)
    assert source.sizes == {"train": 1203, "holdout": 11}
    for name, (images, labels) in splits.items():
        read = source.read(name)
        np.testing.assert_array_equal(read.images, images)
        np.testing.assert_array_equal(read.labels, labels)
        assert read.labels.dtype == np.int32


def test_the_newest_version_is_taken_unless_one_is_named(tmp_path: Path) -> None:
    for version in ("1.9.0", "1.10.0"):
        write_prepared(tmp_path, "tiny", {"train": make_images(3, (4, 4, 1))}, version=version)
    (tmp_path / "tiny" / "incomplete.AB_2.0.0").mkdir()
    (tmp_path / "tiny" / "incomplete.AB_2.0.0" / "dataset_info.json").write_text("{}")
    assert find_prepared("tiny", str(tmp_path)) == tmp_path / "tiny" / "1.10.0"
    assert find_prepared("tiny:1.9.0", str(tmp_path)) == tmp_path / "tiny" / "1.9.0"
    assert find_prepared("tiny:3.0.0", str(tmp_path)) is None
    assert len(open_prepared("tiny:1.9.0", str(tmp_path)).read("train")) == 3


def test_a_set_with_configurations_is_named_with_its_own(tmp_path: Path) -> None:
    write_prepared(tmp_path, "tiny/small", {"train": make_images(5, (4, 4, 1))})
    assert len(open_prepared("tiny/small", str(tmp_path)).read("train")) == 5
    assert find_prepared("tiny", str(tmp_path)) is None


def test_the_folder_is_the_one_given_then_the_environment_s_then_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFDS_DATA_DIR", "/from/environment")
    monkeypatch.setenv("HOME", "/someone")
    assert data_folder("/given") == Path("/given")
    assert data_folder() == Path("/from/environment")
    monkeypatch.delenv("TFDS_DATA_DIR")
    assert data_folder() == Path("/someone/tensorflow_datasets")


def test_two_copies_of_different_size_never_share_a_cache_entry(tmp_path: Path) -> None:
    whole, part = make_images(20, (4, 4, 1)), make_images(6, (4, 4, 1), seed=9)
    write_prepared(tmp_path / "a", "tiny", {"test": whole})
    write_prepared(tmp_path / "b", "tiny", {"test": part})
    for _ in range(2):
        np.testing.assert_array_equal(open_prepared("tiny", str(tmp_path / "a")).read("test").images, whole[0])
        np.testing.assert_array_equal(open_prepared("tiny", str(tmp_path / "b")).read("test").images, part[0])


def test_the_set_s_own_pair_decides_between_several_labels(tmp_path: Path) -> None:
    coarse = {"pythonClassName": "tensorflow_datasets.core.features.class_label_feature.ClassLabel"}
    features = {"coarse": {**coarse, "classLabel": {"numClasses": "20"}}}
    pair = {"tuple": {"items": [{"featureKey": "image"}, {"featureKey": "label"}]}}
    write_prepared(tmp_path, "tiny", {"train": make_images(4, (4, 4, 1))}, features=features, supervisedKeys=pair)
    assert open_prepared("tiny", str(tmp_path)).classes == 3
    write_prepared(tmp_path, "other", {"train": make_images(4, (4, 4, 1))}, features=features)
    with pytest.raises(PoolscopeError, match=r"data.name=other is not an image-class.* has image, label, coarse"):
        open_prepared("other", str(tmp_path))


def image_feature(**image: object) -> dict[str, object]:
    name = "tensorflow_datasets.core.features.image_feature.Image"
    return {"image": {"pythonClassName": name, "image": image}}


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        ({"shape": {"dimensions": ["-1", "-1", "3"]}}, "has images of varying size; poolscope takes sets whose images"),
        ({}, "has images of varying size"),
        ({"dtype": "uint16", "shape": {"dimensions": ["4", "4", "1"]}}, "has 1-channel uint16 images"),
        ({"shape": {"dimensions": ["4", "4", "4"]}}, "has 4-channel uint8 images; poolscope takes 8-bit grey or RGB"),
    ],
)
def test_images_that_do_not_fit_are_refused(tmp_path: Path, image: dict[str, object], sentence: str) -> None:
    write_prepared(tmp_path, "odd", {"train": make_images(4, (4, 4, 1))}, features=image_feature(**image))
    with pytest.raises(PoolscopeError, match=f"data.name=odd {sentence}"):
        open_prepared("odd", str(tmp_path))


def test_images_of_varying_size_are_fitted_where_a_shape_is_asked_for(tmp_path: Path) -> None:
    images, labels = make_images(6, (4, 6, 3))
    varying = image_feature(dtype="uint8", encodingFormat="png", shape={"dimensions": ["-1", "-1", "3"]})
    write_prepared(tmp_path, "odd", {"train": (images, labels)}, features=varying)
    config = DataConfig(name="odd", dir=str(tmp_path), shape=[4, 4, 3], fit="crop", test="train[90%:]")
    source = open_source(config)
    assert source.shape == (4, 4, 3)
    np.testing.assert_array_equal(source.read("train").images, images[:, :, 1:5])
    config.fit = "stretch"
    assert open_source(config).read("train").images.std() < images.std()  # not the cropped ones of the cache


def test_a_set_in_another_format_is_refused(tmp_path: Path) -> None:
    write_prepared(tmp_path, "tiny", {"train": make_images(4, (4, 4, 1))}, fileFormat="tfrecord")
    with pytest.raises(PoolscopeError, match=r"is prepared as tfrecord in .*; poolscope reads array_record"):
        open_prepared("tiny", str(tmp_path))


@pytest.mark.parametrize(
    ("shift", "found"), [(-1, "images without a class"), (1, "labels from 1 to 3"), (2, "labels from 2 to 4")]
)
def test_labels_outside_the_classes_are_refused(tmp_path: Path, shift: int, found: str) -> None:
    images, labels = make_images(4, (4, 4, 1))
    write_prepared(tmp_path, "tiny", {"train": (images, labels), "test": (images, labels + shift)})
    source = open_prepared("tiny", str(tmp_path))
    assert len(source.read("train")) == 4
    with pytest.raises(PoolscopeError, match=f"'test' split of tiny has {found}; its 3 classes must be 0 to 2"):
        source.read("test")


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(path.read_bytes()[:200]), Path.unlink])
def test_damaged_records_get_one_sentence(tmp_path: Path, damage: object) -> None:
    home = write_prepared(tmp_path, "tiny", {"train": make_images(40, (4, 4, 1))})
    assert callable(damage)
    damage(home / "tiny-train.array_record-00000-of-00001")
    with pytest.raises(
        PoolscopeError,
        match=r"The train records in .* cannot be read \(.*\); the copy .* if it is one of your own, write",
    ) as caught:
        open_prepared("tiny", str(tmp_path)).read("train")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file", ["features.json", "dataset_info.json"])
@pytest.mark.parametrize("content", ["", "{}", "[]", '{"splits": 3}'])
def test_damaged_descriptions_get_one_sentence(tmp_path: Path, file: str, content: str) -> None:
    home = write_prepared(tmp_path, "tiny", {"train": make_images(4, (4, 4, 1))})
    (home / file).write_text(content)
    with pytest.raises(PoolscopeError, match=r"prepare .* again, or, if it is one of your own, write it again"):
        open_prepared("tiny", str(tmp_path))


def test_a_set_that_is_not_prepared_is_said_at_once_with_the_ways_out(tmp_path: Path) -> None:
    with pytest.raises(PoolscopeError) as caught:
        open_prepared("mnist", str(tmp_path))
    for way in (f"data.name=mnist is not prepared in {tmp_path}", "poolscope data prepare mnist", "TFDS_DATA_DIR="):
        assert way in str(caught.value)
    assert "data=digits" in str(caught.value)
    with pytest.raises(PoolscopeError, match=r"data.name must name a tensorflow-datasets set.*not '../mnist'"):
        open_prepared("../mnist", str(tmp_path))


def test_the_second_reading_imports_neither_tensorflow_datasets_nor_jax(tmp_path: Path) -> None:
    write_prepared(tmp_path, "tiny", {"train": make_images(30, (4, 4, 1))})
    script = (
        "import sys\n"
        "from poolscope.spec.config import DataConfig\n"
        "from poolscope.data.datasets import load_dataset\n"
        "config = DataConfig(name='tiny', train='train[:10]', val='train[10:20]', test='train[20:]', dir=sys.argv[1])\n"
        "print(int(load_dataset(config, 0).train.images.sum()))\n"
        "print(*(name for name in ('tensorflow_datasets', 'tensorflow', 'jax') if name in sys.modules))\n"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)],
            check=True,
            capture_output=True,
            text=True,
        )
        for _ in range(2)
    ]
    expected = int(make_images(30, (4, 4, 1))[0][:10].sum())
    assert outputs[0].stdout.split() == [str(expected), "tensorflow_datasets"]
    assert outputs[1].stdout.split() == [str(expected)]
    assert "Decoding tiny 1.0.0 train, 30 images" in outputs[0].stderr
    assert outputs[1].stderr == ""


def test_preparing_says_what_is_there_already(tmp_path: Path) -> None:
    home = write_prepared(tmp_path, "tiny", {"train": make_images(4, (4, 4, 1)), "test": make_images(2, (4, 4, 1))})
    said: list[str] = []
    assert prepare_dataset("tiny", str(tmp_path), said.append) == home
    assert said == [f"tiny is prepared already: 4 train, 2 test images in {home}."]


@pytest.mark.parametrize("missing", WRITERS)
def test_preparing_without_tensorflow_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else object())
    with pytest.raises(PoolscopeError, match=r"Preparing mnist needs TensorFlow.*pip install '\.\[prepare\]'"):
        prepare_dataset("mnist", str(tmp_path))


def test_preparing_without_internet_gives_up_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def unreachable(url: str, **options: object) -> None:
        asked.append(url)
        assert options["timeout"] == 10
        raise requests.exceptions.ConnectionError("Max retries exceeded")

    files = {f"https://example.org/{part}.gz": SimpleNamespace(size=size) for part, size in (("a", 9e6), ("b", 12e6))}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(tensorflow_datasets, "builder_cls", lambda name: SimpleNamespace(url_infos=files))
    monkeypatch.setattr(requests, "head", unreachable)
    said: list[str] = []
    with pytest.raises(PoolscopeError, match=r"Preparing kmnist needs internet, and example.org can't be reached"):
        prepare_dataset("kmnist", str(tmp_path), said.append)
    assert len(asked) == 1
    assert said == [f"Downloading kmnist (at most 21 MB) and writing it to {tmp_path} as array_record; once."]


def test_preparing_an_unknown_set_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    with pytest.raises(PoolscopeError, match="There is no 'mnits' in the tensorflow-datasets catalogue"):
        prepare_dataset("mnits", str(tmp_path), lambda text: None)


# Images of each digit in the MNIST files (LeCun, Cortes and Burges 1998), which every correct copy has.
MNIST_COUNTS = {
    "train": [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
    "test": [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
}


@pytest.mark.long
def test_real_mnist_is_whole(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOLSCOPE_CACHE", str(cache))
    source = open_prepared("mnist", find_real_data("mnist"))
    assert source.sizes == source.complete == COMPLETE["mnist"]
    for split, counts in MNIST_COUNTS.items():
        read = source.read(split)
        assert read.images.shape == (sum(counts), 28, 28, 1)
        assert np.bincount(read.labels).tolist() == counts
    images = source.read("train").images / np.float32(255)  # mean and deviation as quoted everywhere
    np.testing.assert_allclose([images.mean(), images.std()], [0.1307, 0.3081], atol=5e-5)


@pytest.mark.long
def test_real_cifar10_is_whole_in_train(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOLSCOPE_CACHE", str(cache))
    source = open_prepared("cifar10", find_real_data("cifar10"))
    train = source.read("train")
    assert train.images.shape == (50_000, 32, 32, 3)
    assert np.bincount(train.labels).tolist() == [5000] * 10
    mean = train.images.mean((0, 1, 2)) / 255
    np.testing.assert_allclose(mean, [0.4914, 0.4822, 0.4465], atol=1e-4)  # the channels are red, green, blue
    assert len(source.read("test")) == source.sizes["test"]


def test_the_configs_shapes_are_those_of_the_real_sets() -> None:
    from omegaconf import OmegaConf

    folder = find_real_data("mnist", "cifar10")
    for name in ("mnist", "cifar10"):
        given = OmegaConf.load(CHECKOUT / "configs" / "data" / f"{name}.yaml")
        source = open_prepared(name, folder)
        assert (tuple(given.shape), given.classes) == (source.shape, source.classes)
        assert json.loads((Path(source.where) / "dataset_info.json").read_text())["version"] == source.version
