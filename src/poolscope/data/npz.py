"""`data=npz`: images and labels as arrays of one NumPy file, whole or by split."""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from poolscope.data.cache import cache_folder
from poolscope.data.own_images import Collection, Item, open_own
from poolscope.data.pictures import choose_fitting, find_shape, fit_image, to_image
from poolscope.data.splits import Source
from poolscope.data.stored import StoredImages
from poolscope.spec.config import DataConfig
from poolscope.spec.errors import PoolscopeError

_IMAGES = re.compile(r"(?:(?P<before>\w+)_)?(?:images|x)(?:_(?P<after>\w+))?")
_FORMS = "images and labels, x_train and y_train, or train_images and train_labels, with the same for test"


def open_npz(config: DataConfig) -> Source:
    """Open a .npz file as a data set.

    Its arrays are images and labels, or x and y, alone or with the name of a split before or after (x_train,
    test_labels). Images: uint8 or uint16, (N, height, width) or (N, height, width, 1, 3 or 4). Labels: (N,) or (N, 1),
    whole numbers or texts; label_names, where there is one, names the classes 0, 1, ...

    Raises:
        PoolscopeError: naming the array that doesn't fit.
    """
    return open_own(config, partial(_collect, config))


def _collect(config: DataConfig, path: Path) -> Collection:
    arrays = _read_arrays(path)
    pairs = {
        split: (images, _find_labels(arrays, images, path)) for split, images in _find_images(arrays, path).items()
    }
    if len(pairs) > 1 and "" in pairs:
        raise PoolscopeError(f"{path} has images both with and without a split ({', '.join(arrays)}).")
    names = _read_names(arrays)
    items, places = [], {}
    for split, (key, labels) in pairs.items():
        for index, (image, label) in enumerate(zip(arrays[key], labels, strict=True)):
            text = str(label)
            text = names[int(text)] if text.isdecimal() and int(text) < len(names) else text
            item = Item(f"{key}[{index}]", text, hashlib.sha256(image.tobytes()).hexdigest(), split)
            items.append(item)
            places[item.name] = key, index
    if not items:
        raise PoolscopeError(f"{path} has no images in it.")
    fitting = choose_fitting(config)
    forms = {key: arrays[key].shape[1:] for key, _ in pairs.values()}
    headers = [(*forms[key][:2], len(forms[key]) == 3 and forms[key][2] > 1) for key, _ in places.values()]
    shape = find_shape(headers, list(places), fitting, str(path))

    def decode(item: Item) -> np.ndarray:
        key, index = places[item.name]
        return fit_image(to_image(arrays[key][index]), shape, fitting)

    return Collection(items, shape, decode)


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as opened:
            if not zipfile.is_zipfile(opened):
                raise ValueError("it is no archive of arrays; write it with numpy.savez")
            opened.seek(0)
            file = np.load(opened, allow_pickle=False)
            return {name: _read_array(file, name) for name in file.files}
    except Exception as error:  # a damaged archive fails in many ways, and so do Python objects in it
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PoolscopeError(f"data.path={path} cannot be read ({reason}).") from error


def _read_array(file: Any, name: str) -> Any:
    """An array of the archive; images are put on disk, since they may not fit into memory."""
    stored = StoredImages.unpack(file.zip, f"{name}.npy", cache_folder()) if _IMAGES.fullmatch(name) else None
    return file[name] if stored is None else stored


def _find_images(arrays: Mapping[str, np.ndarray], path: Path) -> dict[str, str]:
    """The name of each split's images: {"train": "x_train"}, {"": "images"}."""
    found: dict[str, str] = {}
    for name, array in arrays.items():
        match = _IMAGES.fullmatch(name)
        if match is None:
            continue
        where = f"{path}: {name}"
        if array.ndim not in (3, 4) or (array.ndim == 4 and array.shape[3] not in (1, 3, 4)):
            first = array.ndim == 4 and array.shape[1] in (1, 3, 4)
            hint = "; move its channels last, numpy.moveaxis(images, 1, -1)" if first else ""
            raise PoolscopeError(
                f"{where} must be (images, height, width) or (images, height, width, 1, 3 or 4 channels), not "
                f"{array.shape}{hint}."
            )
        if 0 in array.shape[1:]:
            raise PoolscopeError(f"{where} has images without a pixel, {array.shape}.")
        if array.dtype not in (np.uint8, np.uint16) or (array.dtype == np.uint16 and array.ndim == 4):
            raise PoolscopeError(
                f"{where} must be uint8 (or uint16 without channels), not {array.dtype}; for levels from 0 to 1, "
                "(255 * images).round().astype('uint8')."
            )
        split = match["before"] or match["after"] or ""
        if split in found:
            raise PoolscopeError(f"{path} has two arrays of the same images, {found[split]} and {name}.")
        found[split] = name
    if not found:
        raise PoolscopeError(f"{path} must have {_FORMS}; it has {', '.join(arrays) or 'nothing'}.")
    return found


def _find_labels(arrays: Mapping[str, np.ndarray], images: str, path: Path) -> np.ndarray:
    name = re.sub(r"(?<![a-z])x(?![a-z])", "y", images.replace("images", "labels"))
    if name not in arrays:
        raise PoolscopeError(f"{path} has {images} but no {name}; it must have {_FORMS}.")
    labels = arrays[name]
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.shape != arrays[images].shape[:1] or labels.dtype.kind not in "iuU":
        raise PoolscopeError(
            f"{path}: {name} must be one whole number or text for each of the {len(arrays[images]):,} images, not "
            f"{arrays[name].dtype} {arrays[name].shape}."
        )
    return labels


def _read_names(arrays: Mapping[str, np.ndarray]) -> list[str]:
    names = arrays.get("label_names")
    return [str(name) for name in names] if names is not None and names.ndim == 1 else []
