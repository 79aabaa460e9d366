"""Single images: every kind of file to 8-bit arrays of one shape, with hand-worked values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poolscope.data.pictures import Fitting, find_shape, fit_array, fit_image, read_header, read_image
from poolscope.spec.errors import PoolscopeError

GREY, COLOUR = (1, 2, 1), (1, 2, 3)


def save(path: Path, pixels: object, dtype: str = "uint8", mode: str | None = None) -> Path:
    image = Image.fromarray(np.array(pixels, dtype))
    (image.convert(mode) if mode else image).save(path)
    return path


@pytest.mark.parametrize(
    ("pixels", "dtype", "mode", "grey", "colour"),
    [
        ([[0, 200]], "uint8", None, [0, 200], [0, 0, 0, 200, 200, 200]),
        ([[0, 255]], "uint8", "1", [0, 255], [0, 0, 0, 255, 255, 255]),
        # 16 bit: 128 is nearest to 0 of 257 levels, 129 to 1; 65535 is white
        ([[128, 65535]], "uint16", None, [0, 255], [0, 0, 0, 255, 255, 255]),
        ([[129, 32896]], "uint16", None, [1, 128], [1, 1, 1, 128, 128, 128]),
        # luma: 0.299 * 255 = 76, 0.114 * 255 = 29
        ([[[255, 0, 0], [0, 0, 255]]], "uint8", None, [76, 29], [255, 0, 0, 0, 0, 255]),
        ([[[255, 0, 0], [0, 0, 255]]], "uint8", "P", [76, 29], [255, 0, 0, 0, 0, 255]),
        # alpha over the background 100: clear shows it, opaque hides it
        ([[[9, 9, 9, 0], [9, 9, 9, 255]]], "uint8", None, [100, 9], [100, 100, 100, 9, 9, 9]),
        ([[[9, 9, 9, 0], [9, 9, 9, 255]]], "uint8", "LA", [100, 9], [100, 100, 100, 9, 9, 9]),
    ],
)
def test_every_kind_becomes_grey_or_rgb(
    tmp_path: Path, pixels: object, dtype: str, mode: str | None, grey: list[int], colour: list[int]
) -> None:
    path = save(tmp_path / "image.png", pixels, dtype, mode)
    for shape, expected in ((GREY, grey), (COLOUR, colour)):
        found = fit_image(read_image(path), shape, Fitting(shape, "crop", 100))
        assert found.shape == shape
        assert found.ravel().tolist() == expected


@pytest.mark.parametrize(
    ("fit", "expected"),
    [
        ("crop", [[30, 40], [30, 40]]),  # the middle two of six columns
        ("stretch", None),
        ("pad", None),
    ],
)
def test_other_sizes_are_cropped_padded_or_stretched(fit: str, expected: list[list[int]] | None) -> None:
    image = Image.fromarray(np.tile(np.array([10, 20, 30, 40, 50, 60], np.uint8), (2, 1)))
    found = fit_image(image, (2, 2, 1), Fitting((2, 2, 1), fit, 7))[..., 0]
    if fit == "crop":
        assert found.tolist() == expected
    elif fit == "stretch":  # antialiased halves: darker left, brighter right, rows alike
        assert found[0, 0] < 30 < 40 < found[0, 1]
        assert found[0].tolist() == found[1].tolist()
    else:  # 6x2 fits 2x1 of 2x2: one row of image, one of background
        assert sorted(set(found[:, 0].tolist()) & {7}) == [7]


def test_photographs_are_turned_upright(tmp_path: Path) -> None:
    image, exif = Image.fromarray(np.array([[0, 255, 255]], np.uint8)), Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    image.save(tmp_path / "turned.png", exif=exif)
    assert read_header(tmp_path / "turned.png") == (3, 1, False)
    assert np.asarray(read_image(tmp_path / "turned.png"))[:, 0].tolist() == [0, 255, 255]


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_damaged_files_give_one_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "image.png").write_bytes(content)
    for read in (read_header, read_image):
        with pytest.raises(ValueError, match=r".+") as caught:
            read(tmp_path / "image.png")
        assert str(caught.value) == "it is no image that Pillow knows"


def test_a_file_that_ends_early_has_a_header_but_no_image(tmp_path: Path) -> None:
    noise = np.random.RandomState(0).randint(0, 256, (40, 40)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "image.jpg")
    whole = (tmp_path / "image.jpg").read_bytes()
    (tmp_path / "image.jpg").write_bytes(whole[: len(whole) // 2])
    assert read_header(tmp_path / "image.jpg") == (40, 40, False)
    with pytest.raises(ValueError, match="truncated"):
        read_image(tmp_path / "image.jpg")


def test_numbers_that_are_no_grey_levels_are_refused(tmp_path: Path) -> None:
    for pixels, dtype, sentence in (([[0.5, 0.1]], "float32", "floating-point"), ([[70000, 1]], "int32", "16 bits")):
        path = save(tmp_path / "image.tif", pixels, dtype)
        with pytest.raises(ValueError, match=sentence):
            fit_image(read_image(path), GREY, Fitting(GREY))


def test_without_a_shape_all_images_must_have_one() -> None:
    headers = [(4, 5, False), (4, 5, True)]
    assert find_shape(headers, ["a", "b"], Fitting(None), "data.path=x") == (4, 5, 3)
    assert find_shape(headers[:1], ["a"], Fitting(None), "data.path=x") == (4, 5, 1)
    with pytest.raises(
        PoolscopeError, match=r"several sizes \(a is 4x5, b is 5x4\); give one .* data.shape=\[64,64,3\]"
    ):
        find_shape([(4, 5, False), (5, 4, False)], ["a", "b"], Fitting(None), "data.path=x")
    with pytest.raises(PoolscopeError, match=r"data.fit needs data.shape"):
        fit_array(np.zeros((2, 2, 1), np.uint8), Fitting(None))
