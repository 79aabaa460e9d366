"""Folders of image files as people have them: mixed sizes, kinds and splits, with known contents."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits


def write_folder(folder: Path, counts: Mapping[str, int], size: tuple[int, int] = (6, 5), seed: int = 0) -> Path:
    """Write so many random grey PNG files in each class folder, such as {"train/cat": 3}; sizes are (width, height)."""
    rng = np.random.RandomState(seed)
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            levels = rng.randint(0, 256, size[::-1]).astype(np.uint8)
            Image.fromarray(levels).save(folder / name / f"{number}.png")
    return folder


def write_digits(folder: Path, counts: Mapping[int, int]) -> Path:
    """Write scikit-learn's digits as PNG and JPEG files of 10 to 30 pixels, so many of each class."""
    bunch, rng = load_digits(), np.random.RandomState(0)
    for digit, count in counts.items():
        (folder / f"digit{digit}").mkdir(parents=True)
        for number, levels in enumerate(bunch.images[bunch.target == digit][:count]):
            image = Image.fromarray(np.round(levels * 255 / 16).astype(np.uint8))
            kind = "png" if number % 2 else "jpg"
            image.resize(tuple(rng.randint(10, 31, 2))).save(folder / f"digit{digit}" / f"{number}.{kind}")
    return folder


def configure_own(path: Path, source: str = "folder", **keys: object):
    """The keys of data=folder or data=npz as the shipped file has them, with these changed."""
    from omegaconf import OmegaConf

    from poolscope.spec.config import DataConfig
    from poolscope.spec.paths import shipped

    values = OmegaConf.load(shipped("configs") / "data" / f"{source}.yaml")
    return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(DataConfig), values, {"path": str(path)}, keys))
