"""The share of a contrast's uncertainty that comes from the test images, by a model of seeds crossed with images."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np


def find_image_variance(effects: np.ndarray) -> float:
    """Estimate the variance of a mean effect that is due to the test images.

    effects: of each seed (row) on each test image (column), such as the difference of two arms' correctness. In the
    crossed model effect = mean + seed + image + residual, with mean squares MS_I = n var(image means) and MS_E of the
    residuals, the images' variance is max(0, (MS_I - MS_E) / n) and its share of the mean's variance that over the
    number of images (Searle, Casella & McCulloch 1992). Returns 0 for fewer than 2 seeds or images.
    """
    n, images = effects.shape
    if n < 2 or images < 2:
        return 0.0
    by_image, by_seed = effects.mean(axis=0), effects.mean(axis=1)
    residuals = effects - by_image - by_seed[:, None] + effects.mean()
    between = n * float(by_image.var(ddof=1))
    within = float((residuals**2).sum()) / ((n - 1) * (images - 1))
    return max(0.0, (between - within) / n) / images


def read_correct(texts: Sequence[str]) -> np.ndarray:
    """Read `test_correct` texts of equally many images: a row per text, 1 where the image was classified rightly."""
    rows = []
    for text in texts:
        count, _, encoded = text.partition(":")
        rows.append(np.unpackbits(np.frombuffer(base64.b64decode(encoded), dtype=np.uint8), count=int(count)))
    return np.array(rows, dtype=np.float64)


def read_scores(texts: Sequence[str]) -> np.ndarray:
    """Read `image_scores` texts of equally many images: a row per text, each image's score from 0 to 1."""
    rows = [np.frombuffer(base64.b64decode(text.partition(":")[2]), dtype=np.uint8) for text in texts]
    return np.array(rows, dtype=np.float64) / 255
