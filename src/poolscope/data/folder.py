"""`data=folder`: image files in class folders, with train/ and test/ above them if wanted, or listed in a CSV file."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from poolscope.data.own_images import Collection, Item, open_own
from poolscope.data.pictures import Fitting, Shape, choose_fitting, find_shape, fit_image, read_header, read_image
from poolscope.data.splits import Source
from poolscope.process.terminal import format_count
from poolscope.spec.config import DataConfig
from poolscope.spec.content_hash import SUFFIXES, hash_file, list_images, walk_files
from poolscope.spec.errors import PoolscopeError

SPLITS = ("train", "test", "val", "valid", "validation")


def open_folder(config: DataConfig) -> Source:
    """Open a folder of images as a data set; see `DataConfig` for its keys.

    Raises:
        PoolscopeError: where the folder has no classes, or has files that can't be read or sorted in.
    """
    return open_own(config, partial(_collect, config))


def list_items(config: DataConfig, folder: Path) -> tuple[list[tuple[str, str, str]], tuple[str, ...]]:
    """List (file, class, split or "") of every image, and sentences on files that are left out.

    Raises:
        PoolscopeError: naming the first file or folder that doesn't fit.
    """
    names = list_images(folder)
    others = sorted(set(walk_files(folder)) - set(names) - {config.files})
    spare = format_count(len(others), "file of another kind was", "files of other kinds were")
    notes = [f"{spare} left out, first {others[0]}"] if others else []
    if not names:
        raise PoolscopeError(f"data.path={folder} has no images ({', '.join(SUFFIXES)}) in it.")
    if config.files is None:
        return list(_sort_by_folders(folder, names)), tuple(notes)
    listed = list(_read_list(folder, config.files, set(names)))
    count = len(names) - len(listed)
    notes += [f"{format_count(count, 'image')} not listed in {config.files}, left out"] if count else []
    return listed, tuple(notes)


def _collect(config: DataConfig, folder: Path) -> Collection:
    listed, notes = list_items(config, folder)
    fitting = choose_fitting(config)
    headers, readable = [], []
    for name, _, _ in listed:
        try:
            headers.append(read_header(folder / name))
            readable.append(name)
        except ValueError:
            continue  # decoding says so
    shape = find_shape(headers, readable, fitting, f"data.path={folder}") if headers else (1, 1, 1)
    items = [Item(name, label, hash_file(folder / name), split) for name, label, split in listed]
    return Collection(items, shape, partial(_read, folder, shape, fitting), notes)


def _read(folder: Path, shape: Shape, fitting: Fitting, item: Item) -> np.ndarray:
    return fit_image(read_image(folder / item.name), shape, fitting)


def _sort_by_folders(folder: Path, names: list[str]) -> Iterator[tuple[str, str, str]]:
    """Classes, and splits where train/ and another one stand above them, from the folders that images are in."""
    above = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    with_splits = "train" in above and len(above) > 1 and set(above) <= set(SPLITS)
    depth = 1 + with_splits
    for name in names:
        *folders, _ = name.split("/")
        if len(folders) < depth:
            where = f"{folder}/{folders[0]}" if folders else str(folder)
            raise PoolscopeError(
                f"data.path={folder}: {name} is in no class folder; put the images of each class in a folder of its "
                f"own, as in {where}/cat/{PurePosixPath(name).name}, or list file and label in data.files."
            )
    filled = {tuple(name.split("/")[:depth]) for name in names}
    for path in sorted(folder.glob("/".join(["*"] * depth))):
        place = path.relative_to(folder).parts
        if path.is_dir() and place not in filled and not any(part.startswith(".") for part in place):
            raise PoolscopeError(f"data.path={folder}: the class folder {path} has no images; take it away or fill it.")
    for name in names:
        first, second, *_ = name.split("/")
        yield (name, second, first) if with_splits else (name, first, "")


def _read_list(folder: Path, listed: str, names: set[str]) -> Iterator[tuple[str, str, str]]:
    """The rows of a CSV file with columns file and, if wanted, label (else the file's folder) and split."""
    path = folder / listed
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
            columns = reader.fieldnames or ()
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise PoolscopeError(f"data.files={listed}: {path} cannot be read ({reason}).") from error
    if "file" not in columns or not rows:
        raise PoolscopeError(f"data.files={listed} must have a column file and a row for each image.")
    seen: set[str] = set()
    for number, row in enumerate(rows, start=2):
        name = PurePosixPath((row["file"] or "").strip()).as_posix()
        label = (row.get("label") or "").strip() or PurePosixPath(name).parent.name
        if name not in names or name in seen or not label:
            problem = "is listed twice" if name in seen else "has no label" if name in names else "is no image there"
            raise PoolscopeError(f"data.files={listed}, line {number}: {name!r} {problem}.")
        seen.add(name)
        split = (row.get("split") or "").strip()
        if split and not re.fullmatch(r"[\w-]+", split, re.ASCII):
            raise PoolscopeError(f"data.files={listed}, line {number}: a split is one word, not {split!r}.")
        yield name, label, split
