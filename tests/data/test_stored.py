"""Images on disk, read like an array: the same values for every index, chosen and joined without reading."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poolscope.data.stored import ScratchRows, StoredImages, iterate_blocks

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 3, 2, 3), np.uint8)


@pytest.fixture
def stored(tmp_path: Path) -> StoredImages:
    np.save(tmp_path / "images.npy", IMAGES)
    return StoredImages.of(np.load(tmp_path / "images.npy", mmap_mode="r"))


@pytest.mark.parametrize(
    "index",
    [
        0,
        -1,
        slice(2, 5),
        slice(5, 2),
        slice(None, None, 2),
        np.array([6, 0, 0, 1, 2]),
        np.arange(7) % 2 == 1,
        np.array([], int),
    ],
    ids=str,
)
def test_every_index_reads_what_an_array_has_there(stored: StoredImages, index: Any) -> None:
    np.testing.assert_array_equal(stored[index], IMAGES[index])
    if not isinstance(index, int):
        chosen = stored.take(index)
        np.testing.assert_array_equal(np.asarray(chosen), IMAGES[index])
        assert chosen.shape == IMAGES[index].shape and chosen.ndim == 4 and chosen.dtype == np.uint8


BORDER = [(1, 2), (0, 1)]


@pytest.mark.parametrize(
    ("choose", "expected"),
    [
        (lambda x: x.take(slice(1, 6)).take(np.array([4, 0])), IMAGES[[5, 1]]),
        (lambda x: StoredImages.join([x.take([3]), x, x.take([0, 6])]), IMAGES[[3, *range(7), 0, 6]]),
        (lambda x: x.pad(BORDER).take([2]), np.pad(IMAGES[[2]], [(0, 0), *BORDER, (0, 0)])),
    ],
)
def test_images_are_chosen_joined_and_padded(
    stored: StoredImages, choose: Callable[[StoredImages], StoredImages], expected: np.ndarray
) -> None:
    chosen = choose(stored)
    assert chosen.shape == expected.shape
    np.testing.assert_array_equal(chosen[:], expected)
    np.testing.assert_array_equal(np.stack(list(chosen)), expected)
    np.testing.assert_array_equal(np.concatenate(list(iterate_blocks(chosen))), expected)


def test_choosing_reads_nothing_and_a_file_cut_off_is_an_error(stored: StoredImages, tmp_path: Path) -> None:
    (tmp_path / "images.npy").write_bytes((tmp_path / "images.npy").read_bytes()[:-20])
    chosen = stored.take(slice(5, None)).pad(BORDER)
    np.testing.assert_array_equal(stored[:5], IMAGES[:5])
    with pytest.raises(OSError, match="cut off"):
        chosen[:]


def test_rows_written_one_by_one_are_read_in_any_order(tmp_path: Path) -> None:
    rows = ScratchRows(tmp_path / "new", (3, 2, 3))
    for image in IMAGES:
        rows.append(image[:, ::-1])
    np.testing.assert_array_equal(rows.images()[[4, 1]], IMAGES[[4, 1], :, ::-1])
    assert not list((tmp_path / "new").iterdir()), "a scratch file has no name"


@pytest.mark.parametrize(
    ("array", "unpacked"),
    [
        (IMAGES, True),
        (IMAGES[..., 0].astype(np.uint16) * 257, True),
        (np.asfortranarray(IMAGES), False),
        (np.array([1, 2, 3]), False),
        (np.array([None, "x"]), False),
    ],
)
@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_arrays_of_an_archive_are_put_on_disk_where_rows_lie_side_by_side(
    array: np.ndarray, unpacked: bool, write: Callable[..., None], tmp_path: Path
) -> None:
    write(tmp_path / "a.npz", x=array)
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        found = StoredImages.unpack(archive, "x.npy", tmp_path)
    assert (found is not None) == unpacked
    if found is not None:
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found[:], array)
