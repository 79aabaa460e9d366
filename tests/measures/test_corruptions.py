"""The corruption suite: fixed pixels, known strengths, and each corruption against what it must do."""

from __future__ import annotations

import math

import numpy as np
import pytest

from poolscope.measures.corruptions import (
    CORRUPTIONS,
    GROUPS,
    corrupt,
    corruptions_of,
    relative_accuracy,
)
from poolscope.spec.errors import PoolscopeError


def _images(n: int = 3, side: int = 28, channels: int = 1, seed: int = 0) -> np.ndarray:
    """Smooth pictures, so that blur and warping have something to keep."""
    rng = np.random.default_rng(seed)
    phases = rng.uniform(0, 6, (n, 1, 1, channels))
    rows, columns = np.mgrid[:side, :side][..., None]
    return np.round(127 + 100 * np.sin(rows / 4 + phases) * np.cos(columns / 5 + phases)).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_every_corruption_is_fixed_by_seed_and_image(channels: int) -> None:
    images = _images(channels=channels)
    for name, corruption in corruptions_of(channels).items():
        assert corruption.group in GROUPS
        last = len(corruption.strengths(channels))
        corrupted = corrupt(images, name, last)
        assert (corrupted.dtype, corrupted.shape) == (np.uint8, images.shape)
        assert (corrupted != images).mean() > 0.01, name
        alone = corrupt(images[2:], name, last, indices=[2])
        assert (alone == corrupted[2:]).all(), name
        again = corrupt(images, name, last, seed=1)
        deterministic = name in ("gaussian_blur", "pixelate", "scale", "contrast", "stripe", "inverse")
        assert (again == corrupted).all() == deterministic, name


def test_each_image_and_severity_draws_for_itself() -> None:
    images = np.full((2, 16, 16, 1), 128, np.uint8)
    corrupted = corrupt(images, "gaussian_noise", 5)
    assert (corrupted[0] != corrupted[1]).mean() > 0.9


def test_severities_grow() -> None:
    for channels in (1, 3):
        images = _images(20, channels=channels)
        for name, corruption in corruptions_of(channels).items():
            errors = [
                np.abs(corrupt(images, name, severity).astype(float) - images).mean()
                for severity in range(1, len(corruption.strengths(channels)) + 1)
            ]
            if name not in ("translate", "rotate", "shear", "scale"):  # waves come back into step
                assert errors == sorted(errors), name


def test_noise_has_the_stated_strength() -> None:
    images = np.full((40, 16, 16, 3), 128, np.uint8)
    level = 128 / 255
    gaussian = corrupt(images, "gaussian_noise", 3) / 255
    assert gaussian.std() == pytest.approx(0.08, rel=0.05)
    shot = corrupt(images, "shot_noise", 3) / 255
    assert shot.mean() == pytest.approx(level, abs=0.002)
    assert shot.std() == pytest.approx(math.sqrt(level / 100), rel=0.05)
    impulse = corrupt(images, "impulse_noise", 5)
    assert ((impulse == 0) | (impulse == 255)).mean() == pytest.approx(0.07, abs=0.01)
    assert (impulse == 255).sum() == pytest.approx((impulse == 0).sum(), rel=0.15)


def test_translation_moves_by_whole_pixels_either_way() -> None:
    images = np.zeros((60, 15, 15, 1), np.uint8)
    images[:, 7, 7] = 200
    seen = set()
    for image in corrupt(images, "translate", 3)[..., 0]:
        ((row, column),) = np.argwhere(image)
        assert image[row, column] == 200
        seen.add((int(row) - 7, int(column) - 7))
    assert seen == {(3, 3), (3, -3), (-3, 3), (-3, -3)}


def test_rotation_by_a_radian_either_way() -> None:
    images = np.zeros((20, 29, 29, 1), np.uint8)
    images[:, 14, 20:26] = 255  # a bar right of the centre
    angles = set()
    for image in corrupt(images, "rotate", 5)[..., 0].astype(float):
        weights = image / image.sum()
        rows, columns = np.mgrid[:29, :29]
        angles.add(round(math.atan2((weights * (rows - 14)).sum(), (weights * (columns - 14)).sum()), 1))
    assert angles == {1.0, -1.0}


def test_scaling_shrinks_a_drawing() -> None:
    images = np.full((1, 28, 28, 1), 255, np.uint8)
    assert corrupt(images, "scale", 5).mean() / 255 == pytest.approx(0.25, abs=0.03)


def test_contrast_and_inverse_by_hand() -> None:
    images = np.zeros((1, 2, 2, 1), np.uint8)
    images[0, 0] = 200
    assert corrupt(images, "contrast", 4)[0, :, :, 0].tolist() == [[110, 110], [90, 90]]  # mean 100, factor 0.1
    assert corrupt(images, "inverse", 1)[0, :, :, 0].tolist() == [[55, 55], [255, 255]]


def test_pixelation_averages_blocks() -> None:
    images = np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1) * 10
    # 4 x 0.5 = 2 blocks an axis: the four block means, each over its block.
    assert corrupt(images, "pixelate", 2)[0, :, :, 0].tolist() == [
        [25, 25, 45, 45],
        [25, 25, 45, 45],
        [105, 105, 125, 125],
        [105, 105, 125, 125],
    ]


def test_occlusion_covers_one_square_with_the_mean() -> None:
    images = _images(4)
    changed = corrupt(images, "occlusion", 2) != images
    for image, mask in zip(images, changed[..., 0], strict=True):
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        assert np.ptp(rows) < 6
        assert np.ptp(columns) < 6
        assert image.std() > 0


def test_unknown_corruptions_and_severities_are_refused() -> None:
    with pytest.raises(PoolscopeError, match="corruption must be one of gaussian_noise"):
        corrupt(_images(), "fog", 1)
    with pytest.raises(PoolscopeError, match="not 'shear'"):
        corrupt(_images(channels=3), "shear", 1)
    with pytest.raises(PoolscopeError, match="severity of inverse must be from 1 to 1, not 2"):
        corrupt(_images(), "inverse", 2)


def test_published_severities() -> None:
    assert CORRUPTIONS["gaussian_noise"].grey == (0.08, 0.12, 0.18, 0.26, 0.38)
    assert CORRUPTIONS["gaussian_blur"].colour == (0.4, 0.6, 0.7, 0.8, 1.0)
    assert set(corruptions_of(3)) < set(corruptions_of(1))


def test_relative_accuracy_by_hand() -> None:
    assert relative_accuracy(0.45, 0.9) == 0.5
    assert math.isnan(relative_accuracy(0.1, 0))


@pytest.mark.parametrize("level", [0, 128, 255])
def test_constant_images_can_be_corrupted(level: int) -> None:
    for channels in (1, 3):
        images = np.full((1, 9, 9, channels), level, np.uint8)
        for name, corruption in corruptions_of(channels).items():
            for severity in (1, len(corruption.strengths(channels))):
                assert corrupt(images, name, severity).shape == images.shape
        assert corrupt(images[:0], "elastic", 1).shape == (0, 9, 9, channels)
