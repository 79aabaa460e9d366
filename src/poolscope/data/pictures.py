"""Image files of any size and kind as 8-bit grey or RGB arrays of one shape."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from poolscope.spec.config import DataConfig
from poolscope.spec.errors import PoolscopeError

_GREY = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "I;16N", "F")
_ORIENTATION = 0x0112  # the EXIF tag; from 5 on, rows and columns change places
_CLEAR = ("LA", "PA", "La", "RGBA", "RGBa")

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Fitting:
    """How images become arrays of one shape.

    shape: (height, width, channels), or None where all images must have one size already. fit: crop (scale the image
    until it covers the shape, keep its centre), pad (scale it until the shape covers it, centre it) or stretch.
    background: grey level behind transparent pixels and around padded images.
    """

    shape: Shape | None
    fit: str = "crop"
    background: int = 0

    def __str__(self) -> str:
        """Name it in the file names of decoded images."""
        shape = "x".join(map(str, self.shape)) if self.shape else "as-is"
        return f"{shape}-{self.fit}-{self.background}"


def choose_fitting(config: DataConfig) -> Fitting:
    """Read how images are fitted from a configuration."""
    shape = None
    if config.shape is not None:
        height, width, channels = config.shape
        shape = (height, width, channels)
    return Fitting(shape, config.fit or "crop", config.background or 0)


def read_header(path: Path) -> tuple[int, int, bool]:
    """Read height and width of an image file, upright, and whether it has colour, without decoding it.

    Raises:
        ValueError: with a reason, where the file is no image that Pillow can read.
    """
    with _reading(path), Image.open(path) as image:
        turned = image.getexif().get(_ORIENTATION, 1) >= 5
        height, width = (image.width, image.height) if turned else (image.height, image.width)
        return height, width, image.mode not in _GREY


def read_image(path: Path) -> Image.Image:
    """Decode an image file and turn it upright; raises ValueError as `read_header` does."""
    with _reading(path), Image.open(path) as image:
        image.load()
        return ImageOps.exif_transpose(image)


def fit_image(image: Image.Image, shape: Shape, fitting: Fitting) -> np.ndarray:
    """Convert an image to uint8 (height, width, channels).

    16-bit grey levels are divided by 257 and rounded; transparent pixels show the background; colour becomes grey by
    the luma weights of ITU-R BT.601, as Pillow has it; sizes change by Pillow's antialiased bilinear filter.

    Raises:
        ValueError: where grey levels are beyond 16 bits.
    """
    height, width, channels = shape
    mode = "L" if channels == 1 else "RGB"
    image = _flatten(_to_8_bit(image), mode, fitting.background)
    if image.size != (width, height):
        bilinear, level = Image.Resampling.BILINEAR, fitting.background
        if fitting.fit == "crop":
            image = ImageOps.fit(image, (width, height), bilinear)
        elif fitting.fit == "pad":
            image = ImageOps.pad(image, (width, height), bilinear, color=level if channels == 1 else (level,) * 3)
        else:
            image = image.resize((width, height), bilinear)
    return np.asarray(image, np.uint8).reshape(shape)


def fit_array(pixels: np.ndarray, fitting: Fitting) -> np.ndarray:
    """Fit a decoded uint8 image (height, width) or (height, width, 1 or 3); raises PoolscopeError without a shape."""
    if fitting.shape is None:
        raise PoolscopeError("data.fit needs data.shape=[height,width,channels].")
    return fit_image(to_image(pixels), fitting.shape, fitting)


def to_image(pixels: np.ndarray) -> Image.Image:
    """Make an image of an array (height, width), or (height, width, channels)."""
    return Image.fromarray(pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels)


def find_shape(headers: Sequence[tuple[int, int, bool]], names: Sequence[str], fitting: Fitting, where: str) -> Shape:
    """Find the shape of all images: the one asked for, else theirs, with 3 channels where any has colour.

    Raises:
        PoolscopeError: where none is asked for and they differ in size.
    """
    if fitting.shape is not None:
        return fitting.shape
    height, width, _ = headers[0]
    for name, (other_height, other_width, _) in zip(names, headers, strict=True):
        if (other_height, other_width) != (height, width):
            raise PoolscopeError(
                f"{where} has images of several sizes ({names[0]} is {height}x{width}, {name} is "
                f"{other_height}x{other_width}); give one for all, as in data.shape=[64,64,3]."
            )
    return height, width, 3 if any(colour for _, _, colour in headers) else 1


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Make one kind of error of all that Pillow's decoders raise for damaged files."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of metadata, and of images above 89 million pixels
            yield
    except UnidentifiedImageError as error:
        raise ValueError("it is no image that Pillow knows") from error
    except Exception as error:
        raise ValueError(" ".join(str(error).replace(repr(str(path)), "it").split()) or type(error).__name__) from error


def _to_8_bit(image: Image.Image) -> Image.Image:
    if not image.mode.startswith("I"):
        if image.mode == "F":
            raise ValueError("its grey levels are floating-point numbers")
        return image
    levels = np.asarray(image).astype(np.int64)
    if levels.size and not 0 <= levels.min() <= levels.max() <= 65535:
        raise ValueError("its grey levels are beyond 16 bits")
    return Image.fromarray(((levels + 128) // 257).astype(np.uint8))


def _flatten(image: Image.Image, mode: str, background: int) -> Image.Image:
    """Convert to L or RGB, with the background where the image is transparent."""
    if image.mode not in _CLEAR and "transparency" not in image.info:
        return image.convert(mode)
    clear = image.convert("RGBA")
    behind = Image.new("RGBA", clear.size, (background, background, background, 255))
    return Image.alpha_composite(behind, clear).convert(mode)
