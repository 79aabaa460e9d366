"""Image sets prepared by tensorflow-datasets: found, described and read without TensorFlow.

A prepared set is a folder <name>[/<config>]/<version> of array_record files with dataset_info.json and features.json.
The two JSON files answer all questions but the images; tensorflow-datasets itself is imported to decode only, once, and
never asked for a set that isn't there, since it would try the network for minutes.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from poolscope.data.cache import Blocks, cache_folder, read_cached
from poolscope.data.pictures import Fitting, fit_array
from poolscope.data.splits import Source, Split
from poolscope.process.terminal import make_bars, open_console
from poolscope.spec.errors import PoolscopeError, describe_install

# Images in the official splits, to report copies that hold only some of them.
COMPLETE: dict[str, dict[str, int]] = {
    "mnist": {"train": 60_000, "test": 10_000},
    "fashion_mnist": {"train": 60_000, "test": 10_000},
    "kmnist": {"train": 60_000, "test": 10_000},
    "cifar10": {"train": 50_000, "test": 10_000},
    "cifar100": {"train": 50_000, "test": 10_000},
    "svhn_cropped": {"train": 73_257, "test": 26_032, "extra": 531_131},
}

# What tensorflow-datasets needs to write a set and not to read one; the extra "prepare" brings them.
WRITERS = ("tensorflow", "importlib_resources")

_NAME = re.compile(r"(?P<set>\w+(?:/[\w.-]+)?)(?::(?P<version>\d+\.\d+\.\d+))?", re.ASCII)
_VERSION = re.compile(r"\d+\.\d+\.\d+", re.ASCII)
_CHUNK = 1000


def data_folder(folder: str | None = None) -> Path:
    """Where prepared sets are: the folder given (data.dir), else TFDS_DATA_DIR, else ~/tensorflow_datasets."""
    return Path(folder or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def find_prepared(name: str, folder: str | None = None) -> Path | None:
    """The folder of a prepared set "name[/config][:version]", of its newest version; None where there is none."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise PoolscopeError(
            f"data.name must name a tensorflow-datasets set, as in mnist or name/config:1.0.0, not {name!r}."
        )
    versions = (data_folder(folder) / match["set"]).glob("*.*.*/dataset_info.json")
    found = [path.parent for path in versions if _VERSION.fullmatch(path.parent.name)]
    if match["version"]:
        found = [path for path in found if path.name == match["version"]]
    return max(found, key=lambda path: [int(part) for part in path.name.split(".")], default=None)


def open_prepared(name: str, folder: str | None = None, fitting: Fitting | None = None) -> Source:
    """A prepared set of uint8 images with one class each, from its two JSON files alone.

    fitting: how images get the shape that is asked for; without it, they must all have one.
    Raises PoolscopeError where it isn't prepared, naming how to prepare it, and where it isn't such a set.
    """
    home = find_prepared(name, folder)
    if home is None:
        raise PoolscopeError(
            f"data.name={name} is not prepared in {data_folder(folder)}; run `poolscope data prepare {name}` (needs "
            "internet), set TFDS_DATA_DIR=... to a folder that has it, or use data=digits, which needs neither."
        )
    info, fingerprint = _read_json(home / "dataset_info.json")
    features, _ = _read_json(home / "features.json")
    try:
        fields = features["featuresDict"]["features"]
        sizes = {split["name"]: sum(map(int, split.get("shardLengths", ()))) for split in info["splits"]}
        formats = {info.get("fileFormat", "tfrecord"), *info.get("alternativeFileFormats", ())}
        pair = [item["featureKey"] for item in info.get("supervisedKeys", {}).get("tuple", {}).get("items", ())]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PoolscopeError(f"{home} is no whole prepared data set; {_renew(name)}.") from error
    if "array_record" not in formats:
        raise PoolscopeError(
            f"data.name={name} is prepared as {', '.join(sorted(formats))} in {home}; poolscope reads array_record: "
            f"prepare it again with `poolscope data prepare {name} --dir FOLDER`, and use data.dir=FOLDER; a set of "
            "your own can be written with file_format='array_record'."
        )
    image, label = _choose_features(name, fields, pair)
    shape = _image_shape(name, fields[image]["image"], fitting)
    classes = int(fields[label]["classLabel"].get("numClasses", 0))  # left out where it is 0
    cache_key = f"{name.partition(':')[0]}/{home.name}"

    def read(split: str) -> Split:
        fitted = f"-{fitting}" if fitting else ""
        return read_cached(
            f"{cache_key}/{split}-{fingerprint}{fitted}",
            lambda: _decode(home, split, sizes[split], shape, classes, (image, label), fitting),
        )

    return Source(name, home.name, shape, classes, sizes, COMPLETE.get(name.partition(":")[0], {}), read, str(home))


def prepare_dataset(name: str, folder: str | None = None, notify: Callable[[str], object] = print) -> Path:
    """Download a set of the tensorflow-datasets catalogue and write it as array_record; returns its folder.

    Says what it does first, and does nothing where the set is there. Raises PoolscopeError without TensorFlow, without
    internet, for a name that isn't in the catalogue, and where the download fails.
    """
    if home := find_prepared(name, folder):
        source = open_prepared(name, folder)
        notify(f"{name} is prepared already: {_count(source)} in {home}.")
        return home
    if None in (importlib.util.find_spec(module) for module in WRITERS):
        raise PoolscopeError(
            f"Preparing {name} needs TensorFlow (reading does not): `poolscope data prepare {name} --throwaway` puts "
            f"it in a temporary folder for this one time; or {describe_install('prepare')} and run the same command "
            f"again, or copy a prepared {name} folder from another machine into {data_folder(folder)}."
        )
    datasets = importlib.import_module("tensorflow_datasets")
    try:
        files = datasets.builder_cls(re.split("[/:]", name)[0]).url_infos or {}
    except (datasets.core.registered.DatasetNotFoundError, ValueError) as error:
        raise PoolscopeError(f"There is no {name!r} in the tensorflow-datasets catalogue.") from error
    size = f"at most {sum(int(file.size) for file in files.values()) / 1e6:,.0f} MB" if files else "of unknown size"
    notify(f"Downloading {name} ({size}) and writing it to {data_folder(folder)} as array_record; once.")
    for url in list(files)[:1]:
        _check_reachable(name, url)
    try:
        builder = datasets.builder(name, data_dir=data_folder(folder), file_format="array_record")
        builder.download_and_prepare(file_format="array_record")
    except Exception as error:  # a full disk, a moved file, a set that must be downloaded by hand: many libraries' own
        raise PoolscopeError(f"Preparing {name} failed: {_first_line(error)}") from error
    source = open_prepared(name, folder)
    notify(f"{name} is prepared: {_count(source)} in {source.where}.")
    return Path(source.where)


def _check_reachable(name: str, url: str) -> None:
    """One request without retries, since the download itself would retry for minutes before it gives up."""
    requests = importlib.import_module("requests")
    try:
        requests.head(url, timeout=10, allow_redirects=True)
    except requests.exceptions.RequestException as error:
        host = url.split("/")[2]
        raise PoolscopeError(
            f"Preparing {name} needs internet, and {host} can't be reached; run it on a machine that can and copy the "
            f"folder {name} into TFDS_DATA_DIR, or use data=digits, which needs no download."
        ) from error


def _count(source: Source) -> str:
    return ", ".join(f"{size:,} {split}" for split, size in source.sizes.items()) + " images"


def _renew(name: str) -> str:
    return f"prepare {name} again, or, if it is one of your own, write it again"


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _read_json(path: Path) -> tuple[Any, str]:
    """A JSON file and a short fingerprint of its bytes."""
    try:
        content = path.read_bytes()
        return json.loads(content), hashlib.sha256(content).hexdigest()[:12]
    except (OSError, ValueError) as error:
        raise PoolscopeError(f"{path} cannot be read; {_renew('the data set')}.") from error


def _choose_features(name: str, fields: Mapping[str, Any], pair: list[str]) -> tuple[str, str]:
    """The keys of the image and of the class: the set's own (input, target) pair, else the only ones of their kind."""
    images = [key for key, field in fields.items() if "image" in field]
    labels = [key for key, field in fields.items() if "classLabel" in field]
    if len(pair) == 2 and pair[0] in images and pair[1] in labels:
        return pair[0], pair[1]
    if len(images) == 1 and len(labels) == 1:
        return images[0], labels[0]
    raise PoolscopeError(
        f"data.name={name} is not an image-classification set: it must have one image and one class per example, and "
        f"has {', '.join(fields)}."
    )


def _image_shape(name: str, image: Mapping[str, Any], fitting: Fitting | None) -> tuple[int, int, int]:
    dimensions = [int(size) for size in image.get("shape", {}).get("dimensions", ())]
    if fitting and fitting.shape and image.get("dtype", "uint8") == "uint8" and dimensions[2:] in ([], [1], [3]):
        return fitting.shape
    if len(dimensions) != 3 or min(dimensions) < 1:
        raise PoolscopeError(
            f"data.name={name} has images of varying size; poolscope takes sets whose images are all of one size, such "
            "as mnist, cifar10 or svhn_cropped, or makes them so: data.fit=crop data.shape=[64,64,3]."
        )
    if image.get("dtype", "uint8") != "uint8" or dimensions[2] not in (1, 3):
        raise PoolscopeError(
            f"data.name={name} has {dimensions[2]}-channel {image.get('dtype', 'uint8')} images; poolscope takes 8-bit "
            "grey or RGB images."
        )
    height, width, channels = dimensions
    return (height, width, channels)


def _decode(
    home: Path,
    split: str,
    size: int,
    shape: tuple[int, int, int],
    classes: int,
    keys: tuple[str, str],
    fitting: Fitting | None,
) -> Split:
    """Every image and label of a base split, in the order of the records."""
    labels = np.empty(size, np.int32)
    blocks = _decode_blocks(home, split, shape, classes, keys, fitting, labels)
    return Split(Blocks((size, *shape), blocks), labels)  # type: ignore[arg-type]


def _decode_blocks(
    home: Path,
    split: str,
    shape: tuple[int, int, int],
    classes: int,
    keys: tuple[str, str],
    fitting: Fitting | None,
    labels: np.ndarray,
) -> Iterator[np.ndarray]:
    """The images in the order of the records, some at a time; the labels are filled in with them."""
    size, console = len(labels), open_console(stderr=True)
    what = f"{home.parent.name} {home.name} {split}"
    console.print(f"Decoding {what}, {size:,} images, once; kept in {cache_folder()}", soft_wrap=True)
    datasets = importlib.import_module("tensorflow_datasets")
    logging.getLogger("absl").setLevel(logging.ERROR)  # it recommends another image decoder
    try:
        records = datasets.builder_from_directory(home).as_data_source(split)
        with make_bars(console) as progress:
            task = progress.add_task(what, total=size)
            for start in range(0, size, _CHUNK):
                block = range(start, min(start + _CHUNK, size))
                images = np.empty((len(block), *shape), np.uint8)
                for index, example in zip(block, records.__getitems__(block), strict=True):
                    pixels, labels[index] = example[keys[0]], example[keys[1]]
                    images[index - start] = fit_array(pixels, fitting) if fitting else pixels
                yield images
                progress.update(task, completed=block.stop)
    except Exception as error:  # whatever the libraries below make of a damaged or missing file
        raise PoolscopeError(
            f"The {split} records in {home} cannot be read ({_first_line(error)}); the copy is damaged: delete the "
            f"folder and {_renew('the data set')}."
        ) from error
    if size and not (labels.min() >= 0 and labels.max() < classes):
        what = "images without a class" if labels.min() < 0 else f"labels from {labels.min()} to {labels.max()}"
        raise PoolscopeError(
            f"The {split!r} split of {home.parent.name} has {what}; its {classes} classes must be 0 to {classes - 1}. "
            "Use another split, or write the set anew."
        )
